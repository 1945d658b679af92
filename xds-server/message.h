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

/* Copies small neighbours into one piece. Shares a resource that is large or alone, as it is likely
 * to go to other clients as well, and a long piece with the other clients that get it. */
void message_add_resources(struct message *m, struct resource_store *store, struct resource **r,
			   size_t n);
void message_add_pin(struct message *m, const struct pin *pin);
/* Secrets, each in bytes that no other message has: Envoy's SdsApi keeps the hash of what it gets
 * before it looks at it, and takes what has the same hash without a look. So it would accept a
 * Secret that it has refused, if it got the same bytes again: on this stream, or on a later one,
 * from another process. What a client of delta holds is not sent to it again. */
void message_add_secrets(struct message *m, struct resource_store *store, struct resource *const *r,
			 size_t n);
/* The fields after the resources. version: for state of the world, otherwise NULL; removed: for
 * delta. */
void message_add_tail(struct message *m, unsigned kind, const char *version, uint64_t nonce,
		      struct resource *const *removed, size_t n_removed);
