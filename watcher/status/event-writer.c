/* Events for problems that a user must fix. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>
#include <xxhash.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/strbuf.h"
#include "common/decode/object-kind.h"
#include "ipc.pb-c.h"

#include "watcher/kube/kube-message.h"
#include "watcher/status/event-writer.h"

#define REQUEST_USEC (15 * USEC_PER_SEC)
#define DENIED_USEC  (300 * USEC_PER_SEC)
#define MESSAGE_MAX  1000 /* the API takes 1024 bytes */
#define NAME_MAX_    200

struct pending {
	TAILQ_ENTRY(pending) queue;
	struct event_writer *writer;
	struct http_call *call;
	char *collection; /* path */
	char *name;
	char *body;
	bool ours; /* only this replica can know of it */
};

TAILQ_HEAD(pendings, pending);

struct event_writer {
	struct event_writer_config config;
	char *identity;
	struct pendings queue, sent;
	size_t n_queued;
	struct event *timer;
	struct arena *arena;
	bool leader;
	double tokens;
	int64_t filled, denied_until;
	struct event_writer_counters counters;
};

const struct event_writer_counters *event_writer_counters(const struct event_writer *w)
{
	return &w->counters;
}

static void pending_free(struct pending *p)
{
	if (p->call)
		http_cancel(p->call);
	free(p->collection);
	free(p->name);
	free(p->body);
	free(p);
}

static void finish(struct pending *p)
{
	TAILQ_REMOVE(&p->writer->sent, p, queue);
	pending_free(p);
}

/* ---- requests ---- */

static void add_now(struct strbuf *b)
{
	time_t now = time(NULL);
	char text[32];
	struct tm tm;

	(void)gmtime_r(&now, &tm);
	(void)strftime(text, sizeof(text), "\"%Y-%m-%dT%H:%M:%SZ\"", &tm);
	strbuf_puts(b, text);
}

static void failed(struct event_writer *w, const struct http_result *r)
{
	struct kube_status s = { 0 };
	int64_t now = clock_monotonic();

	w->counters.failures++;
	if (r->error < 0)
		return;
	arena_reset(w->arena);
	kube_result_status(w->arena, r, &s);
	if (s.code == 403 && now >= w->denied_until) {
		log_warning("cannot write events: %s", s.message);
		w->denied_until = now + DENIED_USEC;
	}
}

static void on_counted(void *ctx, const struct http_result *r)
{
	struct pending *p = ctx;

	p->call = NULL;
	if (r->error < 0 || r->status >= 300)
		failed(p->writer, r);
	else
		p->writer->counters.repeated++;
	finish(p);
}

static void call(struct pending *p, const char *method, const char *path, const char *content_type,
		 const char *body, void (*done)(void *ctx, const struct http_result *r))
{
	struct http_request request = {
		.method = method,
		.path = path,
		.content_type = content_type,
		.body = body,
		.body_len = body ? strlen(body) : 0,
		.total_usec = REQUEST_USEC,
		.done = done,
		.ctx = p,
	};

	p->call = http_send(p->writer->config.http, &request);
}

static int64_t count_in(const struct http_result *r)
{
	struct json_object *o, *v;
	int64_t n = 1;

	if (kube_json_parse((const uint8_t *)r->body, r->body_len, &o) < 0)
		return n;
	if (json_object_object_get_ex(o, "count", &v) && json_object_is_type(v, json_type_int))
		n = json_object_get_int64(v);
	json_object_put(o);
	return n < 1 || n > INT32_MAX - 1 ? 1 : n;
}

static void on_found(void *ctx, const struct http_result *r)
{
	struct pending *p = ctx;
	_cleanup_free_ char *path = xasprintf("%s/%s", p->collection, p->name);
	_cleanup_strbuf_ struct strbuf body = STRBUF_INIT;

	p->call = NULL;
	if (r->error < 0 || r->status >= 300) {
		failed(p->writer, r);
		finish(p);
		return;
	}
	strbuf_printf(&body, "{\"count\":%lld,\"lastTimestamp\":", (long long)count_in(r) + 1);
	add_now(&body);
	strbuf_puts(&body, "}");
	call(p, "PATCH", path, "application/merge-patch+json", strbuf_str(&body), on_counted);
}

