/* The graph of units: who lives, who is due, and the wave that runs them. Runs in the translator;
 * graph.h has the idea. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "translator/graph-internal.h"

#define SCRATCH_CHUNK (64 * 1024)

static void output_publish(struct graph *g, struct cell *c)
{
	size_t n;
	const struct item *const *items = cell_entries(c, &n);

	g->config.output(g->config.ctx, c->kind, c->key, c->key_len, n ? (struct item *)items[0] : NULL);
}

struct graph *graph_new(const struct graph_config *config)
{
	struct graph *g = xnew(struct graph, 1);

	g->config = *config;
	for (size_t s = 0; s < SPACE_MAX_; s++)
		for (size_t k = 0; k < STATE_KIND_MAX; k++)
			g->cells[s][k] = HASHMAP_INIT(cell_key_of);
	for (size_t k = 0; k < UNIT_KIND_MAX_; k++) {
		g->arenas[k] = arena_new(SCRATCH_CHUNK);
		for (const char *const *key = config->units[k].always; key && *key; key++)
			graph_unit(g, (enum unit_kind)k, *key, strlen(*key))->rooted = true;
	}
	return g;
}

static void unit_done(struct unit *u)
{
	for (uint32_t i = 0; i < u->n_emits; i++)
		item_unref(u->emits[i].item);
	free(u->emits);
	free(u->reads);
	item_unref(u->result);
}

void graph_free(struct graph *g)
{
	struct cell *c;

	if (!g)
		return;
	for (size_t s = 0; s < SPACE_MAX_; s++)
		for (size_t k = 0; k < STATE_KIND_MAX; k++) {
			HASHMAP_FOREACH(&g->cells[s][k], c) {
				cell_done(c);
				if (s == SPACE_UNIT)
					unit_done((struct unit *)c);
				free(c);
			}
			hashmap_done(&g->cells[s][k]);
		}
	for (size_t k = 0; k < UNIT_KIND_MAX_; k++) {
		vec_done(&g->due[k]);
		arena_free(g->arenas[k]);
	}
	vec_done(&g->candidates);
	vec_done(&g->touched);
	item_unref(g->shared.object);
	arena_free(g->shared.arena);
	free(g);
}

/* ---- cells ---- */

static void *cell_make(struct graph *g, size_t size, enum space space, unsigned kind, const char *key,
		       size_t len)
{
	struct cell *c = xcalloc(1, size + len + 1);

	c->key = (char *)c + size;
	memcpy((char *)c + size, key, len);
	c->key_len = (uint32_t)len;
	c->space = (uint8_t)space;
	c->kind = (uint8_t)kind;
	(void)hashmap_put(&g->cells[space][kind], c);
	g->counters.cells++;
	return c;
}

static struct cell *cell_find(struct graph *g, enum space space, unsigned kind, const char *key, size_t len)
{
	return hashmap_get(&g->cells[space][kind], key, len);
}

struct cell *graph_cell(struct graph *g, enum space space, unsigned kind, const char *key, size_t len)
{
	struct cell *c = cell_find(g, space, kind, key, len);

	return c ? c : cell_make(g, sizeof(*c), space, kind, key, len);
}

/* A cell that nobody reads and that holds nothing goes. */
static void cell_release(struct graph *g, struct cell *c)
{
	if (c->readers.n || c->entries.n || c->touched || c->space == SPACE_UNIT)
		return;
	(void)hashmap_remove(&g->cells[c->space][c->kind], c->key, c->key_len);
	cell_done(c);
	free(c);
	g->counters.cells--;
}

void graph_touch(struct graph *g, struct cell *c)
{
	if (!c->touched)
		vec_add(&g->touched, c);
	c->touched = true;
}

/* ---- units ---- */

static void unit_due(struct graph *g, struct unit *u)
{
	/* Ranks are what makes the graph free of cycles: outputs flow to later kinds only. */
	assert(!g->current || u->cell.kind > g->current->cell.kind);
	if (u->due)
		return;
	u->due = true;
	vec_add(&g->due[u->cell.kind], u);
}

static void readers_due(struct graph *g, struct cell *c)
{
	for (uint32_t i = 0; i < c->readers.n; i++)
		unit_due(g, vec_at(&c->readers, i));
}

