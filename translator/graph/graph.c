/* The graph of units: which exist, which are due, and the wave that runs them. graph.h has the
 * idea. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/small.h"
#include "translator/graph/graph-internal.h"

#define SCRATCH_CHUNK (64 * 1024)
#define EMITS_MAX     ((1u << 28) - 1)

static void output_publish(struct graph *g, struct cell *c)
{
	size_t n;
	const struct item *const *items = cell_entries(c, &n);

	if (c->kind == RESOURCE_FLEET_SET) {
		_cleanup_(item_unrefp) struct item *set = graph_fleet_union(c, items, n);

		g->config.output(g->config.ctx, c->kind, cell_key(c), c->key_len, set);
		return;
	}
	g->config.output(g->config.ctx, c->kind, cell_key(c), c->key_len,
			 n ? (struct item *)items[0] : NULL);
}

static bool is_unwanted(struct graph *g, const struct unit_row *row)
{
	return row->wanted && !row->wanted(graph_settings(g));
}

struct graph *graph_new(const struct graph_config *config)
{
	struct graph *g = xnew(struct graph, 1);

	assert(config->n_units <= GRAPH_KINDS_MAX);
	g->config = *config;
	for (size_t s = 0; s < SPACE_MAX_; s++)
		for (size_t k = 0; k < STATE_KIND_MAX; k++)
			g->cells[s][k] = HASHMAP_INIT_SMALL(cell_key_of);
	g->late = (unsigned)config->n_units;
	for (unsigned k = 0; k < config->n_units; k++) {
		const struct unit_row *row = &config->units[k];

		if (row->late && k < g->late)
			g->late = k;
		g->unwanted[k] = is_unwanted(g, row);
		g->arenas[k] = arena_new(SCRATCH_CHUNK);
		for (const char *const *key = row->always; key && *key; key++)
			graph_unit(g, k, *key, strlen(*key))->rooted = true;
	}
	return g;
}

/* With what it holds. */
static void cell_free(struct cell *c)
{
	cell_done(c);
	small_free(c, cell_size(c) + (c->space == SPACE_OUTPUT ? 0 : c->key_len + 1u));
}

static void unit_done(struct unit *u)
{
	struct emit *emits = unit_emits(u);

	for (uint32_t i = 0; i < u->n_emits; i++)
		item_unref(emit_item(&emits[i]));
	small_free(emits, u->n_emits * sizeof(*emits));
	small_free(small_at(u->reads_of), u->n_reads * sizeof(small_ref));
	item_unref(small_at(u->result));
	graph_fleet_free(u);
}

void graph_free(struct graph *g)
{
	struct cell *c;

	if (!g)
		return;
	for (size_t s = 0; s < SPACE_MAX_; s++)
		for (size_t k = 0; k < STATE_KIND_MAX; k++) {
			HASHMAP_FOREACH (&g->cells[s][k], c) {
				if (s == SPACE_UNIT)
					unit_done((struct unit *)c);
				cell_free(c);
			}
			hashmap_done(&g->cells[s][k]);
		}
	for (size_t k = 0; k < g->config.n_units; k++) {
		vec_done(&g->due[k]);
		vec_done(&g->fleets_due[k]);
		arena_free(g->arenas[k]);
		free(g->lists[k].reads);
		free(g->lists[k].emits);
	}
	vec_done(&g->candidates);
	vec_done(&g->touched);
	graph_status_drop(&g->statuses_due);
	item_unref(g->shared.object);
	item_unref(g->nothing);
	arena_free(g->shared.arena);
	free(g);
}

/* ---- cells ---- */

static bool is_grouped(enum space space, unsigned kind)
{
	return space == SPACE_FACT && kind == GRAPH_PARTS;
}

/* size: with its key. */
static struct cell *cell_new(size_t size, enum space space, unsigned kind, size_t len)
{
	struct cell *c = small_zalloc(size);

	c->key_len = len & CELL_KEY_MAX;
	c->space = space & 7;
	c->kind = kind & (STATE_KIND_MAX - 1);
	return c;
}

static void cell_enter(struct graph *g, struct cell *c)
{
	(void)hashmap_put(&g->cells[c->space][c->kind], c);
	g->counters.cells++;
}

