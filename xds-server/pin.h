/* Resources that wait for others, kept as they were when they began to wait: under a storm of
 * changes the latest version of a shared route table always refers to some cluster that the client
 * has not got yet, and would never be sent. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xds-server/resource-store.h"

struct pin {
	struct resource *resource; /* a reference */
	struct item *item;         /* these are of the version of that time */
	struct encoding *encoded;
	size_t any; /* bytes of the element for state of the world, the encoding's last */
	uint64_t version, turn;
};

/* The pins of one stream. */
struct pins {
	struct pin *p;
	size_t n, cap;
};

#define PINS_MAX 16

struct pin *pins_find(struct pins *p, const struct resource *r);
/* Keeps the resource's present version, unless one is kept already, or there are too many. */
void pins_add(struct pins *p, struct resource_store *store, struct resource *r);
/* Drops the pin of the resource, if there is one. */
void pins_drop(struct pins *p, struct resource_store *store, unsigned kind, uint32_t id);
void pins_clear(struct pins *p, struct resource_store *store);
