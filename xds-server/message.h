/* The bytes of a discovery response, put together from encoded resources without copying the large
 * ones. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xds-server/pin.h"
#include "xds-server/resource-store.h"

struct message {
	bool delta;
	struct segment *s; /* each with a reference */
	size_t n, cap;
	size_t bytes;
};

/* Small neighbours are copied into one piece; what is large, or alone and so likely to go to other
 * clients as well, is shared. */
void message_add_resources(struct message *m, struct resource_store *store, struct resource **r, size_t n);
void message_add_pin(struct message *m, const struct pin *pin);
/* What follows the resources. version: of state of the world, otherwise NULL; removed: of delta. */
void message_add_tail(struct message *m, unsigned kind, const char *version, uint64_t nonce,
		      struct resource *const *removed, size_t n_removed);
