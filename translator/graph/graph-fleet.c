/* Which fleets of Envoys need a resource: those of the units that emit it. A cluster serves the
 * fleets of the units that read it, and so does the Secret that it reads. While there is only the
 * default fleet, nothing of this runs, and nothing is sent. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/small.h"
#include "translator/graph/graph-internal.h"

/* Sorted, each once. */
struct fleet_names {
	uint32_t refs;
	size_t n;
	char *all[]; /* follow the struct */
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct fleet_names *names_ref(struct fleet_names *f)
{
	f->refs++;
	return f;
}

static void names_unref(struct fleet_names *f)
{
	if (f && !--f->refs)
		free(f);
}

/* Sorts `all`. */
static struct fleet_names *names_new(const char **all, size_t n)
{
	size_t bytes = 0, kept = 0;
	struct fleet_names *f;
	char *p;

	if (n)
		qsort(all, n, sizeof(*all), compare_names);
	for (size_t i = 0; i < n; i++)
		if (!kept || strcmp(all[kept - 1], all[i]) != 0) {
			all[kept++] = all[i];
			bytes += strlen(all[i]) + 1;
		}
	f = xcalloc(1, sizeof(*f) + kept * sizeof(char *) + bytes);
	p = (char *)&f->all[kept];
	f->refs = 1;
	f->n = kept;
	for (size_t i = 0; i < kept; i++) {
		f->all[i] = p;
		p = stpcpy(p, all[i]) + 1;
	}
	return f;
}

static bool names_equal(const struct fleet_names *x, const struct fleet_names *y)
{
	if (!x || !y || x->n != y->n)
		return x == y;
	for (size_t i = 0; i < x->n; i++)
		if (strcmp(x->all[i], y->all[i]) != 0)
			return false;
	return true;
}

/* Whether a fleet is named besides the default one. */
static bool names_others(const struct fleet_names *f)
{
	for (size_t i = 0; f && i < f->n; i++)
		if (*f->all[i] && strcmp(f->all[i], "*") != 0)
			return true;
	return false;
}

/* ---- the fleets of units ---- */

static struct unit_fleet *part_of(struct unit *u)
{
	if (!u->fleet)
		u->fleet = small_ref_of(small_zalloc(sizeof(struct unit_fleet)));
	return small_at(u->fleet);
}

static const struct fleet_names *said_by(const struct unit *u)
{
	const struct unit_fleet *part = small_at(u->fleet);

	return part ? part->said : NULL;
}

static const struct fleet_names *fleets_of(const struct unit *u)
{
	const struct unit_fleet *part = small_at(u->fleet);

	return part ? part->fleets : NULL;
}

static enum unit_fleets rule_of(const struct graph *g, const struct unit *u)
{
	return g->config.units[u->cell.kind].fleets;
}

static void due(struct graph *g, struct unit *u)
{
	struct unit_fleet *part = part_of(u);

	if (part->due)
		return;
	part->due = true;
	vec_add(&g->fleets_due[u->cell.kind], u);
}

void graph_fleet_read(struct graph *g, struct unit *u)
{
	if (g->has_fleets && rule_of(g, u) == FLEETS_OF_READERS)
		due(g, u);
}

/* The first fleet besides the default one: from now on it matters. */
static void begin(struct graph *g)
{
	struct cell *c;

	g->has_fleets = true;
	for (unsigned k = 0; k < g->config.n_units; k++)
		HASHMAP_FOREACH (&g->cells[SPACE_UNIT][k], c)
			due(g, (struct unit *)c);
}

static void forget_sets(struct graph *g, struct unit *u)
{
	struct unit_fleet *part = small_at(u->fleet);

	for (uint32_t i = 0; part && i < part->n_sets; i++) {
		graph_emit_withdraw(g, &part->sets[i]);
		item_unref(emit_item(&part->sets[i]));
	}
	if (part) {
		free(TAKE_PTR(part->sets));
		part->n_sets = 0;
	}
}

void graph_fleet_ran(struct graph *g, struct unit *u, const struct reader *r, bool changed)
{
	struct fleet_names *said = r->n_fleets ? names_new((const char **)r->fleets, r->n_fleets)
					       : NULL;

	g->n_fleet_units += names_others(said);
	g->n_fleet_units -= names_others(said_by(u));
	if (g->n_fleet_units && !g->has_fleets)
		begin(g);
	if (g->has_fleets && (changed || !names_equal(said, said_by(u)))) {
		/* Recomputes the sets of all its resources. */
		names_unref(TAKE_PTR(part_of(u)->fleets));
		due(g, u);
	}
	if (!said && !u->fleet)
		return;
	names_unref(part_of(u)->said);
	part_of(u)->said = said;
}

static struct fleet_names *find(const struct graph *g, struct unit *u)
{
	struct fleet_names *f;
	const char **all;
	size_t n = 0;