static void unit_candidate(struct graph *g, struct unit *u)
{
	if (u->rooted || u->cell.readers.n || u->candidate)
		return;
	u->candidate = true;
	vec_add(&g->candidates, u);
}

struct unit *graph_unit(struct graph *g, enum unit_kind kind, const char *key, size_t len)
{
	struct unit *u = (struct unit *)cell_find(g, SPACE_UNIT, kind, key, len);

	if (u)
		return u;
	u = cell_make(g, sizeof(*u), SPACE_UNIT, kind, key, len);
	u->due = true;
	vec_add(&g->due[kind], u);
	g->counters.units[kind]++;
	return u;
}

/* Something outside the graph's own reads wants the unit, or does not any more. */
static void unit_root(struct graph *g, enum unit_kind kind, const char *key, size_t len, bool wanted)
{
	struct unit *u;

	if (wanted) {
		graph_unit(g, kind, key, len)->rooted = true;
		return;
	}
	u = (struct unit *)cell_find(g, SPACE_UNIT, kind, key, len);
	if (u) {
		u->rooted = false;
		unit_candidate(g, u);
	}
}

static void fact_changed(struct graph *g, struct cell *c)
{
	readers_due(g, c);
	for (unsigned k = 0; k < UNIT_KIND_MAX_; k++)
		if (g->config.units[k].fact && g->config.units[k].fact == c->kind)
			unit_root(g, (enum unit_kind)k, c->key, c->key_len, c->entries.n > 0);
}

void graph_inject(struct graph *g, enum fact_kind fact, const char *key, size_t key_len, struct item *item)
{
	struct cell *c = graph_cell(g, SPACE_FACT, fact, key, key_len);

	cell_entry_add(c, item);
	fact_changed(g, c);
}

void graph_uninject(struct graph *g, enum fact_kind fact, const char *key, size_t key_len, struct item *item)
{
	struct cell *c = graph_cell(g, SPACE_FACT, fact, key, key_len);

	cell_entry_remove(c, item);
	fact_changed(g, c);
	cell_release(g, c);
}

/* ---- what a unit emits ---- */

static int emit_compare(const void *a, const void *b)
{
	const struct emit *x = a, *y = b;
	uintptr_t xc = (uintptr_t)x->cell, yc = (uintptr_t)y->cell;

	if (xc != yc)
		return xc < yc ? -1 : 1;
	return (x->item->hash > y->item->hash) - (x->item->hash < y->item->hash);
}

static void emit_changed(struct graph *g, const struct emit *e)
{
	if (e->type == EMIT_FACT)
		fact_changed(g, e->cell);
	else
		graph_touch(g, e->cell);
}

static void emit_publish(struct graph *g, const struct emit *e)
{
	cell_entry_add(e->cell, e->item);
	emit_changed(g, e);
}

static void emit_withdraw(struct graph *g, const struct emit *e)
{
	struct cell *c = e->cell;

	cell_entry_remove(c, e->item);
	emit_changed(g, e);
	cell_release(g, c);
}

/* Replaces what the unit had emitted by what it emitted now; returns whether anything differs. */
static bool emits_replace(struct graph *g, struct unit *u, struct reader *r)
{
	struct emit *before = u->emits, *after = r->emits;
	size_t n_before = u->n_emits, n_after = r->n_emits, i = 0, k = 0;
	bool changed = false;

	if (n_after)
		qsort(after, n_after, sizeof(*after), emit_compare);
	/* New ones first, so that a collection does not run empty in between. */
	for (i = k = 0; k < n_after; k++) {
		while (i < n_before && emit_compare(&before[i], &after[k]) < 0)
			i++;
		if (i < n_before && emit_compare(&before[i], &after[k]) == 0 &&
		    item_equal(before[i].item, after[k].item)) {
			/* The same: keep the item that stands in the cell. */
			item_unref(after[k].item);
			after[k].item = TAKE_PTR(before[i].item);
			i++;
			continue;
		}
		emit_publish(g, &after[k]);
		changed = true;
	}
	for (i = 0; i < n_before; i++) {
		if (!before[i].item)
			continue;
		emit_withdraw(g, &before[i]);
		item_unref(before[i].item);
		changed = true;
	}
	free(before);
	u->emits = n_after ? xreallocarray(after, n_after, sizeof(*after)) : NULL;
	if (!n_after)
		free(after);
	u->n_emits = (uint32_t)n_after;
	return changed;
}

