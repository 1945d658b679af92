/* Statuses: all units' verdicts and problems of an object, joined. */
#include <string.h>

#include "common/base/alloc.h"
#include "translator/graph/graph-internal.h"

/* A status must fit in a frame and in a reader's head. */
#define PROBLEMS_MAX 64

static struct cell *find_notes(const struct graph *g, const struct item *object)
{
	return hashmap_get(&g->cells[SPACE_NOTES][object->kind], object->data,
			   MIN(object->key_len, CELL_KEY_MAX));
}

void graph_status_due(struct graph *g, struct item *object)
{
	struct cell *notes;

	/* Only Kubernetes objects have a status. */
	if (!object_kind(object->kind))
		return;
	notes = find_notes(g, object);
	if (notes)
		graph_touch(g, notes);
	else
		vec_add(&g->statuses_due, item_ref(object));
}

void graph_status_use(struct graph *g, struct cell *c)
{
	struct item *object = NULL;

	if (c->space == SPACE_OBJECT)
		object = state_get(g->config.objects, c->kind, cell_key(c), c->key_len);
	if (object)
		graph_status_due(g, object);
	if (c->space == SPACE_INDEX)
		for (uint32_t i = 0; i < c->entries.n; i++)
			graph_status_due(g, vec_at(&c->entries, i));
}

/* By units that do more than remark on an object. */
static bool is_read(const struct graph *g, const struct cell *c)
{
	for (uint32_t i = 0, n = c ? refs_n(&c->readers) : 0; i < n; i++) {
		const struct unit *u = refs_at(&c->readers, i);

		if (!g->config.units[u->cell.kind].remarks)
			return true;
	}
	return false;
}

/* Whether any unit has read the object, by its key or through an index. */
static bool used(struct graph *g, const struct item *object, struct arena *scratch)
{
	const struct cell *c =
		hashmap_get(&g->cells[SPACE_OBJECT][object->kind], object->data, object->key_len);

	if (is_read(g, c))
		return true;
	for (size_t k = 0; k < g->config.n_indexes; k++) {
		const struct index_row *row = &g->config.indexes[k];
		const char *key;
		int len;

		if (row->object != object->kind)
			continue;
		len = row->key(object, scratch, &key);
		if (len < 0)
			continue;
		c = hashmap_get(&g->cells[SPACE_INDEX][row->index], key, (size_t)len);
		if (is_read(g, c))
			return true;
	}
	return false;
}

static uint64_t varint(const uint8_t **p, const uint8_t *end)
{
	uint64_t v = 0;

	for (unsigned shift = 0; *p < end && shift < 64; shift += 7) {
		uint8_t b = *(*p)++;

		v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			break;
	}
	return v;
}

/* metadata.generation without unpacking the object: field 1 of every kind is its metadata, and
 * field 7 of that the generation (k8s.io/apimachinery, ObjectMeta). */
static int64_t generation_of(const uint8_t *p, size_t len)
{
	const uint8_t *end = p + len;
	bool in_metadata = false;

	while (p < end) {
		uint64_t tag = varint(&p, end), n;

		switch (tag & 7) {
		case 0:
			n = varint(&p, end);
			if (in_metadata && tag >> 3 == 7)
				return (int64_t)n;
			break;
		case 2:
			n = varint(&p, end);
			if (n > (uint64_t)(end - p))
				return 0;
			if (!in_metadata && tag >> 3 == 1) {
				in_metadata = true;
				end = p + n;
			} else {
				p += n;
			}
			break;
		default:
			return 0;
		}
	}
	return 0;
}

static int problem_compare(const void *a, const void *b)
{
	const Portolan__Ipc__Problem *x = *(Portolan__Ipc__Problem *const *)a;
	const Portolan__Ipc__Problem *y = *(Portolan__Ipc__Problem *const *)b;
	int d;

	if (x->severity != y->severity)
		return x->severity < y->severity ? 1 : -1;
	d = strcmp(x->field ? x->field : "", y->field ? y->field : "");
	d = d ? d : strcmp(x->reason, y->reason);
	return d ? d : strcmp(x->message, y->message);
}

/* Two units may have come upon the same. */
static size_t without_repeats(Portolan__Ipc__Problem **sorted, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (!kept || problem_compare(&sorted[kept - 1], &sorted[i]) != 0)
			sorted[kept++] = sorted[i];
	return kept;
}

static int part_compare(const void *a, const void *b)
{
	const struct item *x = *(const struct item *const *)a, *y = *(const struct item *const *)b;
	int d = memcmp(item_value(x), item_value(y), MIN(x->value_len, y->value_len));

	return d ? d : (x->value_len > y->value_len) - (x->value_len < y->value_len);
}

/* emit_status()'s output: protobuf joins concatenated messages. */
static Portolan__Ipc__ObjectStatus *join_parts(struct arena *a, const struct item *const *notes,
					       size_t n)
{
	const struct item **parts = arena_new_of(a, const struct item *, n + 1);
	size_t n_parts = 0, len = 0, at = 0;
	uint8_t *all;

	for (size_t i = 0; i < n; i++)
		if (notes[i]->value_len) {
			parts[n_parts++] = notes[i];
			len += notes[i]->value_len;
		}
	if (n_parts > 1)
		qsort(parts, n_parts, sizeof(*parts), part_compare);
	all = arena_alloc(a, len + 1);
	for (size_t i = 0; i < n_parts; i++) {
		memcpy(all + at, item_value(parts[i]), parts[i]->value_len);
		at += parts[i]->value_len;
	}
	return portolan__ipc__object_status__unpack(arena_pb(a), len, all);
}

