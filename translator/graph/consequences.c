/* Finds an object's effects: the units that read it, and the units that read their outputs. The
 * reverse of provenance.c; a search, for people's questions. */
#include <string.h>

#include "translator/graph/graph-internal.h"

/* An IngressClass may affect everything; people need only a part of that. */
#define UNITS_MAX 2000

struct search {
	struct vec units; /* to visit; grows meanwhile */
	struct vec cells; /* outputs and facts that are followed, each once */
	bool cut_off;
};

static void add_once(struct search *s, struct vec *v, void *p)
{
	for (uint32_t i = 0; i < v->n; i++)
		if (vec_at(v, i) == p)
			return;
	if (v->n < UNITS_MAX)
		vec_add(v, p);
	else
		s->cut_off = true;
}

static void add_readers(struct search *s, const struct cell *c)
{
	for (uint32_t i = 0, n = refs_n(&c->readers); i < n; i++)
		add_once(s, &s->units, refs_at(&c->readers, i));
}

static bool holds(const struct cell *c, const struct item *object)
{
	for (uint32_t i = 0; i < c->entries.n; i++)
		if (vec_at(&c->entries, i) == object)
			return true;
	return false;
}

static void begin(struct graph *g, struct search *s, const struct item *object)
{
	struct cell *c =
		hashmap_get(&g->cells[SPACE_OBJECT][object->kind], object->data, object->key_len);

	if (c)
		add_readers(s, c);
	for (unsigned k = 0; k < GRAPH_KINDS_MAX; k++)
		HASHMAP_FOREACH (&g->cells[SPACE_INDEX][k], c)
			if (holds(c, object))
				add_readers(s, c);
}

static void follow(const struct graph *g, struct search *s, const struct unit *u)
{
	add_readers(s, &u->cell);
	for (uint32_t i = 0; i < u->n_emits; i++) {
		struct cell *c = emit_cell(&unit_emits(u)[i]);

		if (c->space == SPACE_OUTPUT)
			add_once(s, &s->cells, c);
		if (c->space != SPACE_FACT || !graph_fact_row(g, c->kind)->followed)
			continue;
		add_once(s, &s->cells, c);
		add_readers(s, c);
	}
}

bool graph_consequences(struct graph *g, const struct item *object,
			const struct graph_consequence_ops *ops, void *ctx)
{
	struct search s = { 0 };

	begin(g, &s, object);
	for (uint32_t i = 0; i < s.units.n; i++)
		follow(g, &s, vec_at(&s.units, i));
	for (uint32_t i = 0; i < s.cells.n; i++) {
		const struct cell *c = vec_at(&s.cells, i);

		if (c->space != SPACE_FACT)
			ops->output(ctx, c->kind, cell_key(c), c->key_len);
		else if (graph_fact_row(g, c->kind)->listed)
			ops->fact(ctx, c->kind, cell_key(c), c->key_len);
	}
	vec_done(&s.units);
	vec_done(&s.cells);
	return !s.cut_off;
}
