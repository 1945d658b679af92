/* Which objects a resource is made from: the reads of the unit that emitted it, followed through
 * the units that it had read. A search over all units, for questions by people and for rejected
 * resources.
 * */
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "translator/graph/graph-internal.h"

struct search {
	struct graph *graph;
	struct vec units;   /* to visit; grows meanwhile */
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

	for (unsigned k = 0; k < s->graph->config.n_units; k++)
		HASHMAP_FOREACH (&s->graph->cells[SPACE_UNIT][k], u) {
			const struct unit *unit = (const struct unit *)u;

			for (uint32_t i = 0; i < unit->n_emits; i++)
				if (emit_cell(&unit_emits(unit)[i]) == c)
					add_unit(s, (struct unit *)u);
		}
}

/* Injected facts have no emitter, but some were outputs before. */
static void add_returned(struct search *s, const struct cell *c, uint32_t kind)
{
	for (uint32_t i = 0; i < c->entries.n; i++) {
		const struct item *fact = vec_at(&c->entries, i);
		struct cell *output = hashmap_get(&s->graph->cells[SPACE_OUTPUT][kind], fact->data,
						  fact->key_len);

		if (output)
			add_emitters(s, output);
	}
}

static void add_read(struct search *s, struct cell *c)
{
	const struct fact_row *row;
	struct item *object;

	switch ((enum space)c->space) {
	case SPACE_OBJECT:
		object = state_get(s->graph->config.objects, c->kind, cell_key(c), c->key_len);
		if (object)
			vec_add(&s->objects, object);
		break;
	case SPACE_INDEX:
		for (uint32_t i = 0; i < c->entries.n; i++)
			vec_add(&s->objects, vec_at(&c->entries, i));
		break;
	case SPACE_FACT:
		row = graph_fact_row(s->graph, c->kind);
		if (row->output)
			add_returned(s, c, row->output);
		/* A resource's parts have owners of their own. */
		if (c->kind != GRAPH_PARTS)
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

static void give(struct search *s, void (*fn)(void *ctx, enum object_kind kind, const char *key),
		 void *ctx)
{
	struct item **all = (struct item **)(uintptr_t)vec_all(&s->objects);

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
			add_read(&s, unit_read(u, k));
	}
	if (s.objects.n)
		give(&s, fn, ctx);
	vec_done(&s.units);
	vec_done(&s.objects);
}

/* ---- units that refer to it ---- */

static bool reads_unit(const struct unit *u, const struct unit *read)
{
	for (uint32_t i = 0; i < u->n_reads; i++)
		if (unit_read(u, i) == &read->cell)
			return true;
	return false;
}

static void add_readers(struct search *s, const struct unit *read)
{
	struct cell *u;

	for (unsigned k = 0; k < s->graph->config.n_units; k++)
		HASHMAP_FOREACH (&s->graph->cells[SPACE_UNIT][k], u)
			if (reads_unit((const struct unit *)u, read))
				add_unit(s, (struct unit *)u);
}

static void add_objects(struct search *s, const struct unit *u)
{
	for (uint32_t i = 0; i < u->n_reads; i++)
		if (unit_read(u, i)->space == SPACE_OBJECT)
			add_read(s, unit_read(u, i));
}

void graph_referrers(struct graph *g, uint32_t kind, const char *key, size_t key_len,
		     void (*fn)(void *ctx, enum object_kind kind, const char *key), void *ctx)
{
	struct cell *output = hashmap_get(&g->cells[SPACE_OUTPUT][kind], key, key_len);
	struct search s = { .graph = g };
	uint32_t emitters;

	if (!output)
		return;
	add_emitters(&s, output);
	emitters = s.units.n;
	for (uint32_t i = 0; i < s.units.n; i++) {
		add_readers(&s, vec_at(&s.units, i));
		if (i >= emitters)
			add_objects(&s, vec_at(&s.units, i));
	}
	if (s.objects.n)
		give(&s, fn, ctx);
	vec_done(&s.units);
	vec_done(&s.objects);
}