/* ---- what a unit reads ---- */

static int pointer_compare(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t) * (void *const *)a, y = (uintptr_t) * (void *const *)b;

	return (x > y) - (x < y);
}

static void read_begin(struct graph *g, struct unit *u, struct cell *c)
{
	vec_add(&c->readers, u);
	if (c->readers.n == 1)
		graph_status_use(g, c);
}

static void read_end(struct graph *g, struct unit *u, struct cell *c)
{
	uint32_t i = 0;

	while (vec_at(&c->readers, i) != u)
		i++;
	vec_take_out(&c->readers, i);
	if (c->readers.n == 0)
		graph_status_use(g, c);
	if (c->space == SPACE_UNIT)
		unit_candidate(g, (struct unit *)c);
	else
		cell_release(g, c);
}

static void reads_replace(struct graph *g, struct unit *u, struct reader *r)
{
	struct cell **before = u->reads, **after = r->reads;
	size_t n_before = u->n_reads, n_after = 0, i = 0;

	if (r->n_reads)
		qsort(after, r->n_reads, sizeof(*after), pointer_compare);
	for (size_t k = 0; k < r->n_reads; k++)
		if (n_after == 0 || after[n_after - 1] != after[k])
			after[n_after++] = after[k];
	for (size_t k = 0; k < n_after; k++) {
		while (i < n_before && (uintptr_t)before[i] < (uintptr_t)after[k])
			i++;
		if (i == n_before || before[i] != after[k])
			read_begin(g, u, after[k]);
	}
	for (size_t k = i = 0; i < n_before; i++) {
		while (k < n_after && (uintptr_t)after[k] < (uintptr_t)before[i])
			k++;
		if (k == n_after || after[k] != before[i])
			read_end(g, u, before[i]);
	}
	free(before);
	u->reads = n_after ? xreallocarray(after, n_after, sizeof(struct cell *)) : NULL;
	if (!n_after)
		free(after);
	u->n_reads = (uint32_t)n_after;
}

/* ---- running ---- */

static bool result_replace(struct graph *g, struct unit *u, struct item *result)
{
	bool same = u->result == result || (u->result && result && item_equal(u->result, result));

	if (same) {
		item_unref(result);
		return false;
	}
	item_unref(u->result);
	u->result = result;
	readers_due(g, &u->cell);
	return true;
}

void graph_run_unit(struct graph *g, struct unit *u)
{
	enum unit_kind kind = (enum unit_kind)u->cell.kind;
	struct unit *outer = g->current;
	struct reader r = { .graph = g, .unit = u, .arena = g->arenas[kind] };
	bool changed;

	assert(!u->running);
	u->due = false;
	u->running = true;
	g->config.units[kind].run(&r, u->cell.key, u->cell.key_len);
	u->running = false;
	if (g->config.reading)
		g->config.reading(g->config.ctx, NULL);
	g->current = u;
	reads_replace(g, u, &r);
	changed = emits_replace(g, u, &r);
	changed |= result_replace(g, u, r.result);
	g->current = outer;
	arena_reset(g->arenas[kind]);
	g->counters.units_run++;
	g->counters.runs[kind]++;
	if (!changed)
		g->counters.units_unchanged++;
}

static bool run_lowest(struct graph *g, enum unit_kind end)
{
	for (unsigned k = 0; k < end; k++)
		while (g->due[k].n) {
			uint32_t last = g->due[k].n - 1;
			struct unit *u = vec_at(&g->due[k], last);

			vec_take_out(&g->due[k], last);
			/* A unit that ran inside another, or that nobody wants, is not run. */
			if (!u->due || (!u->rooted && !u->cell.readers.n)) {
				u->due = false;
				unit_candidate(g, u);
				continue;
			}
			graph_run_unit(g, u);
			return true;
		}
	return false;
}