bool graph_status_judged(const struct graph *g, unsigned kind)
{
	for (size_t k = 0; k < g->config.n_units; k++)
		if (g->config.units[k].object == kind && !g->config.units[k].remarks)
			return true;
	return false;
}

/* all: the notes on it. */
static void publish(struct graph *g, uint32_t kind, const char *key, size_t key_len,
		    const struct item *const *all, size_t n)
{
	struct item *object = state_get(g->config.objects, kind, key, key_len);
	Portolan__Ipc__ObjectStatus status;
	struct arena *scratch = g->arenas[0];
	Portolan__Ipc__Problem **problems;
	size_t len;
	int verdict = -1;
	bool judged;
	uint8_t *packed;

	if (!object) {
		(void)state_remove(g->config.statuses, kind, key, key_len);
		return;
	}
	status = *join_parts(scratch, all, n);
	problems = arena_new_of(scratch, Portolan__Ipc__Problem *, n + 1);
	for (size_t i = 0; i < n; i++) {
		if (all[i]->meta_len)
			verdict = MAX(verdict, item_meta(all[i])[0] - '0');
		if (all[i]->key_len)
			problems[status.n_problems++] = portolan__ipc__problem__unpack(
				arena_pb(scratch), all[i]->key_len, (const uint8_t *)all[i]->data);
	}
	qsort(problems, status.n_problems, sizeof(*problems), problem_compare);
	status.n_problems = without_repeats(problems, status.n_problems);
	status.n_problems = MIN(status.n_problems, (size_t)PROBLEMS_MAX);
	status.problems = problems;
	judged = verdict >= 0 || graph_status_judged(g, kind);
	if (verdict < 0)
		verdict = used(g, object, scratch) ? PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED
						   : PORTOLAN__IPC__VERDICT__VERDICT_IGNORED;
	/* An object with an error is not accepted as a whole. */
	if (judged && verdict == PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED && status.n_problems &&
	    problems[0]->severity == PORTOLAN__IPC__SEVERITY__SEVERITY_ERROR)
		verdict = PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL;
	status.has_verdict = 1;
	status.verdict = (Portolan__Ipc__Verdict)verdict;
	status.observed_generation = generation_of(item_value(object), object->value_len);
	status.has_observed_generation = status.observed_generation != 0;
	/* Most objects have no problems, and both ends of the link hold the object as well. */
	if (status.n_problems && object->meta_len)
		status.origin = (char *)item_meta(object);
	len = portolan__ipc__object_status__get_packed_size(&status);
	packed = arena_alloc(scratch, len);
	(void)portolan__ipc__object_status__pack(&status, packed);
	(void)state_put(g->config.statuses, item_new(kind, key, key_len, NULL, 0, packed, len));
	arena_reset(scratch);
}

void graph_status_publish(struct graph *g, struct cell *notes)
{
	size_t n;
	const struct item *const *all = cell_entries(notes, &n);

	publish(g, notes->kind, cell_key(notes), notes->key_len, all, n);
}

static int compare_addresses(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t)*(void *const *)a, y = (uintptr_t)*(void *const *)b;

	return (x > y) - (x < y);
}

void graph_status_settle(struct graph *g)
{
	struct vec due = TAKE_GENERIC(g->statuses_due, struct vec, (struct vec){ 0 });
	const struct item *last = NULL;

	if (due.n > 1)
		qsort(due.many, due.n, sizeof(*due.many), compare_addresses);
	for (uint32_t i = 0; i < due.n; i++) {
		struct item *object = vec_at(&due, i);

		/* Of one that has notes by now these were published. */
		if (object != last && !find_notes(g, object))
			publish(g, object->kind, object->data, object->key_len, NULL, 0);
		last = object;
	}
	graph_status_drop(&due);
}

void graph_status_drop(struct vec *due)
{
	for (uint32_t i = 0; i < due->n; i++)
		item_unref(vec_at(due, i));
	vec_done(due);
}

struct item *graph_note_add(struct graph *g, enum object_kind kind, const char *key,
			    Portolan__Ipc__Verdict verdict, const Portolan__Ipc__Problem *problem)
{
	char text[2] = { verdict ? (char)('0' + verdict) : '\0', '\0' };
	size_t len = portolan__ipc__problem__get_packed_size(problem);
	_cleanup_free_ uint8_t *packed = xmalloc(len);
	_cleanup_(item_unrefp) struct item *note = NULL;
	struct cell *c = graph_cell(g, SPACE_NOTES, kind, key, strlen(key));

	(void)portolan__ipc__problem__pack(problem, packed);
	note = item_new(0, (const char *)packed, len, text, strlen(text), NULL, 0);
	cell_entry_add(c, note);
	graph_touch(g, c);
	return note;
}

struct item *graph_note_add_status(struct graph *g, enum object_kind kind, const char *key,
				   const Portolan__Ipc__ObjectStatus *part)
{
	size_t len = portolan__ipc__object_status__get_packed_size(part);
	_cleanup_free_ uint8_t *packed = xmalloc(len + 1);
	struct cell *c = graph_cell(g, SPACE_NOTES, kind, key, strlen(key));
	struct item *note;

	(void)portolan__ipc__object_status__pack(part, packed);
	note = item_new(0, NULL, 0, NULL, 0, packed, len);
	cell_entry_add(c, note);
	graph_touch(g, c);
	item_unref(note);
	return note;
}

void graph_note_remove(struct graph *g, enum object_kind kind, const char *key, struct item *note)
{
	struct cell *c = graph_cell(g, SPACE_NOTES, kind, key, strlen(key));

	cell_entry_remove(c, note);
	graph_touch(g, c);
}