static void on_created(void *ctx, const struct http_result *r)
{
	struct pending *p = ctx;
	_cleanup_free_ char *path = NULL;

	p->call = NULL;
	if (r->error == 0 && r->status == 409) {
		path = xasprintf("%s/%s", p->collection, p->name);
		call(p, "GET", path, NULL, NULL, on_found);
		return;
	}
	if (r->error < 0 || r->status >= 300)
		failed(p->writer, r);
	else
		p->writer->counters.written++;
	finish(p);
}

static void on_timer(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct event_writer *w = ctx;
	int64_t now = clock_monotonic();
	struct pending *p;

	w->tokens += (double)(now - w->filled) / USEC_PER_SEC * w->config.events_per_second;
	w->tokens = MIN(w->tokens, 5.0 * w->config.events_per_second);
	w->filled = now;
	while ((p = TAILQ_FIRST(&w->queue)) && w->tokens >= 1) {
		TAILQ_REMOVE(&w->queue, p, queue);
		w->n_queued--;
		if (!(w->leader || p->ours) || now < w->denied_until) {
			w->counters.dropped++;
			pending_free(p);
			continue;
		}
		w->tokens -= 1;
		TAILQ_INSERT_TAIL(&w->sent, p, queue);
		call(p, "POST", p->collection, "application/json", p->body, on_created);
	}
	if (p)
		event_loop_arm(w->timer, USEC_PER_SEC / w->config.events_per_second + 1);
}

/* ---- the text ---- */

static void add_member(struct strbuf *b, const char *name, const char *value)
{
	strbuf_printf(b, ",\"%s\":", name);
	strbuf_json(b, value, strlen(value));
}

static char *make_body(const struct event_writer *w, const struct kube_object *object,
		       const char *namespace, const char *object_namespace, const char *object_name,
		       const char *event_name, const Portolan__Ipc__Problem *problem)
{
	const struct object_kind_row *row = object_kind(object->item->kind);
	_cleanup_free_ char *version = *row->group ? xasprintf("%s/%s", row->group, row->version)
						   : xstrdup(row->version);
	_cleanup_free_ char *text = NULL;
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	bool field = problem->field && *problem->field;

	text = xasprintf("%s%s%s", field ? problem->field : "", field ? ": " : "",
			 problem->message ? problem->message : "");
	if (strlen(text) > MESSAGE_MAX)
		text[MESSAGE_MAX] = '\0';
	strbuf_puts(&b, "{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"metadata\":{\"name\":");
	strbuf_json(&b, event_name, strlen(event_name));
	add_member(&b, "namespace", namespace);
	strbuf_puts(&b, "},\"type\":\"Warning\",\"count\":1,\"involvedObject\":{\"kind\":");
	strbuf_json(&b, row->kind, strlen(row->kind));
	add_member(&b, "apiVersion", version);
	if (*object_namespace)
		add_member(&b, "namespace", object_namespace);
	add_member(&b, "name", object_name);
	add_member(&b, "uid", object->uid);
	strbuf_puts(
		&b,
		"},\"source\":{\"component\":\"portolan\"},\"reportingComponent\":\"portolan\"");
	add_member(&b, "reportingInstance", w->identity);
	add_member(&b, "reason", problem->reason && *problem->reason ? problem->reason : "Problem");
	add_member(&b, "message", text);
	strbuf_puts(&b, ",\"firstTimestamp\":");
	add_now(&b);
	strbuf_puts(&b, ",\"lastTimestamp\":");
	add_now(&b);
	strbuf_puts(&b, "}");
	return strbuf_take(&b);
}

static uint64_t hash_text(uint64_t seed, const char *s)
{
	return s ? XXH3_64bits_withSeed(s, strlen(s) + 1, seed) : seed;
}

