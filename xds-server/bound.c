/* Listener.address = 2, .additional_addresses = 33 { address = 1 } (envoy/config/listener/v3). */
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/hash.h"
#include "common/base/wire.h"
#include "xds-server/bound.h"

#define ADDRESS            2
#define ADDITIONAL         33
#define ADDITIONAL_ADDRESS 1

static void add(struct bound *b, const struct wire_field *address)
{
	if (b->n < BOUND_ADDRESSES_MAX)
		b->has[b->n++] = hash_bytes(address->data, address->len);
}

void bound_read(const struct item *listener, struct bound *ret)
{
	struct wire w = { item_value(listener), item_value(listener) + listener->value_len };
	struct wire_field f, g;

	ret->n = 0;
	while (wire_next(&w, &f) > 0) {
		if (f.type != WIRE_BYTES)
			continue;
		if (f.number == ADDRESS) {
			add(ret, &f);
		} else if (f.number == ADDITIONAL) {
			struct wire inner = { f.data, f.data + f.len };

			while (wire_next(&inner, &g) > 0)
				if (g.number == ADDITIONAL_ADDRESS && g.type == WIRE_BYTES)
					add(ret, &g);
		}
	}
}

bool bound_meets(const struct bound *a, const struct bound *b)
{
	for (size_t i = 0; i < a->n; i++)
		for (size_t k = 0; k < b->n; k++)
			if (a->has[i] == b->has[k])
				return true;
	return false;
}

static struct bound *find(const struct bounds *all, uint32_t id)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->b[i].id == id)
			return &all->b[i];
	return NULL;
}

void bounds_set(struct bounds *all, uint32_t id, const struct item *listener)
{
	struct bound *b = find(all, id);

	if (!listener) {
		if (b)
			*b = all->b[--all->n];
		return;
	}
	if (!b) {
		GROW(all->b, all->n, all->cap);
		b = &all->b[all->n++];
		b->id = id;
	}
	bound_read(listener, b);
}

void bounds_done(struct bounds *all)
{
	free(all->b);
}