	if (rule_of(g, u) != FLEETS_OF_READERS) {
		if (said_by(u))
			return names_ref(part_of(u)->said);
		return names_new((const char *[]){ "" }, rule_of(g, u) == FLEETS_DEFAULT);
	}
	for (uint32_t i = 0, end = refs_n(&u->cell.readers); i < end; i++) {
		const struct unit *reader = refs_at(&u->cell.readers, i);

		n += fleets_of(reader) ? fleets_of(reader)->n : 0;
	}
	all = xreallocarray(NULL, n + 1, sizeof(*all));
	n = 0;
	for (uint32_t i = 0, end = refs_n(&u->cell.readers); i < end; i++) {
		const struct fleet_names *its = fleets_of(refs_at(&u->cell.readers, i));

		for (size_t k = 0; its && k < its->n; k++)
			all[n++] = its->all[k];
	}
	if (u->rooted)
		all[n++] = "";
	f = names_new(all, n);
	free(all);
	return f;
}

void graph_object_fleets(struct graph *g, enum object_kind kind, const char *key, size_t key_len,
			 void (*fn)(void *ctx, const char *fleet), void *ctx)
{
	for (size_t k = 0; g->has_fleets && k < g->config.n_units; k++) {
		const struct fleet_names *f;
		const struct unit *u;

		if (g->config.units[k].object != kind)
			continue;
		u = hashmap_get(&g->cells[SPACE_UNIT][k], key, key_len);
		f = u ? fleets_of(u) : NULL;
		for (size_t i = 0; f && i < f->n; i++)
			fn(ctx, f->all[i]);
	}
	if (!g->has_fleets)
		fn(ctx, "");
}

/* ---- the fleets of resources ---- */

static struct item *set_item(const char *key, size_t key_len, char *const *all, size_t n)
{
	Portolan__Ipc__FleetSet m = PORTOLAN__IPC__FLEET_SET__INIT;
	_cleanup_free_ uint8_t *packed = NULL;
	size_t len;

	m.fleets = (char **)(uintptr_t)all;
	m.n_fleets = n;
	len = portolan__ipc__fleet_set__get_packed_size(&m);
	packed = xmalloc(len + 1);
	(void)portolan__ipc__fleet_set__pack(&m, packed);
	return item_new(RESOURCE_FLEET_SET, key, key_len, NULL, 0, packed, len);
}

static bool is_default_alone(char *const *all, size_t n)
{
	return n == 1 && !*all[0];
}

/* Its resources as a whole; parts go with them. */
static bool has_set(const struct emit *e)
{
	return emit_cell(e)->space == SPACE_OUTPUT && emit_item(e)->kind < RESOURCE_KIND_MAX_;
}

static void say(struct graph *g, struct unit *u)
{
	struct unit_fleet *part = part_of(u);
	struct emit *before = TAKE_PTR(part->sets);
	uint32_t n_before = part->n_sets;
	_cleanup_free_ char *key = NULL;

	part->n_sets = 0;
	if (u->n_emits)
		part->sets = xnew(struct emit, u->n_emits);
	for (uint32_t i = 0; i < u->n_emits; i++) {
		const struct emit *made = &unit_emits(u)[i];
		const struct item *of = emit_item(made);
		struct item *set;
		struct emit *e = &part->sets[part->n_sets];
		int n;

		if (!has_set(made))
			continue;
		free(key);
		key = xmalloc(of->key_len + 16);
		n = snprintf(key, 16, "%u", of->kind);
		memcpy(key + n + 1, of->data, of->key_len);
		set = set_item(key, (size_t)n + 1 + of->key_len, part->fleets->all,
			       part->fleets->n);
		*e = (struct emit){ small_ref_of(graph_output_cell(g, set)), small_ref_of(set) };
		graph_emit_publish(g, e);
		part->n_sets++;
	}
	for (uint32_t i = 0; i < n_before; i++) {
		graph_emit_withdraw(g, &before[i]);
		item_unref(emit_item(&before[i]));
	}
	free(before);
}

struct item *graph_fleet_union(const struct cell *c, const struct item *const *all, size_t n)
{
	struct fleet_names *names;
	Portolan__Ipc__FleetSet **sets = xreallocarray(NULL, n + 1, sizeof(*sets));
	const char **every;
	struct item *out = NULL;
	size_t total = 0;