/* An Envoy tells the replica that it is connected to, so the leader's statuses may not show it. */
static bool is_ours(const Portolan__Ipc__Problem *problem)
{
	static const char *const reasons[] = { "RejectedByEnvoy", "RejectedBySomeEnvoys" };

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (problem->reason && strcmp(problem->reason, reasons[i]) == 0)
			return true;
	return false;
}

static void say(struct event_writer *w, const struct kube_object *object,
		const Portolan__Ipc__Problem *problem)
{
	const char *key = kube_object_api_key(object), *slash = strchr(key, '/');
	_cleanup_free_ char *own = slash ? xstrndup(key, (size_t)(slash - key)) : NULL;
	const char *namespace = own && *own ? own : "default";
	uint64_t hash = hash_text(0, object->uid);
	struct pending *p;

	if (!slash || w->n_queued >= w->config.queue_max || clock_monotonic() < w->denied_until) {
		w->counters.dropped++;
		return;
	}
	hash = hash_text(hash, problem->reason);
	hash = hash_text(hash, problem->field);
	hash = hash_text(hash, problem->message);
	p = xnew(struct pending, 1);
	p->writer = w;
	p->ours = is_ours(problem);
	p->name = xasprintf("%.*s.%016llx", NAME_MAX_, slash + 1, (unsigned long long)hash);
	p->collection = xasprintf("/api/v1/namespaces/%s/events", namespace);
	p->body = make_body(w, object, namespace, own, slash + 1, p->name, problem);
	TAILQ_INSERT_TAIL(&w->queue, p, queue);
	w->n_queued++;
	event_active(w->timer, 0, 0);
}

static bool same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool had(const Portolan__Ipc__ObjectStatus *s, const Portolan__Ipc__Problem *p)
{
	for (size_t i = 0; s && i < s->n_problems; i++)
		if (same_text(s->problems[i]->reason, p->reason) &&
		    same_text(s->problems[i]->field, p->field) &&
		    same_text(s->problems[i]->message, p->message))
			return true;
	return false;
}

static Portolan__Ipc__ObjectStatus *unpack(struct event_writer *w, const struct item *i)
{
	return i ? portolan__ipc__object_status__unpack(arena_pb(w->arena), i->value_len,
							item_value(i))
		 : NULL;
}

void event_writer_status(struct event_writer *w, const struct item *before,
			 const struct item *after)
{
	const Portolan__Ipc__ObjectStatus *was, *is;
	const struct kube_object *object;

	if (!after || !object_kind(after->kind))
		return;
	object = kube_objects_get(w->config.objects, after->kind, item_key(after), after->key_len);
	if (!object)
		return;
	arena_reset(w->arena);
	was = unpack(w, before);
	is = unpack(w, after);
	for (size_t i = 0; is && i < is->n_problems; i++)
		if (is->problems[i]->severity >= PORTOLAN__IPC__SEVERITY__SEVERITY_WARNING &&
		    !had(was, is->problems[i]) && (w->leader || is_ours(is->problems[i])))
			say(w, object, is->problems[i]);
}

void event_writer_leader(struct event_writer *w, bool leader)
{
	w->leader = leader;
}

struct event_writer *event_writer_new(const struct event_writer_config *config)
{
	struct event_writer *w = xnew(struct event_writer, 1);

	w->config = *config;
	w->identity = xstrdup(config->identity);
	TAILQ_INIT(&w->queue);
	TAILQ_INIT(&w->sent);
	w->timer = event_loop_timer(config->loop, on_timer, w);
	w->arena = arena_new(16 * 1024);
	w->filled = clock_monotonic();
	w->tokens = 5.0 * config->events_per_second;
	return w;
}

void event_writer_free(struct event_writer *w)
{
	struct pending *p;

	if (!w)
		return;
	while ((p = TAILQ_FIRST(&w->queue))) {
		TAILQ_REMOVE(&w->queue, p, queue);
		pending_free(p);
	}
	while ((p = TAILQ_FIRST(&w->sent)))
		finish(p);
	event_free(w->timer);
	arena_free(w->arena);
	free(w->identity);
	free(w);
}