static void *cell_make(struct graph *g, size_t size, enum space space, unsigned kind,
		       const char *key, size_t len)
{
	struct cell *c = cell_new(size + len + 1, space, kind, len);

	memcpy((char *)c + size, key, len);
	c->grouped = is_grouped(space, kind);
	cell_enter(g, c);
	return c;
}

static struct cell *cell_find(struct graph *g, enum space space, unsigned kind, const char *key,
			      size_t len)
{
	return hashmap_get(&g->cells[space][kind], key, MIN(len, (size_t)CELL_KEY_MAX));
}

struct cell *graph_cell(struct graph *g, enum space space, unsigned kind, const char *key,
			size_t len)
{
	struct cell *c = cell_find(g, space, kind, key, len);
	size_t size = is_grouped(space, kind) ? sizeof(struct part_cell) : sizeof(*c);

	return c ? c : cell_make(g, size, space, kind, key, MIN(len, (size_t)CELL_KEY_MAX));
}

struct cell *graph_output_cell(struct graph *g, struct item *i)
{
	struct cell *c = cell_find(g, SPACE_OUTPUT, i->kind, i->data, i->key_len);

	if (c)
		return c;
	c = cell_new(sizeof(*c), SPACE_OUTPUT, i->kind, MIN(i->key_len, CELL_KEY_MAX));
	c->named = small_ref_of(item_ref(i));
	cell_enter(g, c);
	return c;
}

static bool has_readers(const struct cell *c)
{
	return c->space != SPACE_OUTPUT && refs_n(&c->readers);
}

/* A cell without readers and content goes. */
static void cell_release(struct graph *g, struct cell *c)
{
	if (has_readers(c) || c->entries.n || c->touched || c->space == SPACE_UNIT)
		return;
	(void)hashmap_remove(&g->cells[c->space][c->kind], cell_key(c), c->key_len);
	cell_free(c);
	g->counters.cells--;
}

void graph_touch(struct graph *g, struct cell *c)
{
	if (!c->touched)
		vec_add(&g->touched, c);
	c->touched = true;
}

const struct fact_row *graph_fact_row(const struct graph *g, unsigned fact)
{
	static const struct fact_row nothing;

	return fact < g->config.n_facts ? &g->config.facts[fact] : &nothing;
}

/* ---- units ---- */

static void unit_due(struct graph *g, struct unit *u)
{
	/* Ranks keep the graph free of cycles: outputs flow only to later kinds. */
	assert(!g->current || u->cell.kind > g->current->cell.kind);
	if (u->due)
		return;
	u->due = true;
	vec_add(&g->due[u->cell.kind], u);
}

static void readers_due(struct graph *g, struct cell *c)
{
	for (uint32_t i = 0, n = refs_n(&c->readers); i < n; i++)
		unit_due(g, refs_at(&c->readers, i));
}

static void unit_candidate(struct graph *g, struct unit *u)
{
	if (u->rooted || refs_n(&u->cell.readers) || u->candidate)
		return;
	u->candidate = true;
	vec_add(&g->candidates, u);
}

struct unit *graph_unit(struct graph *g, unsigned kind, const char *key, size_t len)
{
	struct unit *u = (struct unit *)cell_find(g, SPACE_UNIT, kind, key, len);

	if (u)
		return u;
	u = cell_make(g, sizeof(*u), SPACE_UNIT, kind, key, MIN(len, (size_t)CELL_KEY_MAX));
	u->due = true;
	vec_add(&g->due[kind], u);
	g->counters.units[kind]++;
	return u;
}

/* Something outside the graph's own reads wants the unit, or does not any more. */
static void unit_root(struct graph *g, unsigned kind, const char *key, size_t len, bool wanted)
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
	for (unsigned k = 0; k < g->config.n_units; k++)
		if (g->config.units[k].fact && g->config.units[k].fact == c->kind)
			unit_root(g, k, cell_key(c), c->key_len, c->entries.n > 0);
}

void graph_inject(struct graph *g, unsigned fact, const char *key, size_t key_len,
		  struct item *item)
{
	struct cell *c = graph_cell(g, SPACE_FACT, fact, key, key_len);

