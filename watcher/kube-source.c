/* The watcher's view of a Kubernetes API server: a reflector for every kind (and namespace), their
 * objects decoded, cut down and put into the store. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/configuration.h"
#include "common/decode.h"
#include "common/log.h"
#include "common/object-kind.h"

#include "watcher/kube-configuration.h"
#include "watcher/kube-object.h"
#include "watcher/kube-source.h"
#include "watcher/kube-writers.h"
#include "watcher/reflector.h"

#define ARENA_CHUNK (256u * 1024)
#define PROBE_USEC (15 * USEC_PER_SEC)
#define COLLECTIONS_MAX 2048
/* Of one kind: more can only be a mistake, or meant ill. */
#define OBJECTS_MAX 500000

/* Helm's releases and service accounts' tokens are never of use, and can be most of a cluster. */
#define SECRET_SELECTOR                                                                            \
	"fieldSelector=type%21%3Dhelm.sh%2Frelease.v1%2C"                                          \
	"type%21%3Dkubernetes.io%2Fservice-account-token"

struct kube_source;

/* A kind, in one namespace or in all. */
struct collection {
	struct kube_source *source;
	struct reflector *reflector;
	unsigned kind;
	uint16_t index;
	uint32_t epoch;
	char *name;
	bool dispensable; /* if we are not allowed to read it, we do without */
	bool said_dispensed;
};

struct kube_source {
	struct source source;
	struct event_loop *loop;
	struct store *store;
	struct kube_access *access;
	struct http *http;
	struct decoder *decoder;
	struct arena *arena;
	struct kube_objects *objects;
	struct kube_writers *writers;
	struct kube_configuration *configuration; /* NULL: none is named */
	struct collection *collections;
	size_t n_collections;
	struct event *commit;
	int64_t began;
	bool complete;
};

/* ---- objects ---- */

struct decoding {
	struct collection *collection;
	bool deleted;
	int result;
};

static void commit_later(struct kube_source *s)
{
	event_active(s->commit, 0, 0);
}

static void note_unreadable(struct kube_source *s, unsigned kind, const struct decoded *o)
{
	Portolan__Ipc__ObjectStatus note = PORTOLAN__IPC__OBJECT_STATUS__INIT;
	Portolan__Ipc__Problem problem = PORTOLAN__IPC__PROBLEM__INIT, *list = &problem;
	const struct decode_problem *first = o->n_problems ? &o->problems[0] : NULL;

	problem.has_severity = true;
	problem.severity = PORTOLAN__IPC__SEVERITY__SEVERITY_ERROR;
	problem.reason = (char *)(uintptr_t)(first ? first->reason : "Unreadable");
	problem.message = (char *)(uintptr_t)(first ? first->message : "cannot be read");
	problem.field = (char *)(uintptr_t)(first ? first->field : "");
	note.has_verdict = true;
	note.verdict = PORTOLAN__IPC__VERDICT__VERDICT_REJECTED;
	note.n_problems = 1;
	note.problems = &list;
	if (o->key)
		store_note(s->store, kind, o->key, o->key_len, &note);
	log_warning("%s %s from the API cannot be read: %s: %s", object_kind(kind)->kind,
		    o->key ? o->key : "(unknown)", problem.field, problem.message);
}

static void remember(struct collection *c, struct item *item, const char *api_key,
		     const struct kube_trimmed *t)
{
	struct kube_source *s = c->source;
	struct kube_object *k = kube_objects_put(s->objects, c->kind, item);

	k->api_key = api_key;
	k->epoch = c->epoch;
	k->collection = c->index;
	(void)snprintf(k->uid, sizeof(k->uid), "%s", t->uid);
	if (!kube_writers_wants(c->kind))
		return;
	free(k->version);
	k->version = xstrdup(t->version);
	k->generation = t->generation;
	(void)kube_object_set_status(k, t->status, t->status_len);
	kube_writers_object(s->writers, k);
}

static struct kube_object *configuration_object(const struct kube_source *s)
{
	return kube_objects_get(s->objects, OBJECT_CONTOUR_CONFIGURATION, CONFIGURATION_KEY,
				strlen(CONFIGURATION_KEY));
}

