/* The watcher's view of a Kubernetes API server: a reflector for every kind (and namespace), their
 * objects decoded, cut down and put into the store. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/configuration/configuration.h"
#include "common/decode/decode.h"
#include "common/decode/object-kind.h"

#include "watcher/configuration.h"
#include "watcher/kube-source-parts.h"
#include "watcher/kube-source.h"
#include "watcher/status/class-finalizer.h"

#define ARENA_CHUNK     (256u * 1024)
#define PROBE_USEC      (15 * USEC_PER_SEC)
#define COLLECTIONS_MAX 2048
#define CHUNK           5000 /* objects a request of a list that is not streamed */
/* The limit for one kind: more are a mistake or an attack. */
#define OBJECTS_MAX 500000

/* Helm's releases and service accounts' tokens are never of use, and can be most of a cluster. */
#define SECRET_SELECTOR                                   \
	"fieldSelector=type%21%3Dhelm.sh%2Frelease.v1%2C" \
	"type%21%3Dkubernetes.io%2Fservice-account-token"

/* ---- objects ---- */

struct decoding {
	struct collection *collection;
	const struct kube_payload *object;
	bool deleted;
	int result;
};

static void commit_later(struct kube_source *s)
{
	if (s->commit) /* not while we end */
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

/* A status that others write into, too, stays in their words. */
static void keep_status(struct kube_object *k, const struct kube_payload *object,
			const struct kube_trimmed *t)
{
	struct json_object *status;
	const char *text;

	if (!kube_writers_want_json(k->item->kind)) {
		(void)kube_object_set_status(k, t->status, t->status_len);
		return;
	}
	if (!object->json || !json_object_object_get_ex(object->json, "status", &status))
		status = NULL;
	text = status ? json_object_to_json_string_ext(status, JSON_C_TO_STRING_PLAIN) : "";
	(void)kube_object_set_status(k, (const uint8_t *)text, strlen(text));
}

static void remember(const struct decoding *d, struct item *item, const char *api_key,
		     const struct kube_trimmed *t)
{
	struct collection *c = d->collection;
	struct kube_source *s = c->source;
	struct kube_object *k = kube_objects_put(s->objects, c->kind, item);

	k->api_key = api_key;
	k->api_version = c->version;
	k->epoch = c->epoch;
	k->collection = c->index;
	(void)snprintf(k->uid, sizeof(k->uid), "%s", t->uid);
	if (!kube_writers_wants(c->kind))
		return;
	free(k->version);
	k->version = xstrdup(t->version);
	k->generation = t->generation;
	free(k->propagated);
	k->propagated = t->propagated ? xstrdup(t->propagated) : NULL;
	keep_status(k, d->object, t);
	if (c->kind == OBJECT_GATEWAY_CLASS)
		class_finalizer_keep(k, d->object->json);
	kube_writers_object(s->writers, k);
}

static struct kube_object *configuration_object(const struct kube_source *s)
{
	return kube_objects_get(s->objects, OBJECT_CONTOUR_CONFIGURATION, CONFIGURATION_KEY,
				strlen(CONFIGURATION_KEY));
}

/* Only the object that --contour-config-name names is read. */
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
	if (!o->value || kube_object_trim(s->arena, c->kind, o->value, o->value_len,
					  s->whole_config_maps, &t) < 0) {
		d->result = -EBADMSG;
		note_unreadable(s, c->kind, o);
		kube_configuration_unreadable(s->configuration, o->n_problems
									? o->problems[0].message
									: "cannot be read");
		if (known)
			known->epoch = c->epoch;
		return;
	}
	store_note(s->store, c->kind, o->key, o->key_len, NULL);
	item = kube_configuration_take(s->configuration, &t, &refusal);
	remember(d, item, key, &t);
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
	if (!o->value || kube_object_trim(s->arena, c->kind, o->value, o->value_len,
					  s->whole_config_maps, &t) < 0) {
		/* Its earlier problems stay. */
		note_unreadable(s, c->kind, o);
		if (known)
			known->epoch = c->epoch;
		return;
	}
	d->result = 0;
	store_note(s->store, c->kind, o->key, o->key_len, NULL);
	store_put(s->store, item_new(c->kind, o->key, o->key_len, NULL, 0, t.value, t.value_len));
	remember(d, state_get(store_objects(s->store), c->kind, o->key, o->key_len), NULL, &t);
}