	cell_entry_add(c, item);
	fact_changed(g, c);
}

void graph_uninject(struct graph *g, unsigned fact, const char *key, size_t key_len,
		    struct item *item)
{
	struct cell *c = graph_cell(g, SPACE_FACT, fact, key, key_len);

	cell_entry_remove(c, item);
	fact_changed(g, c);
	cell_release(g, c);
}

/* ---- a unit's outputs ---- */

static int emit_compare(const void *a, const void *b)
{
	const struct emit *x = a, *y = b;
	uint64_t xh, yh;

	if (x->cell != y->cell)
		return x->cell < y->cell ? -1 : 1;
	xh = emit_item(x)->hash;
	yh = emit_item(y)->hash;
	return (xh > yh) - (xh < yh);
}

static void entries_changed(struct graph *g, struct cell *c)
{
	if (c->space == SPACE_FACT)
		fact_changed(g, c);
	else
		graph_touch(g, c);
}

void graph_emit_publish(struct graph *g, const struct emit *e)
{
	cell_entry_add(emit_cell(e), emit_item(e));
	entries_changed(g, emit_cell(e));
}

void graph_emit_withdraw(struct graph *g, const struct emit *e)
{
	struct cell *c = emit_cell(e);

	cell_entry_remove(c, emit_item(e));
	entries_changed(g, c);
	cell_release(g, c);
}

/* Replaces the unit's earlier outputs by its new ones; returns whether any differs. */
static bool emits_replace(struct graph *g, struct unit *u, struct reader *r)
{
	struct emit *before = unit_emits(u), *after = r->emits;
	size_t n_before = u->n_emits, n_after = r->n_emits, i = 0, k = 0;
	bool changed = false;

	if (n_after)
		qsort(after, n_after, sizeof(*after), emit_compare);
	/* New ones first, so that a collection does not run empty in between. */
	for (i = k = 0; k < n_after; k++) {
		while (i < n_before && emit_compare(&before[i], &after[k]) < 0)
			i++;
		if (i < n_before && emit_compare(&before[i], &after[k]) == 0 &&
		    item_equal(emit_item(&before[i]), emit_item(&after[k]))) {
			/* Equal: keep the item in the cell. */
			item_unref(emit_item(&after[k]));
			after[k].item = TAKE_GENERIC(before[i].item, small_ref, 0);
			i++;
			continue;
		}
		graph_emit_publish(g, &after[k]);
		changed = true;
	}
	for (i = 0; i < n_before; i++) {
		if (!before[i].item)
			continue;
		graph_emit_withdraw(g, &before[i]);
		item_unref(emit_item(&before[i]));
		changed = true;
	}
	small_free(before, n_before * sizeof(*before));
	u->emits_of = n_after ? small_ref_of(small_memdup(after, n_after * sizeof(*after))) : 0;
	u->n_emits = n_after & EMITS_MAX;
	return changed;
}

/* ---- a unit's reads ---- */

static int ref_compare(const void *a, const void *b)
{
	small_ref x = *(const small_ref *)a, y = *(const small_ref *)b;

	return (x > y) - (x < y);
}

static void read_begin(struct graph *g, struct unit *u, struct cell *c)
{
	refs_add(&c->readers, u);
	if (c->space == SPACE_UNIT)
		graph_fleet_read(g, (struct unit *)c);
	if (refs_n(&c->readers) == 1)
		graph_status_use(g, c);
}

static void read_end(struct graph *g, struct unit *u, struct cell *c)
{
	uint32_t i = 0;

	while (refs_at(&c->readers, i) != u)
		i++;
	refs_take_out(&c->readers, i);
	if (refs_n(&c->readers) == 0)
		graph_status_use(g, c);
	if (c->space == SPACE_UNIT) {
		graph_fleet_read(g, (struct unit *)c);
		unit_candidate(g, (struct unit *)c);
		return;
	}
	cell_release(g, c);
}

