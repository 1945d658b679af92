/* Lists and watches one collection of the Kubernetes API for as long as the process runs, by the
 * rules of kubernetes.io/docs/reference/using-api/api-concepts. One per kind and namespace. */
#include <assert.h>
#include <errno.h>
#include <event2/util.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/strbuf.h"

#include "watcher/kube/reflector.h"

#define PROTOBUF_TYPE        "application/vnd.kubernetes.protobuf"
#define JSON_TYPE            "application/json"
#define WATCH_STEADY_USEC    (30 * USEC_PER_SEC)
#define RETRY_AFTER_MAX_USEC (60 * USEC_PER_SEC)
#define LIST_TOTAL_USEC      (600 * USEC_PER_SEC)
/* An event that has begun must be complete after this: a slow sender must not hold us up for ever.
 */
#define EVENT_USEC (30 * USEC_PER_SEC)
/* An existing collection must be absent this often in a row before its objects are given up. */
#define ABSENT_CONFIRMATIONS 3
#define ARENA_CHUNK          (64u * 1024)

enum request {
	REQUEST_LIST_STREAM, /* a watch that begins with everything: sendInitialEvents */
	REQUEST_LIST_CHUNK,
	REQUEST_CHECK,
	REQUEST_WATCH,
};

struct reflector {
	struct reflector_config config;
	char *name, *path, *selector;
	struct event *timer, *partial_timer;
	struct arena *arena;
	struct http_call *call;
	struct body_reader *reader;
	enum request request; /* of call, or that comes next */
	enum reflector_state state;
	bool protobuf; /* the answer is */
	bool synced;
	bool was_listed; /* at least once since it was last absent */
	bool in_list;
	bool denied;    /* the last answer was 403 */
	bool no_stream; /* the server cannot stream lists */
	bool no_chunks; /* its continue tokens expire before we use them */
	bool gone;      /* 410 in the stream: list again */
	bool lost;      /* the connection, since the last event */
	unsigned absent_seen, stream_failures, expired_lists;
	char version[RESOURCE_VERSION_MAX];
	char *more; /* continue token */
	char list_version[RESOURCE_VERSION_MAX];
	int64_t began;        /* the request */
	int64_t timeout_usec; /* given to the server for the watch */
	int64_t backoff_usec, retry_after_usec, relist_usec;
	uint64_t messages;
	size_t list_items; /* in a list that is streamed */
	char *problem;
	char *stream_error; /* the message of an ERROR event */
	struct reflector_counters counters;
};

static void ask(struct reflector *r);

bool reflector_synced(const struct reflector *r)
{
	return r->synced;
}

enum reflector_state reflector_state(const struct reflector *r)
{
	return r->state;
}

const char *reflector_state_name(enum reflector_state state)
{
	static const char *const names[REFLECTOR_STATES_] = {
		[REFLECTOR_LISTING] = "listing",   [REFLECTOR_WATCHING] = "watching",
		[REFLECTOR_CHECKING] = "checking", [REFLECTOR_WAITING] = "waiting",
		[REFLECTOR_ABSENT] = "absent",
	};

	return names[state];
}

bool reflector_denied(const struct reflector *r)
{
	return r->denied;
}

const char *reflector_problem(const struct reflector *r)
{
	return r->problem;
}

const struct reflector_counters *reflector_counters(const struct reflector *r)
{
	return &r->counters;
}

static void set_problem(struct reflector *r, const char *text)
{
	char *copy = text ? xstrdup(text) : NULL;

	free(r->problem);
	r->problem = copy;
}

/* Between half of usec and all of it. */
static int64_t jitter(int64_t usec)
{
	uint32_t random;

	evutil_secure_rng_get_bytes(&random, sizeof(random));
	return usec / 2 + (int64_t)((double)random / UINT32_MAX * (double)(usec / 2));
}

/* ---- the next request ---- */

static void ask_after(struct reflector *r, enum request request, int64_t usec)
{
	r->request = request;
	event_loop_arm(r->timer, usec);
}

static enum request list_request(const struct reflector *r)
{
	bool first = r->config.first_in_chunks && !r->counters.lists && !r->no_chunks;