static int decode(struct collection *c, const struct kube_payload *object, bool deleted)
{
	struct kube_source *s = c->source;
	struct decoding d = { .collection = c, .object = object, .deleted = deleted };

	store_event(s->store);
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

/* Objects that the list did not have are gone. */
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

	if (c->source->discovery)
		discovery_ask(c->source->discovery, c->kind);
	c->epoch++;
	sweep(c);
}

/* This may complete the source. */
static void on_denied(void *ctx)
{
	commit_later(((struct collection *)ctx)->source);
}

static const struct reflector_ops reflector_ops = {
	.list_begins = on_list_begins,
	.object = on_object,
	.deleted = on_deleted,
	.listed = on_listed,
	.absent = on_absent,
	.denied = on_denied,
};

/* ---- starting a collection ---- */

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

static char *collection_path(const struct collection *c)
{
	const struct object_kind_row *row = object_kind(c->kind);
	_cleanup_free_ char *in = c->namespace ? xasprintf("namespaces/%s/", c->namespace)
					       : xstrdup("");

	if (!row->group[0])
		return xasprintf("/api/%s/%s%s", c->version, in, row->plural);
	return xasprintf("/apis/%s/%s/%s%s", row->group, c->version, in, row->plural);
}

static void start_collection(struct collection *c)
{
	struct kube_source *s = c->source;
	_cleanup_free_ char *path = collection_path(c);
	struct reflector_config config = REFLECTOR_CONFIG_DEFAULT;

	config.loop = s->loop;
	config.transport = reflector_transport_of(s->http);
	config.name = c->name;
	config.path = path;
	config.selector = c->kind == OBJECT_SECRET ? SECRET_SELECTOR
			  : is_configuration(c)    ? kube_configuration_selector(s->configuration)
						   : NULL;
	config.protobuf = is_built_in(object_kind(c->kind));
	config.chunk = CHUNK;
	config.first_in_chunks = true;
	config.ops = &reflector_ops;
	config.ctx = c;
	c->reflector = reflector_new(&config);
}

/* Parameters of Gateways' Envoys are read where Gateways have Envoys of their own; elsewhere we
 * need not have the right to. */
static bool is_wanted(const struct collection *c)
{
	if (!c->source->discovery && !is_built_in(object_kind(c->kind)))
		return false;
	return c->kind != OBJECT_CONTOUR_DEPLOYMENT || configuration_provisions(c->source->store);
}

/* Whether a collection that was not wanted is now, and is started. */
static bool start_wanted(struct kube_source *s)
{
	bool any = false;

	for (size_t i = 0; i < s->n_collections; i++) {
		struct collection *c = &s->collections[i];

		if (!c->version || c->reflector || !is_wanted(c))
			continue;
		start_collection(c);
		any = true;
	}
	return any;
}

static void on_commit(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct kube_source *s = ctx;

	(void)start_wanted(s);
	store_commit(s->store);
}

/* ---- questions of others ---- */

static bool is_complete(const struct source *source)
{
	struct kube_source *s =
		container_of((struct source *)(uintptr_t)source, struct kube_source, source);

	for (size_t i = 0; i < s->n_collections && !s->complete; i++)
		if (!collection_synced(&s->collections[i]))
			return false;
	if (s->configuration && !kube_configuration_complete(s->configuration))
		return false;
	if (!bundle_version_settled(s->bundle) || (!s->complete && start_wanted(s)))
		return false;
	if (!s->complete && !kube_writers_complete(s->writers))
		return false;
	s->complete = true;
	return true;
}