static void reads_replace(struct graph *g, struct unit *u, struct reader *r)
{
	small_ref *before = small_at(u->reads_of), *after = r->reads;
	size_t n_before = u->n_reads, n_after = 0, i = 0;

	if (r->n_reads)
		qsort(after, r->n_reads, sizeof(*after), ref_compare);
	for (size_t k = 0; k < r->n_reads; k++)
		if (n_after == 0 || after[n_after - 1] != after[k])
			after[n_after++] = after[k];
	for (size_t k = 0; k < n_after; k++) {
		while (i < n_before && before[i] < after[k])
			i++;
		if (i == n_before || before[i] != after[k])
			read_begin(g, u, small_at(after[k]));
	}
	for (size_t k = i = 0; i < n_before; i++) {
		while (k < n_after && after[k] < before[i])
			k++;
		if (k == n_after || after[k] != before[i])
			read_end(g, u, small_at(before[i]));
	}
	small_free(before, n_before * sizeof(*before));
	u->reads_of = n_after ? small_ref_of(small_memdup(after, n_after * sizeof(*after))) : 0;
	u->n_reads = (uint32_t)n_after;
}

/* ---- running ---- */

static bool result_replace(struct graph *g, struct unit *u, struct item *result)
{
	struct item *before = small_at(u->result);
	bool same = before == result || (before && result && item_equal(before, result));

	if (same) {
		item_unref(result);
		return false;
	}
	item_unref(before);
	u->result = small_ref_of(result);
	readers_due(g, &u->cell);
	return true;
}

void graph_run_unit(struct graph *g, struct unit *u)
{
	unsigned kind = u->cell.kind;
	struct unit *outer = g->current;
	struct reader r = { .graph = g,
			    .unit = u,
			    .arena = g->arenas[kind],
			    .reads = g->lists[kind].reads,
			    .cap_reads = g->lists[kind].cap_reads,
			    .emits = g->lists[kind].emits,
			    .cap_emits = g->lists[kind].cap_emits };
	bool changed;

	assert(!u->running);
	u->due = false;
	u->running = true;
	g->config.units[kind].run(&r, cell_key(&u->cell), u->cell.key_len);
	u->running = false;
	g->lists[kind].reads = r.reads;
	g->lists[kind].cap_reads = r.cap_reads;
	g->lists[kind].emits = r.emits;
	g->lists[kind].cap_emits = r.cap_emits;
	if (g->config.reading)
		g->config.reading(g->config.ctx, NULL);
	g->current = u;
	reads_replace(g, u, &r);
	changed = emits_replace(g, u, &r);
	graph_fleet_ran(g, u, &r, changed);
	changed |= result_replace(g, u, r.result);
	g->current = outer;
	arena_reset(g->arenas[kind]);
	g->counters.units_run++;
	g->counters.runs[kind]++;
	if (!changed)
		g->counters.units_unchanged++;
}