	return r->no_stream || first ? REQUEST_LIST_CHUNK : REQUEST_LIST_STREAM;
}

static void forget_list(struct reflector *r)
{
	free(TAKE_PTR(r->more));
	r->in_list = false;
}

static void relist(struct reflector *r, int64_t after)
{
	r->version[0] = '\0';
	forget_list(r);
	ask_after(r, list_request(r), after);
	r->state = REFLECTOR_WAITING;
}

/* The server has forgotten our version. One that does so again and again is asked more slowly. */
static void relist_expired(struct reflector *r, const char *why)
{
	if (clock_monotonic() - r->began > WATCH_STEADY_USEC)
		r->relist_usec = 0;
	log_info("%s: %s: listing again", r->name, why);
	relist(r, jitter(r->relist_usec));
	r->relist_usec = MAX(r->relist_usec * 2, r->config.backoff_min_usec);
	r->relist_usec = MIN(r->relist_usec, r->config.backoff_max_usec);
}

/* Where we were: in a list that must begin again, or with a version to watch from. */
static enum request resume_request(const struct reflector *r, bool lost)
{
	if (!r->version[0])
		return list_request(r);
	return lost ? REQUEST_CHECK : REQUEST_WATCH;
}

/* level: of the log line where this is news. */
static void fail(struct reflector *r, int level, const char *problem, bool lost)
{
	bool changed = !r->problem || strcmp(r->problem, problem) != 0;
	int64_t wait;

	r->counters.failures++;
	r->backoff_usec = MAX(r->backoff_usec * 2, r->config.backoff_min_usec);
	r->backoff_usec = MIN(r->backoff_usec, r->config.backoff_max_usec);
	wait = MIN(r->retry_after_usec, RETRY_AFTER_MAX_USEC);
	wait = MAX(wait, jitter(r->backoff_usec));
	r->retry_after_usec = 0;
	log_full(changed ? level : LOG_DEBUG, "%s: %s: trying again in %lld ms", r->name, problem,
		 (long long)(wait / USEC_PER_MSEC));
	set_problem(r, problem);
	forget_list(r);
	r->lost |= lost;
	r->state = REFLECTOR_WAITING;
	ask_after(r, resume_request(r, r->lost), wait);
}

static void succeeded(struct reflector *r)
{
	set_problem(r, NULL);
	r->backoff_usec = 0;
	r->denied = false;
	r->absent_seen = 0;
	r->lost = false;
}

static void list_complete(struct reflector *r, const char *version)
{
	memcpy(r->version, version, strlen(version) + 1);
	forget_list(r);
	r->counters.lists++;
	r->counters.relists += r->counters.lists > 1;
	r->expired_lists = r->stream_failures = 0;
	r->was_listed = r->synced = true;
	r->config.ops->listed(r->config.ctx);
	succeeded(r);
}

/* ---- answers that are not 2xx ---- */

static void on_absent(struct reflector *r)
{
	/* A server that is starting may not know of its custom resources yet. */
	if (r->was_listed && ++r->absent_seen < ABSENT_CONFIRMATIONS) {
		r->state = REFLECTOR_WAITING;
		forget_list(r);
		set_problem(r, "the API server does not have this kind any more");
		ask_after(r, list_request(r), jitter(r->config.absent_usec));
		return;
	}
	if (r->state != REFLECTOR_ABSENT)
		log_debug("%s: the API server does not have this kind: waiting for it", r->name);
	r->was_listed = false;
	r->absent_seen = 0;
	r->synced = true;
	r->version[0] = '\0';
	forget_list(r);
	set_problem(r, NULL);
	r->backoff_usec = 0;
	r->state = REFLECTOR_ABSENT;
	r->config.ops->absent(r->config.ctx);
	ask_after(r, list_request(r), jitter(r->config.absent_usec));
}

