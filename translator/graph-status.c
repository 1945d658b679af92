/* Statuses: for each object, what all units together say of it. Runs in the translator. */
#include <string.h>

#include "common/alloc.h"
#include "translator/graph-internal.h"

/* A status must fit in a frame and in a reader's head. */
#define PROBLEMS_MAX 64

void graph_status_due(struct graph *g, enum object_kind kind, const char *key, size_t len)
{
	graph_touch(g, graph_cell(g, SPACE_NOTES, kind, key, len));
}

void graph_status_use(struct graph *g, struct cell *c)
{
	if (c->space == SPACE_OBJECT)
		graph_status_due(g, (enum object_kind)c->kind, c->key, c->key_len);
	if (c->space == SPACE_INDEX)
		for (uint32_t i = 0; i < c->entries.n; i++) {
			const struct item *object = vec_at(&c->entries, i);

			graph_status_due(g, (enum object_kind)object->kind, object->data,
					 object->key_len);
		}
}

/* Whether any unit has read the object, by its key or through an index. */
static bool used(struct graph *g, const struct item *object, struct arena *scratch)
{
	const struct cell *c = hashmap_get(&g->cells[SPACE_OBJECT][object->kind], object->data,
					   object->key_len);

	if (c && c->readers.n)
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
		if (c && c->readers.n)
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

/* metadata.generation without unpacking the object: field 1 of every kind is its metadata, and field
 * 7 of that the generation (k8s.io/apimachinery, ObjectMeta). */
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

void graph_status_publish(struct graph *g, struct cell *notes)
{
	struct item *object = state_get(g->config.objects, notes->kind, notes->key, notes->key_len);
	Portolan__Ipc__ObjectStatus status = PORTOLAN__IPC__OBJECT_STATUS__INIT;
	struct arena *scratch = g->arenas[0];
	Portolan__Ipc__Problem **problems;
	const struct item *const *all;
	size_t n, len;
	int verdict = -1;
	uint8_t *packed;

	if (!object) {
		(void)state_remove(g->config.statuses, notes->kind, notes->key, notes->key_len);
		return;
	}
	all = cell_entries(notes, &n);
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
	/* What has an error is not accepted as a whole. */
	if (verdict == PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED && status.n_problems &&
	    problems[0]->severity == PORTOLAN__IPC__SEVERITY__SEVERITY_ERROR)
		verdict = PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL;
	if (verdict < 0)
		verdict = used(g, object, scratch) ? PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED :
						     PORTOLAN__IPC__VERDICT__VERDICT_IGNORED;
	status.has_verdict = 1;
	status.verdict = (Portolan__Ipc__Verdict)verdict;
	status.observed_generation = generation_of(item_value(object), object->value_len);
	status.has_observed_generation = status.observed_generation != 0;
	status.origin = object->meta_len ? (char *)item_meta(object) : NULL;
	len = portolan__ipc__object_status__get_packed_size(&status);
	packed = arena_alloc(scratch, len);
	(void)portolan__ipc__object_status__pack(&status, packed);
	(void)state_put(g->config.statuses, item_new(notes->kind, notes->key, notes->key_len, NULL, 0,
						     packed, len));
	arena_reset(scratch);
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

void graph_note_remove(struct graph *g, enum object_kind kind, const char *key, struct item *note)
{
	struct cell *c = graph_cell(g, SPACE_NOTES, kind, key, strlen(key));

	cell_entry_remove(c, note);
	graph_touch(g, c);
}