static bool run_lowest(struct graph *g, unsigned end)
{
	for (unsigned k = 0; k < end; k++)
		while (g->due[k].n) {
			uint32_t last = g->due[k].n - 1;
			struct unit *u = vec_at(&g->due[k], last);

			vec_take_out(&g->due[k], last);
			/* Skips a unit that ran inside another, or that is no longer wanted. */
			if (!u->due || (!u->rooted && !refs_n(&u->cell.readers))) {
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
	graph_fleet_destroy(g, u);
	emits_replace(g, u, &nothing);
	reads_replace(g, u, &nothing);
	g->current = NULL;
	(void)hashmap_remove(&g->cells[SPACE_UNIT][u->cell.kind], cell_key(&u->cell),
			     u->cell.key_len);
	g->counters.units[u->cell.kind]--;
	g->counters.cells--;
	unit_done(u);
	cell_free(&u->cell);
}

static bool collect(struct graph *g)
{
	struct unit *u;

	if (!g->candidates.n)
		return false;
	u = vec_at(&g->candidates, g->candidates.n - 1);
	vec_take_out(&g->candidates, g->candidates.n - 1);
	u->candidate = false;
	if (!u->rooted && !refs_n(&u->cell.readers))
		unit_destroy(g, u);
	return true;
}

static void publish(struct graph *g)
{
	graph_fleet_settle(g);
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
	graph_status_settle(g);
}

static bool any_due(const struct graph *g)
{
	for (unsigned k = 0; k < g->config.n_units; k++)
		if (g->due[k].n)
			return true;
	return g->candidates.n > 0;
}

void graph_run(struct graph *g)
{
	int64_t began = clock_monotonic();
	uint64_t before = g->counters.units_run;

	/* Publishing may inject facts, which make other units due. Late units run once, after
	 * unwanted units are removed. */
	do {
		while (run_lowest(g, g->late) || collect(g) ||
		       run_lowest(g, (unsigned)g->config.n_units))
			;
		publish(g);
	} while (any_due(g));
	if (g->counters.units_run == before)
		return;
	g->counters.waves++;
	g->counters.last_wave_units = g->counters.units_run - before;
	g->counters.last_wave_usec = (uint64_t)(clock_monotonic() - began);
	metric_observe(&g->counters.wave_seconds,
		       (double)g->counters.last_wave_usec / USEC_PER_SEC);
}

void graph_rerun_all(struct graph *g)
{
	struct cell *c;

	g->shared.made = false;
	for (unsigned k = 0; k < g->config.n_units; k++)
		HASHMAP_FOREACH (&g->cells[SPACE_UNIT][k], c)
			unit_due(g, (struct unit *)c);
}

/* ---- objects ---- */

static void index_change(struct graph *g, const struct index_row *row, struct item *object,
			 bool add, struct arena *scratch)
{
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

/* A hidden object counts as absent. */
static struct item *visible(const struct graph *g, struct item *object)
{
	bool hidden = object && g->config.hidden && g->config.hidden(g->config.ctx, object);

	return hidden ? NULL : object;
}

void graph_make_index(struct graph *g, unsigned index)
{
	struct arena *scratch = arena_new(SCRATCH_CHUNK);
	struct item *i;

	g->indexed[index] = true;
	for (size_t k = 0; k < g->config.n_indexes; k++) {
		const struct index_row *row = &g->config.indexes[k];

		for (size_t pos = 0;
		     row->index == index && (i = state_next(g->config.objects, &pos));)
			if (i->kind == row->object && visible(g, i))
				index_change(g, row, i, true, scratch);
	}
	arena_free(scratch);
}

/* An object of the unit's kind has come, or has gone. */
static void object_unit(struct graph *g, unsigned kind, const struct item *object, bool there)
{
	unit_root(g, kind, object->data, object->key_len, there && !g->unwanted[kind]);
}

/* Units of some kinds come, or go, with the settings. */
static void want_units(struct graph *g)
{
	for (unsigned k = 0; k < g->config.n_units; k++) {
		const struct unit_row *row = &g->config.units[k];
		bool unwanted = is_unwanted(g, row);
		struct item *i;

		if (unwanted == g->unwanted[k])
			continue;
		g->unwanted[k] = unwanted;
		for (size_t pos = 0; (i = state_next(g->config.objects, &pos));)
			if (i->kind == row->object && visible(g, i))
				object_unit(g, k, i, true);
	}
}

static bool is_settings(const struct graph *g, const struct item *i)
{
	const struct graph_config *c = &g->config;

	return c->settings && i->kind == c->settings_kind &&
	       i->key_len == strlen(c->settings_key) &&
	       memcmp(i->data, c->settings_key, i->key_len) == 0;
}

void graph_object_changed(struct graph *g, struct item *was, struct item *now)
{
	const struct item *i = was ? was : now;
	struct cell *c = cell_find(g, SPACE_OBJECT, i->kind, i->data, i->key_len);
	struct item *before = visible(g, was), *after = visible(g, now);

	if (c)
		readers_due(g, c);
	for (size_t k = 0; k < g->config.n_indexes; k++) {
		const struct index_row *row = &g->config.indexes[k];

		if (row->object != i->kind || !g->indexed[row->index])
			continue;
		if (after)
			index_change(g, row, after, true, g->arenas[0]);
		if (before)
			index_change(g, row, before, false, g->arenas[0]);
	}
	for (unsigned k = 0; k < g->config.n_units; k++)
		if (g->config.units[k].object && g->config.units[k].object == i->kind)
			object_unit(g, k, i, after != NULL);
	if (is_settings(g, i))
		want_units(g);
	graph_status_due(g, now ? now : was);
}

const struct graph_counters *graph_counters(const struct graph *g)
{
	return &g->counters;
}
