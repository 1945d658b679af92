/* The functions for units: reads are recorded, outputs are collected. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/text.h"
#include "common/link/version.h"
#include "translator/graph/graph-internal.h"

/* A status message is for people; it may quote a long text of theirs. */
#define PROBLEM_TEXT_MAX 1024

#define SHARED_CHUNK (16 * 1024)

struct arena *reader_arena(const struct reader *r)
{
	return r->arena;
}

static void record(struct reader *r, struct cell *c)
{
	GROW(r->reads, r->n_reads, r->cap_reads);
	r->reads[r->n_reads++] = small_ref_of(c);
}

static void blame(struct reader *r, const struct item *object)
{
	r->blamed = object;
	if (r->graph->config.reading)
		r->graph->config.reading(r->graph->config.ctx, object);
}

/* The object, unless it is hidden. */
static const struct item *find_object(const struct graph *g, enum object_kind kind, const char *key,
				      size_t len)
{
	const struct item *i = state_get(g->config.objects, kind, key, len);
	bool hidden = i && g->config.hidden && g->config.hidden(g->config.ctx, i);

	return hidden ? NULL : i;
}

const struct item *read_beside(struct reader *r, enum object_kind kind, const char *key)
{
	size_t len = strlen(key);

	record(r, graph_cell(r->graph, SPACE_OBJECT, kind, key, len));
	return find_object(r->graph, kind, key, len);
}

const struct item *read_object(struct reader *r, enum object_kind kind, const char *key)
{
	const struct item *i = read_beside(r, kind, key);

	if (i)
		blame(r, i);
	return i;
}

void reader_blame(struct reader *r, enum object_kind kind, const char *key)
{
	const struct item *i = find_object(r->graph, kind, key, strlen(key));

	if (i)
		blame(r, i);
}

void *read_message(struct reader *r, enum object_kind kind, const char *key)
{
	const struct object_kind_row *row = object_kind(kind);
	const struct item *i = read_object(r, kind, key);

	return i ? protobuf_c_message_unpack(row->descriptor, arena_pb(r->arena), i->value_len,
					     item_value(i))
		 : NULL;
}

static const void *make_settings(struct graph *g, struct item *object)
{
	struct shared *s = &g->shared;

	item_unref(s->object);
	s->object = object ? item_ref(object) : NULL;
	if (s->arena)
		arena_reset(s->arena);
	else
		s->arena = arena_new(SHARED_CHUNK);
	s->value = g->config.settings(g->config.ctx, s->arena, object);
	s->made = true;
	return s->value;
}

const void *graph_settings(struct graph *g)
{
	struct item *object = state_get(g->config.objects, g->config.settings_kind,
					g->config.settings_key, strlen(g->config.settings_key));

	return g->shared.made && g->shared.object == object ? g->shared.value
							    : make_settings(g, object);
}

/* Units call it often: only the first time costs anything. */
const void *reader_settings(struct reader *r)
{
	struct graph *g = r->graph;

	if (r->settings)
		return r->settings;
	record(r, graph_cell(g, SPACE_OBJECT, g->config.settings_kind, g->config.settings_key,
			     strlen(g->config.settings_key)));
	r->settings = graph_settings(g);
	return r->settings;
}

static const struct item *const *read_entries(struct reader *r, struct cell *c, size_t *ret_n)
{
	const struct item *const *entries;

	record(r, c);
	entries = cell_entries(c, ret_n);
	/* A copy: a unit that runs inside this one may move the original. */
	return arena_memdup(r->arena, entries, *ret_n * sizeof(*entries));
}

const struct item *const *read_index(struct reader *r, unsigned index, const char *key,
				     size_t *ret_n)
{
	const struct item *const *all;

	if (!r->graph->indexed[index])
		graph_make_index(r->graph, index);
	all = read_entries(r, graph_cell(r->graph, SPACE_INDEX, index, key, strlen(key)), ret_n);
	/* The last of several: if it is innocent, another is found at the next crash. */
	if (*ret_n)
		blame(r, all[*ret_n - 1]);
	return all;
}

const struct item *const *read_facts(struct reader *r, unsigned fact, const char *key,
				     size_t key_len, size_t *ret_n)
{
	return read_entries(r, graph_cell(r->graph, SPACE_FACT, fact, key, key_len), ret_n);
}

static const struct item *const *see_facts(struct reader *r, unsigned fact, const char *key,
					   size_t key_len, size_t *ret_n)
{
	struct cell *c = graph_cell(r->graph, SPACE_FACT, fact, key, key_len);

	record(r, c);
	return cell_entries(c, ret_n);
}

const struct item *read_first_fact(struct reader *r, unsigned fact, const char *key, size_t key_len)
{
	size_t n;
	const struct item *const *entries = see_facts(r, fact, key, key_len, &n);

	return n ? entries[0] : NULL;
}

const struct item *read_last_fact(struct reader *r, unsigned fact, const char *key, size_t key_len)
{
	size_t n;
	const struct item *const *entries = see_facts(r, fact, key, key_len, &n);

	return n ? entries[n - 1] : NULL;
}