	for (size_t i = 0; i < n; i++) {
		sets[i] = portolan__ipc__fleet_set__unpack(NULL, all[i]->value_len,
							   item_value(all[i]));
		total += sets[i]->n_fleets;
	}
	every = xreallocarray(NULL, total + 1, sizeof(*every));
	total = 0;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < sets[i]->n_fleets; k++)
			every[total++] = sets[i]->fleets[k];
	names = names_new(every, total);
	if (n && !is_default_alone(names->all, names->n))
		out = set_item(cell_key(c), c->key_len, names->all, names->n);
	names_unref(names);
	for (size_t i = 0; i < n; i++)
		portolan__ipc__fleet_set__free_unpacked(sets[i], NULL);
	free(every);
	free(sets);
	return out;
}

/* The last fleet other than the default has gone: withdraws all sets. */
static void end(struct graph *g)
{
	struct cell *c;

	g->has_fleets = false;
	for (unsigned k = 0; k < g->config.n_units; k++) {
		vec_done(&g->fleets_due[k]);
		HASHMAP_FOREACH (&g->cells[SPACE_UNIT][k], c) {
			struct unit *u = (struct unit *)c;

			if (u->fleet) {
				part_of(u)->due = false;
				names_unref(TAKE_PTR(part_of(u)->fleets));
			}
			forget_sets(g, u);
		}
	}
}

/* Units read only units of lower ranks, so one pass from the highest rank is enough. */
void graph_fleet_settle(struct graph *g)
{
	if (g->has_fleets && !g->n_fleet_units)
		end(g);
	for (size_t k = g->config.n_units; g->has_fleets && k-- > 0;) {
		while (g->fleets_due[k].n) {
			uint32_t last = g->fleets_due[k].n - 1;
			struct unit *u = vec_at(&g->fleets_due[k], last);
			struct unit_fleet *part = part_of(u);
			struct fleet_names *now;

			vec_take_out(&g->fleets_due[k], last);
			part->due = false;
			now = find(g, u);
			if (part->fleets && names_equal(now, part->fleets)) {
				names_unref(now);
				continue;
			}
			names_unref(part->fleets);
			part->fleets = now;
			say(g, u);
			for (uint32_t i = 0; i < u->n_reads; i++)
				if (unit_read(u, i)->space == SPACE_UNIT)
					graph_fleet_read(g, (struct unit *)unit_read(u, i));
		}
	}
}

/* ---- the end ---- */

void graph_fleet_destroy(struct graph *g, struct unit *u)
{
	struct vec *list = &g->fleets_due[u->cell.kind];

	g->n_fleet_units -= names_others(said_by(u));
	forget_sets(g, u);
	if (!u->fleet || !part_of(u)->due)
		return;
	for (uint32_t i = 0; i < list->n; i++)
		if (vec_at(list, i) == u)
			vec_take_out(list, i--);
	part_of(u)->due = false;
}

void graph_fleet_free(struct unit *u)
{
	struct unit_fleet *part = small_at(u->fleet);

	if (!part)
		return;
	for (uint32_t i = 0; i < part->n_sets; i++)
		item_unref(emit_item(&part->sets[i]));
	free(part->sets);
	names_unref(part->said);
	names_unref(part->fleets);
	small_free(part, sizeof(*part));
}
