/* Lists one collection after the other, page by page. Used by portolan-watcher --once. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/decode/object-kind.h"
#include "watcher/kube/body-reader.h"
#include "watcher/kube/http.h"
#include "watcher/kube/kube-dump.h"
#include "watcher/kube/kube-message.h"

#define PAGE_OBJECTS   500
#define PAGE_IDLE_USEC (30 * USEC_PER_SEC)
#define RESTARTS_MAX   3 /* of a collection, after its continue token has expired */
#define VERSIONS_MAX   3

static const struct body_limits limits = { .message = 8u << 20,
					   .items = 500000,
					   .total = 4ull << 30 };

struct dump {
	struct event_loop *loop;
	struct http *http;
	const struct kube_dump_config *config;
	struct arena *arena;
	struct body_reader *reader;

	unsigned kind;
	size_t namespace, version; /* the one being read */
	unsigned restarts;
	char *more;                 /* the continue token; NULL: the first page */
	struct json_object **found; /* of this collection: they count when it is complete */
	size_t n_found, cap_found;
	size_t denied;
	int result;
};

static void ask(struct dump *d);

/* ---- one object ---- */

static struct json_object *member(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, key, &v)
		       ? v
		       : NULL;
}

static const char *api_version(const struct dump *d, char buffer[128])
{
	const struct object_kind_row *row = object_kind(d->kind);
	const char *const versions[VERSIONS_MAX] = { row->version, row->older, row->oldest };

	(void)snprintf(buffer, 128, "%s%s%s", row->group, *row->group ? "/" : "",
		       versions[d->version]);
	return buffer;
}

/* kubectl's own copy of the object repeats all its data, secrets included. */
static void clean_metadata(struct json_object *metadata)
{
	static const char *const ours[] = { "managedFields", "uid", "resourceVersion", "selfLink",
					    "ownerReferences" };
	struct json_object *annotations = member(metadata, "annotations");

	if (!json_object_is_type(metadata, json_type_object))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		json_object_object_del(metadata, ours[i]);
	if (!json_object_is_type(annotations, json_type_object))
		return;
	json_object_object_del(annotations, "kubectl.kubernetes.io/last-applied-configuration");
	if (!json_object_object_length(annotations))
		json_object_object_del(metadata, "annotations");
}

/* The same object with apiVersion, kind and metadata in front, as people write them. */
static struct json_object *in_order(const struct dump *d, struct json_object *from)
{
	struct json_object *o = json_object_new_object();
	char version[128];

	(void)json_object_object_add(o, "apiVersion",
				     json_object_new_string(api_version(d, version)));
	(void)json_object_object_add(o, "kind", json_object_new_string(object_kind(d->kind)->kind));
	json_object_object_foreach (from, key, value)
		if (strcmp(key, "apiVersion") != 0 && strcmp(key, "kind") != 0)
			(void)json_object_object_add(o, key, json_object_get(value));
	return o;
}

static int on_part(void *ctx, enum body_part part, const uint8_t *data, size_t len)
{
	struct dump *d = ctx;
	struct kube_list_meta meta;
	struct json_object *o;
	int r;

	if (part == BODY_META) {
		r = kube_list_meta_parse(d->arena, false, data, len, &meta);
		free(TAKE_PTR(d->more));
		if (r >= 0 && *meta.more)
			d->more = xstrdup(meta.more);
		arena_reset(d->arena);
		return r;
	}
	r = kube_json_parse(data, len, &o);
	if (r < 0)
		return r;
	clean_metadata(member(o, "metadata"));
	GROW(d->found, d->n_found, d->cap_found);
	d->found[d->n_found++] = in_order(d, o);
	json_object_put(o);
	return 0;
}

static void forget(struct dump *d)
{
	for (size_t i = 0; i < d->n_found; i++)
		json_object_put(d->found[i]);
	d->n_found = 0;
	free(TAKE_PTR(d->more));
}

/* ---- collections ---- */

static void collection_done(struct dump *d)
{
	for (size_t i = 0; i < d->n_found; i++)
		d->config->object(d->config->ctx, d->kind, d->found[i]);
	forget(d);
	d->restarts = 0;
	d->version = 0;
	if (object_kind(d->kind)->namespaced && ++d->namespace < d->config->n_namespaces)
		return ask(d);
	d->namespace = 0;
	do
		d->kind++;
	while (d->kind < OBJECT_KIND_MAX_ && !object_kind(d->kind));
	if (d->kind < OBJECT_KIND_MAX_)
		ask(d);
	else
		event_loop_stop(d->loop, 0);
}

