/* Holds routes until their backends exist. */
#include "translator/guard/route-patience.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/hashmap.h"
#include "translator/graph/cell.h"
#include "translator/kinds.h"
#include "translator/model/front-end.h"

#define PATIENCE_USEC (500 * USEC_PER_MSEC)

/* A route that changed since the last settlement, or that is held. */
struct wait {
	char *key;          /* of its facts */
	struct item *serve; /* the version served meanwhile, as injected; without value: none */
	uint64_t source;
	int64_t until; /* 0: not held */
};

struct route_patience {
	struct graph *graph;
	struct hashmap waits; /* struct wait */
};

static const void *wait_key(const void *entry, size_t *ret_len)
{
	const struct wait *w = entry;

	*ret_len = strlen(w->key);
	return w->key;
}

static void wait_free(struct wait *w)
{
	item_unref(w->serve);
	free(w->key);
	free(w);
}

struct route_patience *route_patience_new(struct graph *g)
{
	struct route_patience *p = xnew(struct route_patience, 1);

	*p = (struct route_patience){ g, HASHMAP_INIT(wait_key) };
	return p;
}

void route_patience_free(struct route_patience *p)
{
	struct wait *w;

	if (!p)
		return;
	HASHMAP_FOREACH (&p->waits, w)
		wait_free(w);
	hashmap_done(&p->waits);
	free(p);
}

void route_patience_object(struct route_patience *p, struct item *before, struct item *after)
{
	const struct front_end *f = after ? front_end((enum object_kind)after->kind) : NULL;
	_cleanup_free_ char *key = NULL;
	struct wait *w;

	if (!f || !f->waits)
		return;
	key = xasprintf("%u %s", after->kind, item_key(after));
	if (hashmap_get_str(&p->waits, key))
		return;
	w = xnew(struct wait, 1);
	*w = (struct wait){ .key = TAKE_PTR(key),
			    .serve = before ? item_ref(before)
					    : item_new(after->kind, after->data, after->key_len,
						       NULL, 0, NULL, 0) };
	(void)hashmap_put(&p->waits, w);
}

static bool is_waiting(const struct route_patience *p, const struct wait *w)
{
	size_t n;

	(void)graph_facts(p->graph, FACT_WAITING, w->key, strlen(w->key), &n);
	return n > 0;
}

/* Whether to begin or go on holding it. */
static bool is_due(const struct route_patience *p, const struct wait *w, int64_t now)
{
	return is_waiting(p, w) && (!w->until || w->until > now);
}

bool route_patience_settle(struct route_patience *p, uint64_t source, int64_t now)
{
	struct vec over = { 0 };
	struct wait *w;
	bool changed = false;

	HASHMAP_FOREACH (&p->waits, w) {
		if (!is_due(p, w, now)) {
			vec_add(&over, w);
		} else if (!w->until) {
			w->until = now + PATIENCE_USEC;
			w->source = source;
			graph_inject(p->graph, FACT_PATIENCE, w->key, strlen(w->key), w->serve);
			changed = true;
		}
	}
	for (uint32_t i = 0; i < over.n; i++) {
		w = vec_at(&over, i);
		(void)hashmap_remove(&p->waits, w->key, strlen(w->key));
		if (w->until) {
			graph_uninject(p->graph, FACT_PATIENCE, w->key, strlen(w->key), w->serve);
			changed = true;
		}
		wait_free(w);
	}
	vec_done(&over);
	return changed;
}

uint64_t route_patience_reached(const struct route_patience *p, uint64_t source)
{
	struct wait *w;

	HASHMAP_FOREACH (&p->waits, w)
		if (w->until && w->source <= source)
			source = w->source - 1;
	return source;
}

int64_t route_patience_next(const struct route_patience *p)
{
	int64_t next = -1;
	struct wait *w;

	HASHMAP_FOREACH (&p->waits, w)
		if (w->until && (next < 0 || w->until < next))
			next = w->until;
	return next;
}