/* Those that wait have waited for this. */
static void on_reachable(void *ctx)
{
	struct kube_source *s = ctx;

	readiness_hurry(s->readiness);
	if (s->discovery)
		discovery_hurry(s->discovery);
	bundle_version_hurry(s->bundle);
	for (size_t i = 0; i < s->n_collections; i++)
		if (s->collections[i].reflector)
			reflector_hurry(s->collections[i].reflector);
}

static void reload(struct source *source)
{
	struct kube_source *s = (struct kube_source *)source;

	http_reload(s->http);
	on_reachable(s);
}

/* Puts the writers' object into the store. */
static void on_reported(void *ctx, unsigned kind, const char *key, size_t len, struct item *item)
{
	struct kube_source *s = ctx;

	store_event(s->store);
	if (item)
		store_put(s->store, item);
	else
		store_remove(s->store, kind, key, len);
	commit_later(s);
}

static void on_writers_complete(void *ctx)
{
	commit_later(ctx);
}

static const struct kube_writers_ops writers_ops = {
	.tell = on_reported,
	.complete = on_writers_complete,
};

static void status(struct source *source, const struct item *before, const struct item *after)
{
	kube_writers_status(((struct kube_source *)source)->writers, before, after);
}

static void kube_source_free(struct source *source)
{
	struct kube_source *s = (struct kube_source *)source;

	if (!s)
		return;
	/* The writers wait for the lease's release in the event loop: by then no event may find
	 * what is freed here. */
	if (s->commit)
		event_free(TAKE_PTR(s->commit));
	for (size_t i = 0; i < s->n_collections; i++) {
		reflector_free(s->collections[i].reflector);
		free(s->collections[i].name);
		free(s->collections[i].namespace);
	}
	free(TAKE_PTR(s->collections));
	s->n_collections = 0;
	readiness_free(TAKE_PTR(s->readiness));
	discovery_free(TAKE_PTR(s->discovery));
	bundle_version_free(TAKE_PTR(s->bundle));
	kube_writers_free(s->writers);
	http_free(s->http);
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
	.why = kube_source_why,
	.metrics = kube_source_metrics,
	.debug = kube_source_debug,
	.reload = reload,
	.status = status,
};

static void on_bundle(void *ctx, const char *version)
{
	on_reported(ctx, OBJECT_BUNDLE, BUNDLE_KEY, strlen(BUNDLE_KEY),
		    version ? item_new(OBJECT_BUNDLE, BUNDLE_KEY, strlen(BUNDLE_KEY), NULL, 0,
				       (const uint8_t *)version, strlen(version))
			    : NULL);
}

/* ---- starting ---- */

/* One that the API no longer has stays: its reflector finds out by itself, and is slower to believe
 * it. */
static void on_discovered(void *ctx, unsigned kind, const char *version)
{
	struct kube_source *s = ctx;

	if (kind == OBJECT_GATEWAY_CLASS && version)
		bundle_version_follow(s->bundle);
	for (size_t i = 0; i < s->n_collections; i++) {
		struct collection *c = &s->collections[i];

		if (c->kind != kind)
			continue;
		c->asked = true;
		if (version && c->reflector && c->version == version) {
			reflector_hurry(c->reflector);
		} else if (version) {
			reflector_free(c->reflector);
			c->reflector = NULL;
			c->version = version;
			if (is_wanted(c))
				start_collection(c);
		}
	}
	commit_later(s);
}

static struct collection *add_collection(struct kube_source *s, unsigned kind,
					 const char *namespace)
{
	const struct object_kind_row *row = object_kind(kind);
	struct collection *c = &s->collections[s->n_collections];

	*c = (struct collection){ .source = s, .kind = kind, .index = (uint16_t)s->n_collections };
	c->name = namespace ? xasprintf("%s in %s", row->kind, namespace) : xstrdup(row->kind);
	c->namespace = namespace ? xstrdup(namespace) : NULL;
	if (!row->optional)
		c->version = row->version;
	s->n_collections++;
	return c;
}