/* The server refused this form of the request, but may accept another. */
static bool fall_back(struct reflector *r, const struct kube_status *s)
{
	if (r->request == REQUEST_LIST_STREAM &&
	    (s->code == 400 || s->code == 422 || s->code == 406)) {
		log_debug("%s: lists cannot be streamed (%s): asking for chunks", r->name,
			  s->message);
		r->no_stream = true;
		relist(r, 0);
		return true;
	}
	if (r->request == REQUEST_LIST_CHUNK && s->code == 410) {
		r->no_chunks = ++r->expired_lists > 1;
		relist(r, jitter(r->config.backoff_min_usec));
		return true;
	}
	if (r->request == REQUEST_WATCH && (s->code == 410 || s->code == 400)) {
		relist_expired(r, s->message);
		return true;
	}
	return false;
}

static void on_refusal(struct reflector *r, const struct http_result *result)
{
	struct kube_status s;
	_cleanup_free_ char *text = NULL;

	arena_reset(r->arena);
	kube_result_status(r->arena, result, &s);
	if (fall_back(r, &s))
		return;
	if (s.code == 404) {
		on_absent(r);
		return;
	}
	r->retry_after_usec = s.retry_after_usec;
	r->denied = s.code == 403;
	if (r->denied && r->config.ops->denied)
		r->config.ops->denied(r->config.ctx);
	if (s.code == 401)
		text = xasprintf("the API server does not accept our credentials: %s", s.message);
	else if (s.code == 403)
		text = xasprintf("not allowed (RBAC): %s", s.message);
	else
		text = xasprintf("the API server answers %u: %s", s.code, s.message);
	fail(r, LOG_WARNING, text, false);
}

/* ---- bodies ---- */

static int on_object(struct reflector *r, const struct kube_payload *object, bool deleted)
{
	int ret = deleted ? r->config.ops->deleted(r->config.ctx, object)
			  : r->config.ops->object(r->config.ctx, object);

	r->counters.unreadable += ret < 0;
	return 0;
}

static int on_error_event(struct reflector *r, const struct kube_event *e)
{
	struct kube_status s;

	kube_event_status(r->arena, e, &s);
	r->gone = s.code == 410 || strcmp(s.reason, "Expired") == 0 ||
		  strcmp(s.reason, "Gone") == 0;
	r->retry_after_usec = s.retry_after_usec;
	free(r->stream_error);
	r->stream_error = xasprintf("the API server ends the watch: %s", s.message);
	return -ECANCELED;
}

static int on_event(struct reflector *r, struct kube_event *e)
{
	r->counters.last_event = clock_monotonic();
	switch (e->type) {
	case KUBE_ERROR:
		return on_error_event(r, e);
	case KUBE_BOOKMARK:
		r->counters.bookmarks++;
		if (!e->resource_version[0])
			return -EBADMSG;
		if (r->in_list && e->initial_events_end) {
			list_complete(r, e->resource_version);
			r->state = REFLECTOR_WATCHING;
			return 0;
		}
		break;
	default:
		if (r->in_list && ++r->list_items > r->config.limits.items)
			return -EMSGSIZE;
		r->counters.events++;
		(void)on_object(r, &e->object, e->type == KUBE_DELETED);
		break;
	}
	/* While the list is streamed, versions come in no order. */
	if (!r->in_list && e->resource_version[0])
		memcpy(r->version, e->resource_version, sizeof(r->version));
	return 0;
}

static int on_item(struct reflector *r, const uint8_t *data, size_t len)
{
	struct kube_payload object = { 0 };
	int ret;

	if (r->request == REQUEST_CHECK)
		return 0;
	if (r->protobuf) {
		object.protobuf = data;
		object.len = len;
		return on_object(r, &object, false);
	}
	ret = kube_json_parse(data, len, &object.json);
	if (ret < 0)
		return ret;
	ret = on_object(r, &object, false);
	json_object_put(object.json);
	return ret;
}

static int on_meta(struct reflector *r, const uint8_t *data, size_t len)
{
	struct kube_list_meta meta;
	int ret;

	ret = kube_list_meta_parse(r->arena, r->protobuf, data, len, &meta);
	if (ret < 0)
		return ret;
	memcpy(r->list_version, meta.resource_version, sizeof(r->list_version));
	free(r->more);
	r->more = *meta.more ? xstrdup(meta.more) : NULL;
	return 0;
}