static const char *namespace_of(const struct dump *d)
{
	return object_kind(d->kind)->namespaced && d->config->n_namespaces
		       ? d->config->namespaces[d->namespace]
		       : NULL;
}

/* Absent at this version: tries an older one. */
static void absent(struct dump *d)
{
	const struct object_kind_row *row = object_kind(d->kind);
	const char *const versions[VERSIONS_MAX] = { row->version, row->older, row->oldest };

	forget(d);
	if (d->version + 1 < VERSIONS_MAX && versions[d->version + 1]) {
		d->version++;
		ask(d);
	} else {
		collection_done(d);
	}
}

static void fail(struct dump *d, const char *why)
{
	log_error("cannot list %s: %s", object_kind(d->kind)->plural, why);
	d->result = -EIO;
	event_loop_stop(d->loop, 0);
}

/* A role may leave out kinds that a cluster need not have. */
static void denied(struct dump *d, const char *why)
{
	const char *namespace = namespace_of(d);
	_cleanup_free_ char *what = xasprintf("%s%s%s", object_kind(d->kind)->plural,
					      namespace ? " in namespace " : "",
					      namespace ? namespace : "");
	bool optional = object_kind(d->kind)->optional;

	if (optional)
		log_warning("%s: not allowed to list them: %s", what, why);
	else
		log_error("%s: not allowed to list them: %s", what, why);
	d->denied += !optional;
	forget(d);
	collection_done(d);
}

static void refused(struct dump *d, const struct http_result *result)
{
	struct kube_status status;

	kube_result_status(d->arena, result, &status);
	switch (status.code) {
	case 403:
		denied(d, status.message);
		break;
	case 404:
		absent(d);
		break;
	case 410:
		/* The continue token is too old: from the start. */
		forget(d);
		if (++d->restarts <= RESTARTS_MAX)
			ask(d);
		else
			fail(d, status.message);
		break;
	default:
		fail(d, status.message);
	}
	arena_reset(d->arena);
}

static int on_data(void *ctx, const uint8_t *data, size_t len)
{
	struct dump *d = ctx;

	return body_reader_feed(d->reader, data, len);
}

static void on_done(void *ctx, const struct http_result *result)
{
	struct dump *d = ctx;
	int r = result->error ? 0 : body_reader_finish(d->reader);

	body_reader_free(TAKE_PTR(d->reader));
	if (result->error || (r < 0 && result->status / 100 == 2))
		fail(d, result->error ? result->message : "the answer cannot be read");
	else if (result->status / 100 != 2)
		refused(d, result);
	else if (d->more)
		ask(d);
	else
		collection_done(d);
}

static void ask(struct dump *d)
{
	const struct object_kind_row *row = object_kind(d->kind);
	_cleanup_strbuf_ struct strbuf path = STRBUF_INIT;
	const char *namespace = namespace_of(d);
	struct http_request request = {
		.method = "GET",
		.accept = "application/json",
		.idle_usec = PAGE_IDLE_USEC,
		.data = on_data,
		.done = on_done,
		.ctx = d,
	};
	char version[128];

	strbuf_printf(&path, "/%s/%s", *row->group ? "apis" : "api", api_version(d, version));
	if (namespace) {
		strbuf_puts(&path, "/namespaces/");
		http_escape(&path, namespace);
	}
	strbuf_printf(&path, "/%s?limit=%d", row->plural, PAGE_OBJECTS);
	if (d->more) {
		strbuf_puts(&path, "&continue=");
		http_escape(&path, d->more);
	}
	free(TAKE_PTR(d->more));
	request.path = strbuf_str(&path);
	d->reader = body_reader_new(BODY_JSON_LIST, &limits, on_part, d);
	(void)http_send(d->http, &request);
}

int kube_dump(struct event_loop *loop, struct kube_access *access,
	      const struct kube_dump_config *config, size_t *ret_denied)
{
	struct dump d = { .loop = loop, .config = config, .kind = 1 };

	assert(object_kind(d.kind));
	d.http = http_new(loop, access);
	d.arena = arena_new(64 * 1024);
	ask(&d);
	/* A signal ends the loop with kinds unread. */
	(void)event_loop_run(loop);
	if (!d.result && d.kind < OBJECT_KIND_MAX_)
		d.result = -EINTR;
	forget(&d);
	free(d.found);
	http_free(d.http);
	body_reader_free(d.reader);
	arena_free(d.arena);
	*ret_denied = d.denied;
	return d.result;
}