static void unit_destroy(struct graph *g, struct unit *u)
{
	struct reader nothing = { .graph = g };

	for (uint32_t i = 0; i < g->due[u->cell.kind].n; i++)
		if (vec_at(&g->due[u->cell.kind], i) == u)
			vec_take_out(&g->due[u->cell.kind], i--);
	g->current = u;
	emits_replace(g, u, &nothing);
	reads_replace(g, u, &nothing);
	g->current = NULL;
	(void)hashmap_remove(&g->cells[SPACE_UNIT][u->cell.kind], u->cell.key, u->cell.key_len);
	g->counters.units[u->cell.kind]--;
	g->counters.cells--;
	unit_done(u);
	cell_done(&u->cell);
	free(u);
}

static bool collect(struct graph *g)
{
	struct unit *u;

	if (!g->candidates.n)
		return false;
	u = vec_at(&g->candidates, g->candidates.n - 1);
	vec_take_out(&g->candidates, g->candidates.n - 1);
	u->candidate = false;
	if (!u->rooted && !u->cell.readers.n)
		unit_destroy(g, u);
	return true;
}

static void publish(struct graph *g)
{
	for (uint32_t i = 0; i < g->touched.n; i++) {
		struct cell *c = vec_at(&g->touched, i);

		c->touched = false;
		if (c->space == SPACE_OUTPUT)
			output_publish(g, c);
		else
			graph_status_publish(g, c);
		cell_release(g, c);
	}
	vec_done(&g->touched);
}

static bool any_due(const struct graph *g)
{
	for (unsigned k = 0; k < UNIT_KIND_MAX_; k++)
		if (g->due[k].n)
			return true;
	return g->candidates.n > 0;
}

void graph_run(struct graph *g)
{
	int64_t began = clock_monotonic();
	uint64_t before = g->counters.units_run;

	/* What is published may inject facts, which make other units due. A table is made of all hosts, and so
	 * once, when those that go are gone. */
	do {
		while (run_lowest(g, UNIT_TABLE) || collect(g) || run_lowest(g, UNIT_KIND_MAX_))
			;
		publish(g);
	} while (any_due(g));
	if (g->counters.units_run == before)
		return;
	g->counters.waves++;
	g->counters.last_wave_units = g->counters.units_run - before;
	g->counters.last_wave_usec = (uint64_t)(clock_monotonic() - began);
}

void graph_rerun_all(struct graph *g)
{
	struct cell *c;

	g->shared.made = false;
	for (unsigned k = 0; k < UNIT_KIND_MAX_; k++)
		HASHMAP_FOREACH(&g->cells[SPACE_UNIT][k], c)
			unit_due(g, (struct unit *)c);
}

/* ---- objects ---- */

static void index_change(struct graph *g, const struct index_row *row, struct item *object, bool add)
{
	struct arena *scratch = g->arenas[0];
	const char *key;
	struct cell *c;
	int len;

	len = row->key(object, scratch, &key);
	if (len >= 0) {
		c = graph_cell(g, SPACE_INDEX, row->index, key, (size_t)len);
		if (add)
			cell_entry_add(c, object);
		else
			cell_entry_remove(c, object);
		readers_due(g, c);
		cell_release(g, c);
	}
	arena_reset(scratch);
}

/* An object that is hidden is none. */
static struct item *visible(const struct graph *g, struct item *object)
{
	bool hidden = object && g->config.hidden && g->config.hidden(g->config.ctx, object);

	return hidden ? NULL : object;
}

void graph_object_changed(struct graph *g, struct item *before, struct item *after)
{
	const struct item *i = before ? before : after;
	struct cell *c = cell_find(g, SPACE_OBJECT, i->kind, i->data, i->key_len);

	before = visible(g, before);
	after = visible(g, after);
	if (c)
		readers_due(g, c);
	for (size_t k = 0; k < g->config.n_indexes; k++) {
		const struct index_row *row = &g->config.indexes[k];

		if (row->object != i->kind)
			continue;
		if (after)
			index_change(g, row, after, true);
		if (before)
			index_change(g, row, before, false);
	}
	for (unsigned k = 0; k < UNIT_KIND_MAX_; k++)
		if (g->config.units[k].object && g->config.units[k].object == i->kind)
			unit_root(g, (enum unit_kind)k, i->data, i->key_len, after != NULL);
	graph_status_due(g, (enum object_kind)i->kind, i->data, i->key_len);
}

const struct graph_counters *graph_counters(const struct graph *g)
{
	return &g->counters;
}