/* The one that --contour-config-name names: nothing else is asked for. */
static void on_configuration(struct decoding *d, const struct decoded *o)
{
	struct collection *c = d->collection;
	struct kube_source *s = c->source;
	const char *key = kube_configuration_api_key(s->configuration);
	struct kube_object *known = configuration_object(s);
	struct item *item, *refusal;
	struct kube_trimmed t;

	d->result = 0;
	if (!o->key || strcmp(o->key, key) != 0)
		return;
	if (d->deleted) {
		kube_configuration_missing(s->configuration);
		if (known)
			kube_objects_remove(s->objects, known);
		return;
	}
	arena_reset(s->arena);
	if (!o->value || kube_object_trim(s->arena, c->kind, o->value, o->value_len, &t) < 0) {
		d->result = -EBADMSG;
		note_unreadable(s, c->kind, o);
		kube_configuration_unreadable(s->configuration,
					      o->n_problems ? o->problems[0].message : "cannot be read");
		if (known)
			known->epoch = c->epoch;
		return;
	}
	store_note(s->store, c->kind, o->key, o->key_len, NULL);
	item = kube_configuration_take(s->configuration, &t, &refusal);
	remember(c, item, key, &t);
	if (refusal)
		kube_writers_status(s->writers, NULL, refusal);
	item_unref(refusal);
	item_unref(item);
}

static bool is_configuration(const struct collection *c)
{
	return c->kind == OBJECT_CONTOUR_CONFIGURATION && c->source->configuration;
}

static void on_decoded(void *ctx, const struct decoded *o)
{
	struct decoding *d = ctx;
	struct collection *c = d->collection;
	struct kube_source *s = c->source;
	struct kube_object *known;
	struct kube_trimmed t;

	if (is_configuration(c)) {
		on_configuration(d, o);
		return;
	}
	known = o->key ? kube_objects_get(s->objects, c->kind, o->key, o->key_len) : NULL;
	d->result = -EBADMSG;
	if (d->deleted && o->key) {
		d->result = 0;
		store_note(s->store, c->kind, o->key, o->key_len, NULL);
		store_remove(s->store, c->kind, o->key, o->key_len);
		if (known)
			kube_objects_remove(s->objects, known);
		return;
	}
	if (o->key && store_is_pinned(s->store, c->kind, o->key, o->key_len)) {
		d->result = 0;
		return;
	}
	arena_reset(s->arena);
	if (!known && !d->deleted &&
	    state_count_kind(store_objects(s->store), c->kind) >= OBJECTS_MAX) {
		d->result = -E2BIG;
		return;
	}
	if (!o->value || kube_object_trim(s->arena, c->kind, o->value, o->value_len, &t) < 0) {
		/* What it said before goes on. */
		note_unreadable(s, c->kind, o);
		if (known)
			known->epoch = c->epoch;
		return;
	}
	d->result = 0;
	store_note(s->store, c->kind, o->key, o->key_len, NULL);
	store_put(s->store, item_new(c->kind, o->key, o->key_len, NULL, 0, t.value, t.value_len));
	remember(c, state_get(store_objects(s->store), c->kind, o->key, o->key_len), NULL, &t);
}

static int decode(struct collection *c, const struct kube_payload *object, bool deleted)
{
	struct kube_source *s = c->source;
	struct decoding d = { .collection = c, .deleted = deleted };

	if (object->json)
		decode_json_object(s->decoder, c->kind, object->json, on_decoded, &d);
	else
		decode_protobuf(s->decoder, c->kind, object->protobuf, object->len, on_decoded, &d);
	commit_later(s);
	return d.result;
}

static int on_object(void *ctx, const struct kube_payload *object)
{
	return decode(ctx, object, false);
}

static int on_deleted(void *ctx, const struct kube_payload *object)
{
	return decode(ctx, object, true);
}

static void on_list_begins(void *ctx)
{
	((struct collection *)ctx)->epoch++;
}

/* What the list did not have is gone. */
static void sweep(struct collection *c)
{
	struct kube_source *s = c->source;
	struct kube_object *k, **gone = NULL;
	size_t pos = 0, n = 0, cap = 0;

	while ((k = kube_objects_next(s->objects, c->kind, &pos)))
		if (k->collection == c->index && k->epoch != c->epoch) {
			GROW(gone, n, cap);
			gone[n++] = k;
		}
	for (size_t i = 0; i < n; i++) {
		const struct item *item = gone[i]->item;

		store_note(s->store, c->kind, item_key(item), item->key_len, NULL);
		store_remove(s->store, c->kind, item_key(item), item->key_len);
		kube_objects_remove(s->objects, gone[i]);
	}
	free(gone);
	if (is_configuration(c) && !configuration_object(s))
		kube_configuration_missing(s->configuration);
	commit_later(s);
}

