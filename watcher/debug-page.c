/* Pages that list what the watcher holds. */
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <string.h>

#include "common/alloc.h"
#include "common/object-kind.h"
#include "common/status-document.h"
#include "watcher/debug-page.h"
#include "watcher/status-render.h"

/* ---- what is asked for ---- */

struct filter {
	struct evkeyvalq query;
	unsigned kind; /* 0: any */
	bool none;     /* of a kind that is not known */
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
}

static void filter_done(struct filter *f)
{
	evhttp_clear_headers(&f->query);
}

static bool matches(const struct filter *f, const struct item *i)
{
	const char *key = item_key(i), *slash = strchr(key, '/');
	size_t n = slash ? (size_t)(slash - key) : 0;

	if (f->none || (f->kind && f->kind != i->kind))
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

static void add_object(struct document *d, const struct item *i)
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
	document_end(d);
}

void debug_page_objects(const struct store *store, const char *query, struct strbuf *out)
{
	const struct state *objects = store_objects(store);
	_cleanup_free_ const struct item **all = xnew(const struct item *, state_count(objects) + 1);
	const struct item *i;
	size_t pos = 0, n = 0;
	struct document d;
	struct filter f;

	filter_init(&f, query);
	while ((i = state_next(objects, &pos)))
		if (matches(&f, i))
			all[n++] = i;
	if (n)
		qsort(all, n, sizeof(*all), compare);
	document_init(&d, out, DOCUMENT_JSON);
	document_list(&d);
	for (size_t k = 0; k < n; k++)
		add_object(&d, all[k]);
	document_end(&d);
	filter_done(&f);
}

/* ---- statuses ---- */

/* The note's problems first: they say which version of the object the rest is about. */
static struct item *join(const struct item *note, const struct item *status)
{
	Portolan__Ipc__ObjectStatus *a, *b, both = PORTOLAN__IPC__OBJECT_STATUS__INIT;
	_cleanup_free_ Portolan__Ipc__Problem **problems = NULL;
	_cleanup_free_ uint8_t *value = NULL;
	struct item *joined = NULL;
	size_t n;

	a = portolan__ipc__object_status__unpack(NULL, note->value_len, item_value(note));
	b = portolan__ipc__object_status__unpack(NULL, status->value_len, item_value(status));
	if (a && b) {
		problems = xnew(Portolan__Ipc__Problem *, a->n_problems + b->n_problems + 1);
		for (size_t i = 0; i < a->n_problems; i++)
			problems[both.n_problems++] = a->problems[i];
		for (size_t i = 0; i < b->n_problems; i++)
			problems[both.n_problems++] = b->problems[i];
		both.problems = problems;
		both.has_verdict = 1;
		both.verdict = a->verdict == PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED ||
					       b->verdict > a->verdict ?
				       b->verdict :
				       a->verdict;
		both.origin = a->origin;
		both.has_observed_generation = b->has_observed_generation;
		both.observed_generation = b->observed_generation;
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

static void add_conditions(struct document *d, const char *key, K8s__SubCondition *const *list, size_t n)
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

/* As in the object's status at the API server, if it came from one. */
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

static void add_status(struct document *d, const struct item *i)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(4096);
	/* Of no generation in particular: nothing that is said of it is out of date here. */
	const struct kube_object object = { 0 };
	struct status_input in = { .arena = a, .object = &object };
	struct status_shown shown;

	in.status = portolan__ipc__object_status__unpack(arena_pb(a), i->value_len, item_value(i));
	document_map(d);
	status_document_members(d, i);
	if (in.status && status_render_shown(&in, i->kind, &shown))
		add_shown(d, &shown);
	document_end(d);
}

/* Of all that is asked for; with conditions where that is one object. */
static void list_statuses(struct document *d, const struct state *all, const struct filter *f)
{
	const struct item *i;
	size_t pos = 0;

	if (!f->name) {
		status_document_list(d, all);
		return;
	}
	document_list(d);
	while ((i = state_next(all, &pos)))
		add_status(d, i);
	document_end(d);
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
		if (matches(&f, i))
			(void)state_put(all, item_ref(i));
	pos = 0;
	while ((i = state_next(notes, &pos))) {
		const struct item *status = state_get(statuses, i->kind, item_key(i), i->key_len);

		if (matches(&f, i))
			(void)state_put(all, status ? join(i, status) : item_ref(i));
	}
	document_init(&d, out, DOCUMENT_JSON);
	list_statuses(&d, all, &f);
	filter_done(&f);
}