const struct item *read_unit(struct reader *r, unsigned kind, const char *key, size_t key_len)
{
	struct unit *u;

	assert(kind < r->unit->cell.kind);
	u = graph_unit(r->graph, kind, key, key_len);
	record(r, &u->cell);
	if (u->due) {
		graph_run_unit(r->graph, u);
		blame(r, r->blamed);
	}
	return small_at(u->result);
}

static void add(struct reader *r, struct cell *c, struct item *i)
{
	GROW(r->emits, r->n_emits, r->cap_emits);
	r->emits[r->n_emits++] = (struct emit){ small_ref_of(c), small_ref_of(i) };
}

static void set_result(struct reader *r, const void *value, size_t len)
{
	struct graph *g = r->graph;

	item_unref(r->result);
	if (len) {
		r->result = item_new(0, NULL, 0, NULL, 0, value, len);
		return;
	}
	if (!g->nothing)
		g->nothing = item_new(0, NULL, 0, NULL, 0, NULL, 0);
	r->result = item_ref(g->nothing);
}

void emit_fact(struct reader *r, unsigned fact, const char *key, size_t key_len,
	       const char *sort_key, size_t sort_len, const void *value, size_t len)
{
	add(r, graph_cell(r->graph, SPACE_FACT, fact, key, key_len),
	    item_new(fact, sort_key, sort_len, NULL, 0, value, len));
}

static void add_output(struct reader *r, struct item *i)
{
	add(r, graph_output_cell(r->graph, i), i);
}

static void emit_versioned(struct reader *r, enum resource_kind kind, const char *name,
			   const uint8_t version[VERSION_SIZE], const void *value, size_t len)
{
	char hex[VERSION_HEX + 1];

	version_to_hex(version, hex);
	add_output(r, item_new(kind, name, strlen(name), hex, VERSION_HEX, value, len));
}

void emit_resource(struct reader *r, enum resource_kind kind, const char *name, const void *value,
		   size_t len)
{
	uint8_t version[VERSION_SIZE];

	version_of(value, len, version);
	emit_versioned(r, kind, name, version, value, len);
}

static char *parts_key(struct arena *a, enum resource_kind kind, const char *name)
{
	return arena_printf(a, "%d/%s", kind, name);
}

const struct item *const *graph_parts(struct graph *g, enum resource_kind kind, const char *name,
				      size_t *ret_n)
{
	const char *key = parts_key(g->arenas[0], kind, name);
	struct cell *c = hashmap_get_str(&g->cells[SPACE_FACT][GRAPH_PARTS], key);

	arena_reset(g->arenas[0]);
	*ret_n = 0;
	return c ? cell_entries(c, ret_n) : NULL;
}

const struct item *const *graph_facts(struct graph *g, unsigned fact, const char *key,
				      size_t key_len, size_t *ret_n)
{
	struct cell *c = hashmap_get(&g->cells[SPACE_FACT][fact], key, key_len);

	*ret_n = 0;
	return c ? cell_entries(c, ret_n) : NULL;
}

const struct item *graph_wanted(struct graph *g, uint32_t kind, const char *key, size_t key_len)
{
	struct cell *c = hashmap_get(&g->cells[SPACE_OUTPUT][kind], key, key_len);
	size_t n = 0;
	const struct item *const *all = c ? cell_entries(c, &n) : NULL;

	return n ? all[0] : NULL;
}

void graph_fact_keys(struct graph *g, unsigned fact,
		     void (*fn)(void *ctx, const char *key, size_t key_len), void *ctx)
{
	struct cell *c;

	HASHMAP_FOREACH (&g->cells[SPACE_FACT][fact], c)
		if (c->entries.n)
			fn(ctx, cell_key(c), c->key_len);
}

/* Key: the resource's name, a NUL, the part's own. */
static struct item *make_part(struct reader *r, uint32_t kind, const char *name, const char *part,
			      const void *value, size_t len)
{
	size_t name_len = strlen(name), part_len = strlen(part);
	size_t key_len = name_len + 1 + part_len;
	char *key = arena_alloc(r->arena, key_len);
	uint8_t version[VERSION_SIZE];

	memcpy(key, name, name_len);
	memcpy(key + name_len + 1, part, part_len);
	version_of(value, len, version);
	return item_new(kind, key, key_len, (const char *)version, VERSION_SIZE, value, len);
}

void emit_output(struct reader *r, uint32_t kind, const char *key, const void *value, size_t len)
{
	add_output(r, item_new(kind, key, strlen(key), NULL, 0, value, len));
}

void emit_part_output(struct reader *r, uint32_t kind, const char *name, const char *part,
		      const void *value, size_t len)
{
	add_output(r, make_part(r, kind, name, part, value, len));
}

