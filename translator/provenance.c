/* Which objects a resource is made from: the reads of the unit that emitted it, followed through the
 * units that it had read. A search over all units, for questions by people and for rejected resources.
 * Runs in the translator. */
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "translator/graph-internal.h"

struct search {
	struct graph *graph;
	struct vec units;   /* to look at; grows while they are looked at */
	struct vec objects; /* items found */
};

static void add_unit(struct search *s, struct unit *u)
{
	for (uint32_t i = 0; i < s->units.n; i++)
		if (vec_at(&s->units, i) == u)
			return;
	vec_add(&s->units, u);
}

static void add_emitters(struct search *s, const struct cell *c)
{
	struct cell *u;

	for (unsigned k = 0; k < UNIT_KIND_MAX_; k++)
		HASHMAP_FOREACH(&s->graph->cells[SPACE_UNIT][k], u) {
			const struct unit *unit = (const struct unit *)u;

			for (uint32_t i = 0; i < unit->n_emits; i++)
				if (unit->emits[i].cell == c)
					add_unit(s, (struct unit *)u);
		}
}

/* Injected facts have no emitter, but they are what hosts had as an output. */
static void add_hosts(struct search *s, const struct cell *c)
{
	for (uint32_t i = 0; i < c->entries.n; i++) {
		const struct item *host = vec_at(&c->entries, i);
		struct cell *output = hashmap_get(&s->graph->cells[SPACE_OUTPUT][OUTPUT_HOST_ROUTES],
						  host->data, host->key_len);

		if (output)
			add_emitters(s, output);
	}
}

static void add_read(struct search *s, struct cell *c)
{
	struct item *object;

	switch ((enum space)c->space) {
	case SPACE_OBJECT:
		object = state_get(s->graph->config.objects, c->kind, c->key, c->key_len);
		if (object)
			vec_add(&s->objects, object);
		break;
	case SPACE_INDEX:
		for (uint32_t i = 0; i < c->entries.n; i++)
			vec_add(&s->objects, vec_at(&c->entries, i));
		break;
	case SPACE_FACT:
		if (c->kind == FACT_SAME_ROUTES)
			add_hosts(s, c);
		/* A table's parts have owners of their own, who answer for them. */
		if (c->kind != FACT_PART)
			add_emitters(s, c);
		break;
	case SPACE_UNIT:
		add_unit(s, (struct unit *)c);
		break;
	case SPACE_OUTPUT:
	case SPACE_NOTES:
	case SPACE_MAX_:
		break;
	}
}

static int compare(const void *a, const void *b)
{
	const struct item *x = *(const struct item *const *)a, *y = *(const struct item *const *)b;

	return x->kind != y->kind ? (x->kind < y->kind ? -1 : 1) : cell_compare_items(x, y);
}

static void give(struct search *s, void (*fn)(void *ctx, enum object_kind kind, const char *key), void *ctx)
{
	struct item **all = (struct item **)(s->objects.cap ? s->objects.many : &s->objects.one);

	qsort(all, s->objects.n, sizeof(*all), compare);
	for (uint32_t i = 0; i < s->objects.n; i++)
		if (i == 0 || all[i] != all[i - 1])
			fn(ctx, (enum object_kind)all[i]->kind, all[i]->data);
}

void graph_provenance(struct graph *g, uint32_t kind, const char *key, size_t key_len,
		      void (*fn)(void *ctx, enum object_kind kind, const char *key), void *ctx)
{
	struct cell *output = hashmap_get(&g->cells[SPACE_OUTPUT][kind], key, key_len);
	struct search s = { .graph = g };

	if (!output)
		return;
	add_emitters(&s, output);
	for (uint32_t i = 0; i < s.units.n; i++) {
		const struct unit *u = vec_at(&s.units, i);

		for (uint32_t k = 0; k < u->n_reads; k++)
			add_read(&s, u->reads[k]);
	}
	if (s.objects.n)
		give(&s, fn, ctx);
	vec_done(&s.units);
	vec_done(&s.objects);
}