static void on_listed(void *ctx)
{
	struct collection *c = ctx;

	sweep(c);
	log_debug("%s: listed after %lld ms", c->name,
		  (long long)((clock_monotonic() - c->source->began) / USEC_PER_MSEC));
}

static void on_absent(void *ctx)
{
	struct collection *c = ctx;

	c->epoch++;
	sweep(c);
}

static const struct reflector_ops reflector_ops = {
	.list_begins = on_list_begins,
	.object = on_object,
	.deleted = on_deleted,
	.listed = on_listed,
	.absent = on_absent,
};

static void on_commit(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct kube_source *s = ctx;

	store_commit(s->store);
}

/* ---- what others ask ---- */

static bool dispensed(const struct collection *c)
{
	return c->dispensable && reflector_denied(c->reflector);
}

static bool is_complete(const struct source *source)
{
	struct kube_source *s = container_of((struct source *)(uintptr_t)source, struct kube_source,
					     source);

	for (size_t i = 0; i < s->n_collections && !s->complete; i++)
		if (!reflector_synced(s->collections[i].reflector) && !dispensed(&s->collections[i]))
			return false;
	if (s->configuration && !kube_configuration_complete(s->configuration))
		return false;
	s->complete = true;
	return true;
}

static const struct kube_source *from(const struct source *source)
{
	return (const struct kube_source *)(const void *)source;
}

static const char *problem_of(const struct collection *c)
{
	const char *problem = reflector_problem(c->reflector);

	if (dispensed(c))
		return NULL;
	return problem || reflector_synced(c->reflector)
		       ? problem
		       : reflector_state_name(reflector_state(c->reflector));
}

/* One line for all that have the same problem. */
static void why(const struct source *source, struct strbuf *out)
{
	const struct kube_source *s = from(source);
	_cleanup_free_ bool *said = xnew(bool, s->n_collections + 1);

	for (size_t i = 0; i < s->n_collections; i++) {
		const char *problem = problem_of(&s->collections[i]);

		if (!problem || said[i])
			continue;
		strbuf_printf(out, "kubernetes: %s", s->collections[i].name);
		for (size_t k = i + 1; k < s->n_collections; k++) {
			const char *other = problem_of(&s->collections[k]);

			if (!other || strcmp(other, problem) != 0)
				continue;
			said[k] = true;
			strbuf_printf(out, ", %s", s->collections[k].name);
		}
		strbuf_printf(out, ": %s\n", problem);
	}
	if (s->configuration)
		kube_configuration_why(s->configuration, out);
}

static const struct {
	const char *name, *type;
	size_t offset;
} collection_metrics[] = {
	{ "lists_total", "counter", offsetof(struct reflector_counters, lists) },
	{ "relists_total", "counter", offsetof(struct reflector_counters, relists) },
	{ "watches_total", "counter", offsetof(struct reflector_counters, watches) },
	{ "events_total", "counter", offsetof(struct reflector_counters, events) },
	{ "bookmarks_total", "counter", offsetof(struct reflector_counters, bookmarks) },
	{ "failures_total", "counter", offsetof(struct reflector_counters, failures) },
	{ "unreadable_total", "counter", offsetof(struct reflector_counters, unreadable) },
	{ "bytes_total", "counter", offsetof(struct reflector_counters, bytes) },
};

/* Namespaces of one kind stand next to each other; they are added up. */
static size_t sum_kind(const struct kube_source *s, size_t i, size_t offset, uint64_t *ret)
{
	unsigned kind = s->collections[i].kind;

	for (*ret = 0; i < s->n_collections && s->collections[i].kind == kind; i++)
		*ret += *(const uint64_t *)(const void *)((const char *)reflector_counters(
								  s->collections[i].reflector) +
							  offset);
	return i;
}

static size_t kind_state(const struct kube_source *s, size_t i, bool *ret_synced, int64_t *ret_last)
{
	unsigned kind = s->collections[i].kind;

	*ret_synced = true;
	*ret_last = 0;
	for (; i < s->n_collections && s->collections[i].kind == kind; i++) {
		const struct reflector *r = s->collections[i].reflector;
		int64_t last = reflector_counters(r)->last_event;

		*ret_synced &= reflector_synced(r);
		*ret_last = MAX(*ret_last, last);
	}
	return i;
}