static int on_message(void *ctx, enum body_part part, const uint8_t *data, size_t len)
{
	struct reflector *r = ctx;
	struct kube_event e;
	int ret;

	r->messages++;
	arena_reset(r->arena);
	if (part == BODY_META)
		return on_meta(r, data, len);
	if (part == BODY_ITEM)
		return on_item(r, data, len);
	ret = kube_event_parse(r->arena, r->protobuf, data, len, &e);
	if (ret < 0)
		return ret;
	ret = on_event(r, &e);
	kube_event_done(&e);
	return ret;
}

static bool is_type(const char *type, const char *wanted)
{
	size_t n = strlen(wanted);

	return strncasecmp(type, wanted, n) == 0 &&
	       (type[n] == '\0' || type[n] == ';' || type[n] == ' ');
}

static int on_response(void *ctx, unsigned status _unused_, const char *type)
{
	struct reflector *r = ctx;
	bool watch = r->request == REQUEST_WATCH || r->request == REQUEST_LIST_STREAM;
	enum body_format format;

	r->protobuf = is_type(type, PROTOBUF_TYPE);
	if (!is_type(type, JSON_TYPE) && !(r->protobuf && r->config.protobuf))
		return -EPROTOTYPE;
	if (watch)
		format = r->protobuf ? BODY_PROTOBUF_WATCH : BODY_JSON_WATCH;
	else
		format = r->protobuf ? BODY_PROTOBUF_LIST : BODY_JSON_LIST;
	r->reader = body_reader_new(format, &r->config.limits, on_message, r);
	if (r->request == REQUEST_WATCH) {
		r->state = REFLECTOR_WATCHING;
		/* A quiet collection sends nothing for minutes that would end a problem. */
		event_loop_arm(r->timer, r->config.watch_short_usec);
	}
	return 0;
}

static int on_data(void *ctx, const uint8_t *data, size_t len)
{
	struct reflector *r = ctx;
	uint64_t before = r->messages;
	int ret;

	r->counters.bytes += len;
	ret = body_reader_feed(r->reader, data, len);
	if (ret < 0)
		return ret;
	if (r->in_list)
		event_loop_arm(r->partial_timer, r->config.list_idle_usec);
	else if (body_reader_finish(r->reader) == 0)
		(void)event_del(r->partial_timer);
	else if (r->messages != before || !event_pending(r->partial_timer, EV_TIMEOUT, NULL))
		event_loop_arm(r->partial_timer, EVENT_USEC);
	return 0;
}

/* ---- ends ---- */

static void list_chunk_done(struct reflector *r)
{
	char version[RESOURCE_VERSION_MAX];

	if (r->more) {
		ask(r);
		return;
	}
	if (!r->list_version[0]) {
		fail(r, LOG_WARNING, "the API server sent a list without a resourceVersion", false);
		return;
	}
	memcpy(version, r->list_version, sizeof(version));
	list_complete(r, version);
	r->request = REQUEST_WATCH;
	ask(r);
}

/* A server that has lost its history (an etcd restored from a backup, or new) counts versions from
 * further down, and would keep silent until they have caught up with ours. */
static void check_done(struct reflector *r)
{
	unsigned long long ours = strtoull(r->version, NULL, 10);
	unsigned long long theirs = strtoull(r->list_version, NULL, 10);

	free(TAKE_PTR(r->more));
	if (ours && theirs && theirs < ours) {
		log_warning(
			"%s: the API server is at version %llu and we have seen %llu: it has lost "
			"its history, listing again",
			r->name, theirs, ours);
		relist(r, 0);
		return;
	}
	r->lost = false;
	r->request = REQUEST_WATCH;
	ask(r);
}