static void add_collections(struct kube_source *s, unsigned kind,
			    const struct option_list *namespaces)
{
	bool each = namespaces->n && object_kind(kind)->namespaced;

	if (kind == OBJECT_CONTOUR_CONFIGURATION && s->configuration) {
		(void)add_collection(s, kind, kube_configuration_namespace(s->configuration));
		return;
	}
	for (unsigned i = 0; i < (each ? namespaces->n : 1); i++)
		add_collection(s, kind, each ? namespaces->words[i] : NULL)->dispensable =
			object_kind(kind)->optional ||
			(namespaces->n && !object_kind(kind)->namespaced);
}

static void on_ready(void *ctx)
{
	struct kube_source *s = ctx;

	s->discovery = discovery_new(s->loop, s->http, on_discovered, s);
	(void)start_wanted(s);
}

/* Custom resources start when the server is ready, and those that a cluster need not have when it
 * is known that it has them. */
static void start_collections(struct kube_source *s, const struct option_list *namespaces)
{
	size_t kinds = 0;

	s->bundle = bundle_version_new(s->loop, s->http, on_bundle, s);
	for (unsigned k = 1; k < OBJECT_KIND_MAX_; k++)
		kinds += object_kind(k) != NULL;
	s->collections = xnew(struct collection, kinds * MAX(namespaces->n, 1u));
	for (unsigned k = 1; k < OBJECT_KIND_MAX_; k++)
		if (object_kind(k))
			add_collections(s, k, namespaces);
	/* All before the first is started: they get pointers to each other. */
	s->readiness = readiness_new(s->loop, s->http, on_ready, s);
	(void)start_wanted(s);
}

/* "a,b" "c" → a, b, c. The words are in *ret_text. */
static void split_words(const struct option_list *in, struct option_list *ret,
			struct strbuf *ret_text)
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
			log_error("--watch-namespaces: \"%s\" is not a namespace",
				  watched->words[i]);
			return -EINVAL;
		}
	for (unsigned i = 0; i < roots->n && watched->n; i++)
		if (!has_word(watched, roots->words[i])) {
			log_error(
				"--root-namespaces: %s is not among --watch-namespaces, so nothing "
				"in it would be seen",
				roots->words[i]);
			return -EINVAL;
		}
	return 0;
}

static int find_access(const struct kube_source_config *config, struct kube_access **ret)
{
	_cleanup_strbuf_ struct strbuf why_not = STRBUF_INIT;
	int r;

	r = config->in_cluster
		    ? kubeconfig_in_cluster(NULL, ret, &why_not)
		    : kubeconfig_load(config->kubeconfig, config->context, ret, &why_not);
	if (r < 0)
		log_error("cannot find the Kubernetes API: %s", strbuf_str(&why_not));
	return r;
}

const char *kube_source_server(const struct source *source)
{
	return ((const struct kube_source *)source)->access->server;
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
	s->whole_config_maps = config->whole_config_maps;
	split_words(&config->watch_namespaces, &watched, &watched_text);
	split_words(&config->root_namespaces, &roots, &roots_text);
	r = check_namespaces(&watched, &roots);
	if (r >= 0)
		r = find_access(config, &s->access);
	if (r >= 0 && config->config_name)
		r = kube_configuration_new(store,
					   config->config_namespace
						   ? config->config_namespace
						   : kube_access_own_namespace(s->access),
					   config->config_name, config->config_saved,
					   &s->configuration);
	if (r >= 0) {
		log_info("Kubernetes API at %s (%s)", s->access->server, s->access->origin);
		s->http = http_new(loop, s->access);
		http_probe(s->http, "/version", PROBE_USEC);
		http_on_reachable(s->http, on_reachable, s);
		s->decoder = decoder_new(NULL);
		s->arena = arena_new(ARENA_CHUNK);
		s->objects = kube_objects_new();
		s->commit = event_loop_timer(loop, on_commit, s);
		r = kube_writers_new(loop, s->http, s->access, s->objects, store_objects(store),
				     &config->writers, &writers_ops, s, &s->writers);
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