static void metrics(const struct source *source, struct strbuf *out)
{
	const struct kube_source *s = from(source);
	const struct http_counters *h = http_counters(s->http);
	int64_t now = clock_monotonic(), last;
	uint64_t sum;
	bool synced;

	for (size_t m = 0; m < ARRAY_SIZE(collection_metrics); m++) {
		strbuf_printf(out, "# TYPE portolan_kube_%s %s\n", collection_metrics[m].name,
			      collection_metrics[m].type);
		for (size_t i = 0, next; i < s->n_collections; i = next) {
			next = sum_kind(s, i, collection_metrics[m].offset, &sum);
			strbuf_printf(out, "portolan_kube_%s{kind=\"%s\"} %llu\n",
				      collection_metrics[m].name,
				      object_kind(s->collections[i].kind)->kind,
				      (unsigned long long)sum);
		}
	}
	strbuf_puts(out, "# TYPE portolan_kube_synced gauge\n");
	for (size_t i = 0, next; i < s->n_collections; i = next) {
		next = kind_state(s, i, &synced, &last);
		strbuf_printf(out, "portolan_kube_synced{kind=\"%s\"} %d\n",
			      object_kind(s->collections[i].kind)->kind, synced);
	}
	strbuf_puts(out, "# TYPE portolan_kube_last_event_age_seconds gauge\n");
	for (size_t i = 0, next; i < s->n_collections; i = next) {
		next = kind_state(s, i, &synced, &last);
		if (last)
			strbuf_printf(out, "portolan_kube_last_event_age_seconds{kind=\"%s\"} %.3f\n",
				      object_kind(s->collections[i].kind)->kind,
				      (double)(now - last) / USEC_PER_SEC);
	}
	strbuf_printf(out,
		      "# TYPE portolan_kube_connections_total counter\n"
		      "portolan_kube_connections_total %llu\n"
		      "# TYPE portolan_kube_connections_dropped_total counter\n"
		      "portolan_kube_connections_dropped_total %llu\n"
		      "# TYPE portolan_kube_requests_total counter\n"
		      "portolan_kube_requests_total %llu\n"
		      "# TYPE portolan_kube_requests_failed_total counter\n"
		      "portolan_kube_requests_failed_total %llu\n"
		      "# TYPE portolan_kube_received_bytes_total counter\n"
		      "portolan_kube_received_bytes_total %llu\n",
		      (unsigned long long)h->connections, (unsigned long long)h->dropped,
		      (unsigned long long)h->calls, (unsigned long long)h->failed_calls,
		      (unsigned long long)h->bytes_in);
	if (s->configuration)
		kube_configuration_metrics(s->configuration, out);
	kube_writers_metrics(s->writers, out);
}

static void debug(const struct source *source, struct strbuf *out)
{
	const struct kube_source *s = from(source);

	strbuf_puts(out, "\"server\":");
	strbuf_json(out, s->access->server, strlen(s->access->server));
	strbuf_puts(out, ",\"access\":");
	strbuf_json(out, s->access->origin, strlen(s->access->origin));
	strbuf_printf(out, ",\"reachable\":%s,\"leader\":%s,\"kinds\":[",
		      http_reachable(s->http) ? "true" : "false",
		      kube_writers_leader(s->writers) ? "true" : "false");
	for (size_t i = 0; i < s->n_collections; i++) {
		const struct collection *c = &s->collections[i];
		const char *problem = reflector_problem(c->reflector);

		strbuf_printf(out, "%s{\"name\":", i ? "," : "");
		strbuf_json(out, c->name, strlen(c->name));
		strbuf_printf(out, ",\"state\":\"%s\",\"synced\":%s,\"problem\":",
			      reflector_state_name(reflector_state(c->reflector)),
			      reflector_synced(c->reflector) ? "true" : "false");
		strbuf_json(out, problem ? problem : "", problem ? strlen(problem) : 0);
		strbuf_printf(out, ",\"relists\":%llu,\"events\":%llu}",
			      (unsigned long long)reflector_counters(c->reflector)->relists,
			      (unsigned long long)reflector_counters(c->reflector)->events);
	}
	strbuf_puts(out, "]");
}

/* Those that wait have waited for this. */
static void on_reachable(void *ctx)
{
	struct kube_source *s = ctx;

	for (size_t i = 0; i < s->n_collections; i++)
		reflector_hurry(s->collections[i].reflector);
}