static void watch_done(struct reflector *r)
{
	int64_t lived = clock_monotonic() - r->began;

	if (r->in_list) {
		/* Some do not know of sendInitialEvents and do not say so. */
		r->no_stream = ++r->stream_failures > 1;
		fail(r, LOG_WARNING, "the API server ended a list before it was complete", false);
		return;
	}
	if (lived < r->config.watch_short_usec && lived < r->timeout_usec) {
		fail(r, LOG_WARNING, "the API server ended the watch at once", true);
		return;
	}
	succeeded(r);
	/* It ended early: the server may have been stopped, or its store changed under it. */
	r->request = resume_request(r, lived < r->timeout_usec - USEC_PER_SEC);
	ask_after(r, r->request, jitter(r->config.backoff_min_usec / 4));
	r->state = REFLECTOR_WAITING;
}

static const char *words_for(int error, const char *message)
{
	switch (error) {
	case -EBADMSG:
		return "the API server sent something that is no Kubernetes API answer";
	case -EMSGSIZE:
		return "the API server sent an object or a list that is larger than can be right";
	case -EPROTOTYPE:
		return "the API server answered with a Content-Type that was not asked for";
	case -EPIPE:
		return "the API server's answer was cut off";
	default:
		return message;
	}
}

static void on_failure(struct reflector *r, const struct http_result *result)
{
	_cleanup_free_ char *stream_error = TAKE_PTR(r->stream_error);
	const char *text;
	bool watching = r->request == REQUEST_WATCH ||
			(r->request == REQUEST_LIST_STREAM && !r->in_list);

	if (r->gone) {
		r->gone = false;
		relist_expired(r, stream_error ? stream_error : result->message);
		return;
	}
	if (result->error == -ETIMEDOUT && watching) {
		/* No event came, not even a bookmark; the next watch may be luckier. */
		log_debug("%s: the watch was silent: beginning another", r->name);
		r->counters.failures++;
		r->lost = true;
		r->request = resume_request(r, true);
		ask(r);
		return;
	}
	text = stream_error ? stream_error : words_for(result->error, result->message);
	/* That the server cannot be reached concerns all kinds: http.c says it once for all. */
	fail(r, text == result->message ? LOG_DEBUG : LOG_WARNING, text, true);
}

static void on_done(void *ctx, const struct http_result *result)
{
	struct reflector *r = ctx;
	struct body_reader *reader = TAKE_PTR(r->reader);
	struct http_result copy = *result;

	r->call = NULL;
	(void)event_del(r->partial_timer);
	if (!copy.error && reader)
		copy.error = body_reader_finish(reader);
	body_reader_free(reader);
	if (copy.error < 0 && !(result->error < 0 && result->status >= 300)) {
		on_failure(r, &copy);
		return;
	}
	if (result->status < 200 || result->status >= 300) {
		on_refusal(r, result);
		return;
	}
	switch (r->request) {
	case REQUEST_LIST_CHUNK:
		list_chunk_done(r);
		break;
	case REQUEST_CHECK:
		check_done(r);
		break;
	case REQUEST_LIST_STREAM:
	case REQUEST_WATCH:
		watch_done(r);
		break;
	}
}

/* ---- asking ---- */

static void add_watch_query(struct reflector *r, struct strbuf *b)
{
	int64_t seconds = MAX(jitter(2 * r->config.watch_usec) * 2 / 3, USEC_PER_SEC) /
			  USEC_PER_SEC;

	r->timeout_usec = seconds * USEC_PER_SEC;
	strbuf_printf(b, "watch=true&allowWatchBookmarks=true&timeoutSeconds=%lld",
		      (long long)seconds);
	if (r->request == REQUEST_LIST_STREAM)
		strbuf_puts(b, "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan");
	else
		strbuf_printf(b, "&resourceVersion=%s", r->version);
}

static void add_list_query(struct reflector *r, struct strbuf *b)
{
	if (r->request == REQUEST_CHECK)
		strbuf_puts(b, "limit=1");
	else if (!r->no_chunks)
		strbuf_printf(b, "limit=%u", r->config.chunk);
	if (r->request == REQUEST_LIST_CHUNK && r->more) {
		strbuf_puts(b, "&continue=");
		http_escape(b, r->more);
	}
}

static void begin_list(struct reflector *r)
{
	if (r->in_list)
		return;
	r->in_list = true;
	r->list_items = 0;
	r->config.ops->list_begins(r->config.ctx);
}

