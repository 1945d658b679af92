/* Pages that list the watcher's objects. */
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/decode/object-kind.h"
#include "common/decode/status-document.h"
#include "k8s/meta.pb-c.h"
#include "watcher/debug-page.h"
#include "watcher/status/status-render.h"

/* ---- the request ---- */

struct filter {
	struct evkeyvalq query;
	unsigned kind; /* 0: any */
	bool none;     /* of a kind that is not known */
	bool problems; /* only those with a warning, an error or a bad verdict */
	const char *namespace, *name;
};

static void filter_init(struct filter *f, const char *query)
{
	const char *kind;

	*f = (struct filter){ 0 };
	(void)evhttp_parse_query_str(query, &f->query);
	kind = evhttp_find_header(&f->query, "kind");
	f->namespace = evhttp_find_header(&f->query, "namespace");
	f->name = evhttp_find_header(&f->query, "name");
	if (kind)
		f->kind = object_kind_named(kind);
	f->none = kind && !f->kind;
	f->problems = evhttp_find_header(&f->query, "problems") != NULL;
}

static void filter_done(struct filter *f)
{
	evhttp_clear_headers(&f->query);
}

/* Kinds that only stages know. A document that could not be read is for people. */
static bool is_internal(unsigned kind)
{
	return !object_kind(kind) && kind != OBJECT_DOCUMENT;
}

static bool matches(const struct filter *f, const struct item *i)
{
	const char *key = item_key(i), *slash = strchr(key, '/');
	size_t n = slash ? (size_t)(slash - key) : 0;

	if (f->none || (f->kind && f->kind != i->kind) || is_internal(i->kind))
		return false;
	if (f->namespace && (strlen(f->namespace) != n || memcmp(key, f->namespace, n) != 0))
		return false;
	return !f->name || strcmp(f->name, slash ? slash + 1 : key) == 0;
}

/* ---- objects ---- */

static int compare(const void *a, const void *b)
{
	const struct item *x = *(const struct item *const *)a, *y = *(const struct item *const *)b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return strcmp(item_key(x), item_key(y));
}

static void add_string(struct document *d, const char *key, const char *value, size_t n)
{
	document_key(d, key);
	document_string_n(d, value, n);
}

/* For every kind: the place of metadata is the same in all. */
static int64_t generation_of(const struct item *i)
{
	const ProtobufCMessageDescriptor *type = object_kind(i->kind)->descriptor;
	const ProtobufCFieldDescriptor *f =
		protobuf_c_message_descriptor_get_field_by_name(type, "metadata");
	ProtobufCMessage *m = f ? protobuf_c_message_unpack(type, NULL, i->value_len, item_value(i))
				: NULL;
	const K8s__ObjectMeta *meta =
		m ? *(K8s__ObjectMeta *const *)(const void *)((const char *)m + f->offset) : NULL;
	int64_t generation = meta ? meta->generation : 0;

	if (m)
		protobuf_c_message_free_unpacked(m, NULL);
	return generation;
}

/* one: it was requested by name. */
static void add_object(struct document *d, const struct item *i, bool one)
{
	const char *key = item_key(i), *slash = strchr(key, '/');
	const char *kind = object_kind(i->kind)->kind;

	document_map(d);
	add_string(d, "kind", kind, strlen(kind));
	if (slash > key)
		add_string(d, "namespace", key, (size_t)(slash - key));
	add_string(d, "name", slash + 1, strlen(slash + 1));
	add_string(d, "origin", item_meta(i), i->meta_len);
	document_key(d, "bytes");
	document_uint(d, i->value_len);
	if (one)
		document_put_int(d, "generation", generation_of(i));
	document_end(d);
}

void debug_page_objects(const struct store *store, const char *query, struct strbuf *out)
{
	const struct state *objects = store_objects(store);
	_cleanup_free_ const struct item **all =
		xnew(const struct item *, state_count(objects) + 1);
	const struct item *i;
	size_t pos = 0, n = 0;
	struct document d;
	struct filter f;

	filter_init(&f, query);
	while ((i = state_next(objects, &pos)))
		if (!object_kind_is_remark(i->kind) && matches(&f, i))
			all[n++] = i;
	if (n)
		qsort(all, n, sizeof(*all), compare);
	document_init(&d, out, DOCUMENT_JSON);
	document_list(&d);
	for (size_t k = 0; k < n; k++)
		add_object(&d, all[k], f.name != NULL);
	document_end(&d);
	filter_done(&f);
}

/* ---- statuses ---- */

/* The note's problems first: they say which version of the object the rest is about. */
static struct item *join(const struct item *note, const struct item *status)
{
	Portolan__Ipc__ObjectStatus *a, *b, both;
	_cleanup_free_ Portolan__Ipc__Problem **problems = NULL;
	_cleanup_free_ uint8_t *value = NULL;
	struct item *joined = NULL;
	size_t n;