static void reload(struct source *source)
{
	struct kube_source *s = (struct kube_source *)source;

	http_reload(s->http);
	on_reachable(s);
}

static void status(struct source *source, const struct item *before, const struct item *after)
{
	kube_writers_status(((struct kube_source *)source)->writers, before, after);
}

static void kube_source_free(struct source *source)
{
	struct kube_source *s = (struct kube_source *)source;

	if (!s)
		return;
	for (size_t i = 0; i < s->n_collections; i++) {
		reflector_free(s->collections[i].reflector);
		free(s->collections[i].name);
	}
	free(s->collections);
	kube_writers_free(s->writers);
	http_free(s->http);
	if (s->commit)
		event_free(s->commit);
	kube_objects_free(s->objects);
	kube_configuration_free(s->configuration);
	decoder_free(s->decoder);
	arena_free(s->arena);
	kube_access_free(s->access);
	free(s);
}

static const struct source_ops kube_source_ops = {
	.name = "kubernetes",
	.free = kube_source_free,
	.complete = is_complete,
	.why = why,
	.metrics = metrics,
	.debug = debug,
	.reload = reload,
	.status = status,
};

/* ---- starting ---- */

static struct http_call *transport_send(void *ctx, const struct http_request *request)
{
	return http_send(ctx, request);
}

static void transport_cancel(void *ctx _unused_, struct http_call *call)
{
	http_cancel(call);
}

/* Kubernetes' own kinds are served as protobuf; custom resources (and their groups can end in
 * k8s.io, too) are not. */
static bool is_built_in(const struct object_kind_row *row)
{
	static const char *const groups[] = { "", "networking.k8s.io", "discovery.k8s.io" };

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		if (strcmp(row->group, groups[i]) == 0)
			return true;
	return false;
}

static char *collection_path(const struct object_kind_row *row, const char *namespace)
{
	_cleanup_free_ char *in = namespace ? xasprintf("namespaces/%s/", namespace) : xstrdup("");

	if (!row->group[0])
		return xasprintf("/api/%s/%s%s", row->version, in, row->plural);
	return xasprintf("/apis/%s/%s/%s%s", row->group, row->version, in, row->plural);
}

static void add_collection(struct kube_source *s, unsigned kind, const char *namespace)
{
	const struct object_kind_row *row = object_kind(kind);
	struct collection *c = &s->collections[s->n_collections];

	*c = (struct collection){ .source = s, .kind = kind, .index = (uint16_t)s->n_collections };
	c->name = namespace ? xasprintf("%s in %s", row->kind, namespace) : xstrdup(row->kind);
	s->n_collections++;
}

static void start_collection(struct kube_source *s, struct collection *c, const char *namespace)
{
	const struct object_kind_row *row = object_kind(c->kind);
	_cleanup_free_ char *path = collection_path(row, namespace);
	struct reflector_config config = REFLECTOR_CONFIG_DEFAULT;

	config.loop = s->loop;
	config.transport = (struct reflector_transport){ transport_send, transport_cancel, s->http };
	config.name = c->name;
	config.path = path;
	config.selector = c->kind == OBJECT_SECRET ? SECRET_SELECTOR :
			  is_configuration(c)	   ? kube_configuration_selector(s->configuration) :
						     NULL;
	config.protobuf = is_built_in(row);
	config.ops = &reflector_ops;
	config.ctx = c;
	c->reflector = reflector_new(&config);
}

static void start_collections(struct kube_source *s, const struct option_list *namespaces)
{
	size_t kinds = 0;

	for (unsigned k = 1; k < OBJECT_KIND_MAX_; k++)
		kinds += object_kind(k) != NULL;
	s->collections = xnew(struct collection, kinds * MAX(namespaces->n, 1u));
	/* All before the first is started: they are told of by pointer. */
	for (unsigned k = 1; k < OBJECT_KIND_MAX_; k++) {
		bool each = namespaces->n && object_kind(k) && object_kind(k)->namespaced;

		if (!object_kind(k))
			continue;
		if (k == OBJECT_CONTOUR_CONFIGURATION && s->configuration) {
			const char *namespace = kube_configuration_namespace(s->configuration);

			add_collection(s, k, namespace);
			start_collection(s, &s->collections[s->n_collections - 1], namespace);
			continue;
		}
		for (unsigned i = 0; i < (each ? namespaces->n : 1); i++) {
			const char *namespace = each ? namespaces->words[i] : NULL;

			add_collection(s, k, namespace);
			s->collections[s->n_collections - 1].dispensable =
				namespaces->n && !object_kind(k)->namespaced;
			start_collection(s, &s->collections[s->n_collections - 1], namespace);
		}
	}
}