static void ask(struct reflector *r)
{
	_cleanup_strbuf_ struct strbuf path = STRBUF_INIT;
	bool watch = r->request == REQUEST_WATCH || r->request == REQUEST_LIST_STREAM;
	struct http_request request = {
		.method = "GET",
		.accept = !r->config.protobuf ? JSON_TYPE
			  : watch             ? PROTOBUF_TYPE ";stream=watch"
					      : PROTOBUF_TYPE,
		.response = on_response,
		.data = on_data,
		.done = on_done,
		.ctx = r,
	};

	assert(!r->call);
	strbuf_printf(&path, "%s?", r->path);
	if (watch)
		add_watch_query(r, &path);
	else
		add_list_query(r, &path);
	if (r->selector)
		strbuf_printf(&path, "&%s", r->selector);
	if (r->request == REQUEST_LIST_STREAM || r->request == REQUEST_LIST_CHUNK) {
		begin_list(r);
		if (r->state != REFLECTOR_ABSENT)
			r->state = REFLECTOR_LISTING;
	}
	if (r->request == REQUEST_CHECK)
		r->state = REFLECTOR_CHECKING;
	r->list_version[0] = '\0';
	request.path = strbuf_str(&path);
	request.idle_usec = watch ? r->config.watch_idle_usec : r->config.list_idle_usec;
	request.total_usec = watch ? r->timeout_usec + r->config.list_idle_usec : LIST_TOTAL_USEC;
	/* A call keeps its limits when the list in it turns into a watch. */
	if (r->in_list)
		event_loop_arm(r->partial_timer, r->config.list_idle_usec);
	r->counters.watches += watch;
	r->began = clock_monotonic();
	r->call = r->config.transport.send(r->config.transport.ctx, &request);
}

static void on_timer(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct reflector *r = ctx;

	if (!r->call)
		ask(r);
	else if (r->state == REFLECTOR_WATCHING)
		succeeded(r);
}

static void on_partial(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct reflector *r = ctx;

	if (!r->call)
		return;
	r->config.transport.cancel(r->config.transport.ctx, TAKE_PTR(r->call));
	body_reader_free(TAKE_PTR(r->reader));
	if (r->request == REQUEST_LIST_STREAM && r->in_list)
		r->no_stream = ++r->stream_failures > 1;
	fail(r, LOG_WARNING, "the API server does not finish what it has begun to send", true);
}

void reflector_hurry(struct reflector *r)
{
	if (r->call)
		return;
	r->backoff_usec = 0;
	event_loop_arm(r->timer, jitter(r->config.backoff_min_usec / 4));
}

static struct http_call *send_to_server(void *ctx, const struct http_request *request)
{
	return http_send(ctx, request);
}

static void cancel_at_server(void *ctx _unused_, struct http_call *call)
{
	http_cancel(call);
}

struct reflector_transport reflector_transport_of(struct http *http)
{
	return (struct reflector_transport){ send_to_server, cancel_at_server, http };
}

struct reflector *reflector_new(const struct reflector_config *config)
{
	struct reflector *r = xnew(struct reflector, 1);

	r->config = *config;
	r->name = xstrdup(config->name);
	r->path = xstrdup(config->path);
	r->selector = config->selector ? xstrdup(config->selector) : NULL;
	r->arena = arena_new(ARENA_CHUNK);
	r->timer = event_loop_timer(config->loop, on_timer, r);
	r->partial_timer = event_loop_timer(config->loop, on_partial, r);
	r->state = REFLECTOR_LISTING;
	ask_after(r, list_request(r), 0);
	return r;
}

void reflector_free(struct reflector *r)
{
	if (!r)
		return;
	if (r->call)
		r->config.transport.cancel(r->config.transport.ctx, r->call);
	event_free(r->timer);
	event_free(r->partial_timer);
	body_reader_free(r->reader);
	arena_free(r->arena);
	free(r->name);
	free(r->path);
	free(r->selector);
	free(r->more);
	free(r->problem);
	free(r->stream_error);
	free(r);
}