	a = portolan__ipc__object_status__unpack(NULL, note->value_len, item_value(note));
	b = portolan__ipc__object_status__unpack(NULL, status->value_len, item_value(status));
	if (a && b) {
		both = *b;
		both.n_problems = 0;
		problems = xnew(Portolan__Ipc__Problem *, a->n_problems + b->n_problems + 1);
		for (size_t i = 0; i < a->n_problems; i++)
			problems[both.n_problems++] = a->problems[i];
		for (size_t i = 0; i < b->n_problems; i++)
			problems[both.n_problems++] = b->problems[i];
		both.problems = problems;
		both.has_verdict = 1;
		both.verdict = a->verdict == PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED ||
					       b->verdict > a->verdict
				       ? b->verdict
				       : a->verdict;
		both.origin = a->origin;
		n = portolan__ipc__object_status__get_packed_size(&both);
		value = xmalloc(n + 1);
		(void)portolan__ipc__object_status__pack(&both, value);
		joined = item_new(note->kind, item_key(note), note->key_len, NULL, 0, value, n);
	}
	portolan__ipc__object_status__free_unpacked(a, NULL);
	portolan__ipc__object_status__free_unpacked(b, NULL);
	return joined ? joined : item_ref((struct item *)note);
}

static void add_text(struct document *d, const char *key, const char *value)
{
	add_string(d, key, value, strlen(value));
}

static void add_conditions(struct document *d, const char *key, K8s__SubCondition *const *list,
			   size_t n)
{
	if (!n)
		return;
	document_key(d, key);
	document_list(d);
	for (size_t i = 0; i < n; i++) {
		document_map(d);
		add_text(d, "type", list[i]->type);
		add_text(d, "status", list[i]->status);
		add_text(d, "reason", list[i]->reason);
		add_text(d, "message", list[i]->message);
		document_end(d);
	}
	document_end(d);
}

/* The verdict in the object's status at the API server, if it came from there. */
static void add_shown(struct document *d, const struct status_shown *s)
{
	document_key(d, "status");
	document_map(d);
	if (s->current) {
		add_text(d, "currentStatus", s->current);
		add_text(d, "description", s->description);
	}
	document_key(d, "conditions");
	document_list(d);
	document_map(d);
	add_text(d, "type", s->valid->type);
	add_text(d, "status", s->valid->status);
	if (s->valid->has_observed_generation) {
		document_key(d, "observedGeneration");
		document_int(d, s->valid->observed_generation);
	}
	add_text(d, "reason", s->valid->reason);
	add_text(d, "message", s->valid->message);
	add_conditions(d, "errors", s->valid->errors, s->valid->n_errors);
	add_conditions(d, "warnings", s->valid->warnings, s->valid->n_warnings);
	document_end(d);
	document_end(d);
	document_end(d);
}

static void add_status(struct document *d, const struct item *i, const struct state *objects)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(4096);
	/* No particular generation: these remarks are never out of date. */
	const struct kube_object object = { 0 };
	struct status_input in = { .arena = a, .object = &object };
	struct status_shown shown;

	in.status = portolan__ipc__object_status__unpack(arena_pb(a), i->value_len, item_value(i));
	document_map(d);
	status_document_members(d, i, objects);
	if (in.status && status_render_shown(&in, i->kind, &shown))
		add_shown(d, &shown);
	document_end(d);
}

/* For all requested objects; a single object also gets its conditions. */
static void list_statuses(struct document *d, const struct state *all, const struct state *objects,
			  const struct filter *f)
{
	_cleanup_free_ struct item **sorted = NULL;
	size_t n;

	if (!f->name) {
		status_document_list(d, all, objects);
		return;
	}
	sorted = state_sorted(all, &n);
	document_list(d);
	for (size_t i = 0; i < n; i++)
		add_status(d, sorted[i], objects);
	document_end(d);
}

static bool has_problem(const struct item *i)
{
	Portolan__Ipc__ObjectStatus *s =
		portolan__ipc__object_status__unpack(NULL, i->value_len, item_value(i));
	bool has = s && (s->verdict == PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL ||
			 s->verdict == PORTOLAN__IPC__VERDICT__VERDICT_REJECTED);

	for (size_t k = 0; s && k < s->n_problems; k++)
		has |= s->problems[k]->severity >= PORTOLAN__IPC__SEVERITY__SEVERITY_WARNING;
	portolan__ipc__object_status__free_unpacked(s, NULL);
	return has;
}

static void keep_problems(struct state *all)
{
	_cleanup_free_ struct item **sorted = NULL;
	size_t n;

	sorted = state_sorted(all, &n);
	for (size_t i = 0; i < n; i++)
		if (!has_problem(sorted[i]))
			(void)state_remove(all, sorted[i]->kind, item_key(sorted[i]),
					   sorted[i]->key_len);
}

void debug_page_statuses(const struct store *store, const struct state *statuses, const char *query,
			 struct strbuf *out)
{
	_cleanup_(state_freep) struct state *all = state_new();
	const struct state *notes = store_notes(store);
	struct document d;
	struct filter f;
	struct item *i;
	size_t pos = 0;

	filter_init(&f, query);
	while ((i = state_next(statuses, &pos)))
		if (i->kind != OBJECT_DESIRED && matches(&f, i))
			(void)state_put(all, item_ref(i));
	pos = 0;
	while ((i = state_next(notes, &pos))) {
		const struct item *status = state_get(statuses, i->kind, item_key(i), i->key_len);

		if (matches(&f, i))
			(void)state_put(all, status ? join(i, status) : item_ref(i));
	}
	if (f.problems)
		keep_problems(all);
	document_init(&d, out, DOCUMENT_JSON);
	list_statuses(&d, all, store_objects(store), &f);
	filter_done(&f);
}
