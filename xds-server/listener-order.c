/* A listener takes over an address: of one that is gone, and ends in the same response; of one that
 * moves, and moves first, or, where two wait for each other, ends and comes back. */
#include "xds-server/listener-order.h"
#include "common/base/cleanup.h"

/* Whether the client's listener has an address that the new one needs. */
static bool stands_in_the_way(const struct bound *b, const struct bound *wanted, uint32_t id)
{
	return b->id != id && bound_meets(b, wanted);
}

/* Whether the listener could move where it is wanted. */
static bool may_move(const struct stream *s, const struct resource *r)
{
	struct bound wanted;

	bound_read(r->item, &wanted);
	for (size_t i = 0; i < s->bounds.n; i++)
		if (stands_in_the_way(&s->bounds.b[i], &wanted, r->id))
			return false;
	return true;
}

bool listener_order(const struct stream *s, const struct subscription *sub,
		    const struct resource *r, struct listener_order *ret)
{
	struct bound wanted, other;

	ret->n_aside = ret->n_gone = 0;
	bound_read(r->item, &wanted);
	for (size_t i = 0; i < s->bounds.n; i++) {
		const struct bound *b = &s->bounds.b[i];
		struct entry *e;
		struct resource *x;

		if (!stands_in_the_way(b, &wanted, r->id))
			continue;
		e = subscription_awake(sub, b->id);
		x = resource_store_by_id(s->c.store, sub->kind, b->id);
		if (!e || !x || ret->n_aside + ret->n_gone == BOUND_ADDRESSES_MAX)
			continue;
		x = stream_serves(s, x);
		if (!x->item) {
			if (e->flags & ENTRY_HELD)
				ret->gone[ret->n_gone++] = x;
			continue;
		}
		bound_read(x->item, &other);
		/* Both are wanted at that address: it is Envoy's to refuse. */
		if (bound_meets(&other, &wanted))
			continue;
		/* It is on its way, or goes first. */
		if (e->flags & ENTRY_IN_FLIGHT)
			return false;
		if (!(e->flags & ENTRY_QUEUED))
			continue;
		if (s->c.delta && may_move(s, x))
			return false;
		ret->aside[ret->n_aside++] = x;
	}
	return true;
}