void emit_part(struct reader *r, enum resource_kind kind, const char *name, const char *part,
	       const void *value, size_t len)
{
	const char *collection = parts_key(r->arena, kind, name);
	struct item *i = make_part(r, RESOURCE_PART + kind, name, part, value, len);

	/* One item is both the part to send and the fact that tells the head of it. */
	add(r, graph_cell(r->graph, SPACE_FACT, GRAPH_PARTS, collection, strlen(collection)),
	    item_ref(i));
	add_output(r, i);
}

void emit_head(struct reader *r, enum resource_kind kind, const char *name, const void *value,
	       size_t len, bool need_parts)
{
	const char *collection = parts_key(r->arena, kind, name);
	struct cell *parts =
		graph_cell(r->graph, SPACE_FACT, GRAPH_PARTS, collection, strlen(collection));
	uint8_t version[VERSION_SIZE];

	record(r, parts);
	if (!parts->entries.n && need_parts)
		return;
	cell_parts_version(parts, value, len, version);
	emit_versioned(r, kind, name, version, value, len);
}

uint8_t *reader_pack(struct reader *r, const ProtobufCMessage *m, size_t *ret_len)
{
	uint8_t *out;

	*ret_len = protobuf_c_message_get_packed_size(m);
	out = arena_alloc(r->arena, *ret_len);
	(void)protobuf_c_message_pack(m, out);
	return out;
}

static void emit_note(struct reader *r, enum object_kind kind, const char *key, const char *verdict,
		      const void *problem, size_t len)
{
	add(r, graph_cell(r->graph, SPACE_NOTES, kind, key, strlen(key)),
	    item_new(0, (const char *)problem, len, verdict, strlen(verdict), NULL, 0));
}

#define EARLY 8

/* Then most objects need no note to be accepted. Units read their object among the first things. */
static bool read_early(const struct reader *r, enum object_kind kind, const char *key)
{
	const struct cell *c = hashmap_get(&r->graph->cells[SPACE_OBJECT][kind], key, strlen(key));

	for (size_t i = 0; c && i < MIN(r->n_reads, (size_t)EARLY); i++)
		if (small_at(r->reads[i]) == c)
			return true;
	return false;
}

void emit_verdict(struct reader *r, enum object_kind kind, const char *key,
		  Portolan__Ipc__Verdict verdict)
{
	char text[2] = { (char)('0' + verdict), '\0' };

	if (verdict != PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED ||
	    !graph_status_judged(r->graph, kind) || !read_early(r, kind, key))
		emit_note(r, kind, key, text, NULL, 0);
}

static bool begins_within(const char *message, const char *field)
{
	size_t n = strlen(field);

	return n && strncmp(message, field, n) == 0 && message[n] && strchr(".[:", message[n]);
}

size_t problem_place(const char *message, const char *field)
{
	size_t n = strcspn(message, " ");

	if (!message[n] || !n || message[n - 1] != ':')
		return 0;
	return begins_within(message, "spec") || begins_within(message, field ? field : "") ? n - 1
											    : 0;
}

void emit_problem(struct reader *r, enum object_kind kind, const char *key,
		  Portolan__Ipc__Severity severity, const char *reason, const char *field,
		  const char *fmt, ...)
{
	Portolan__Ipc__Problem p = PORTOLAN__IPC__PROBLEM__INIT;
	_cleanup_free_ char *message = NULL, *where = NULL;
	char text[PROBLEM_TEXT_MAX];
	size_t len, place;
	uint8_t *packed;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	place = problem_place(text, field);
	if (place)
		field = arena_strndup(r->arena, text, place);
	p.has_severity = 1;
	p.severity = severity;
	p.reason = (char *)reason;
	/* Both quote the object; kubectl shows them, too, and a line feed would forge a line. */
	message = text_of(place ? text + place + strlen(": ") : text);
	where = field ? text_of(field) : NULL;
	p.message = message;
	p.field = where;
	packed = reader_pack(r, &p.base, &len);
	emit_note(r, kind, key, "", packed, len);
}

void emit_status(struct reader *r, enum object_kind kind, const char *key,
		 const Portolan__Ipc__ObjectStatus *part)
{
	size_t len;
	uint8_t *packed = reader_pack(r, &part->base, &len);

	add(r, graph_cell(r->graph, SPACE_NOTES, kind, key, strlen(key)),
	    item_new(0, NULL, 0, NULL, 0, packed, len));
}

void reader_fleet(struct reader *r, const char *fleet)
{
	const char **all;

	for (size_t i = 0; i < r->n_fleets; i++)
		if (strcmp(r->fleets[i], fleet) == 0)
			return;
	all = arena_new_of(r->arena, const char *, r->n_fleets + 1);
	if (r->n_fleets)
		memcpy(all, r->fleets, r->n_fleets * sizeof(*all));
	all[r->n_fleets++] = arena_strndup(r->arena, fleet, strlen(fleet));
	r->fleets = all;
}

void emit_result_message(struct reader *r, const ProtobufCMessage *m)
{
	size_t len;
	uint8_t *packed = reader_pack(r, m, &len);

	set_result(r, packed, len);
}