/* "a,b" "c" → a, b, c. The words are in *ret_text. */
static void split_words(const struct option_list *in, struct option_list *ret, struct strbuf *ret_text)
{
	char *rest, *word;
	size_t cap = 0, n = 0;

	for (unsigned i = 0; i < in->n; i++)
		strbuf_printf(ret_text, "%s,", in->words[i]);
	for (rest = ret_text->s; rest && (word = strsep(&rest, ","));) {
		if (!*word)
			continue;
		GROW(ret->words, n, cap);
		ret->words[n++] = word;
	}
	ret->n = (unsigned)n;
}

static bool has_word(const struct option_list *list, const char *word)
{
	for (unsigned i = 0; i < list->n; i++)
		if (strcmp(list->words[i], word) == 0)
			return true;
	return false;
}

static int check_namespaces(const struct option_list *watched, const struct option_list *roots)
{
	if (watched->n > COLLECTIONS_MAX / OBJECT_KIND_MAX_) {
		log_error("--watch-namespaces: more than %d: watch all of them instead",
			  COLLECTIONS_MAX / OBJECT_KIND_MAX_);
		return -EINVAL;
	}
	for (unsigned i = 0; i < watched->n; i++)
		if (strspn(watched->words[i], "abcdefghijklmnopqrstuvwxyz0123456789-") !=
		    strlen(watched->words[i])) {
			log_error("--watch-namespaces: \"%s\" is no namespace", watched->words[i]);
			return -EINVAL;
		}
	for (unsigned i = 0; i < roots->n && watched->n; i++)
		if (!has_word(watched, roots->words[i])) {
			log_error("--root-namespaces: %s is not among --watch-namespaces, so nothing "
				  "in it would be seen", roots->words[i]);
			return -EINVAL;
		}
	return 0;
}

static int find_access(const struct kube_source_config *config, struct kube_access **ret)
{
	_cleanup_strbuf_ struct strbuf why_not = STRBUF_INIT;
	int r;

	r = config->in_cluster ? kubeconfig_in_cluster(NULL, ret, &why_not)
			       : kubeconfig_load(config->kubeconfig, config->context, ret, &why_not);
	if (r < 0)
		log_error("cannot find the Kubernetes API: %s", strbuf_str(&why_not));
	return r;
}

int kube_source_new(struct event_loop *loop, struct store *store,
		    const struct kube_source_config *config, struct source **ret)
{
	struct kube_source *s = xnew(struct kube_source, 1);
	struct option_list watched = { 0 }, roots = { 0 };
	_cleanup_strbuf_ struct strbuf watched_text = STRBUF_INIT, roots_text = STRBUF_INIT;
	int r;

	s->source.ops = &kube_source_ops;
	s->loop = loop;
	s->store = store;
	s->began = clock_monotonic();
	split_words(&config->watch_namespaces, &watched, &watched_text);
	split_words(&config->root_namespaces, &roots, &roots_text);
	r = check_namespaces(&watched, &roots);
	if (r >= 0)
		r = find_access(config, &s->access);
	if (r >= 0 && config->config_name)
		r = kube_configuration_new(store,
					   config->config_namespace ? config->config_namespace :
								      kube_access_own_namespace(s->access),
					   config->config_name, config->config_saved, &s->configuration);
	if (r >= 0) {
		log_info("Kubernetes API at %s (%s)", s->access->server, s->access->origin);
		s->http = http_new(loop, s->access);
		http_probe(s->http, "/version", PROBE_USEC);
		http_on_reachable(s->http, on_reachable, s);
		s->decoder = decoder_new(NULL);
		s->arena = arena_new(ARENA_CHUNK);
		s->objects = kube_objects_new();
		s->commit = event_loop_timer(loop, on_commit, s);
		r = kube_writers_new(loop, s->http, s->access, s->objects, store_objects(store), config,
				     &s->writers);
	}
	if (r < 0) {
		kube_source_free(&s->source);
	} else {
		store_add_source(store, &s->source);
		start_collections(s, &watched);
		*ret = &s->source;
	}
	free(watched.words);
	free(roots.words);
	return r;
}
