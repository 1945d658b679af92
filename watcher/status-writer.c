/* Statuses on their way to the API: a queue of objects, each looked at when its turn comes, so what is
 * written is what is true then. Used by the watcher. */
#include <errno.h>
#include <string.h>
#include <sys/queue.h>

#include "common/alloc.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/hashmap.h"
#include "common/log.h"
#include "common/object-kind.h"
#include "ipc.pb-c.h"

#include "watcher/kube-message.h"
#include "watcher/status-render.h"
#include "watcher/status-writer.h"

#define REQUEST_USEC (15 * USEC_PER_SEC)
#define RETRY_MIN_USEC (100 * USEC_PER_MSEC)
#define RETRY_MAX_USEC (60 * USEC_PER_SEC)
/* Where we may not write, there is no use in asking for each object. */
#define DENIED_USEC (60 * USEC_PER_SEC)

struct entry {
	struct status_writer *writer;
	TAILQ_ENTRY(entry) queue;
	struct item *status;
	struct http_call *call;
	bool queued, again;
	int64_t not_before, retry_usec;
	unsigned kind;
	size_t id_len;
	char id[]; /* kind (one byte), then "namespace/name" */
};

TAILQ_HEAD(entries, entry);

struct status_writer {
	struct status_writer_config config;
	struct hashmap entries;
	struct entries queue;
	struct event *timer;
	struct arena *arena;
	bool leader;
	unsigned in_flight;
	double tokens;
	int64_t filled; /* when tokens were last counted */
	int64_t denied_until[OBJECT_KIND_MAX_];
	struct status_writer_counters counters;
};

const struct status_writer_counters *status_writer_counters(const struct status_writer *w)
{
	return &w->counters;
}

bool status_writer_wants(unsigned kind)
{
	return status_render_row(kind) != NULL;
}

static const void *entry_key(const void *e, size_t *ret_len)
{
	*ret_len = ((const struct entry *)e)->id_len;
	return ((const struct entry *)e)->id;
}

static struct entry *entry_find(struct status_writer *w, unsigned kind, const char *key, size_t len,
				bool make)
{
	struct entry *e = xcalloc(1, sizeof(*e) + len + 2), *known;

	e->id[0] = (char)kind;
	memcpy(e->id + 1, key, len);
	e->id_len = len + 1;
	known = hashmap_get(&w->entries, e->id, e->id_len);
	if (known || !make) {
		free(e);
		return known;
	}
	e->writer = w;
	e->kind = kind;
	(void)hashmap_put(&w->entries, e);
	return e;
}

static void entry_free(struct entry *e)
{
	if (e->queued)
		TAILQ_REMOVE(&e->writer->queue, e, queue);
	if (e->call)
		http_cancel(e->call);
	item_unref(e->status);
	free(e);
}

/* ---- the queue ---- */

static void run_soon(struct status_writer *w)
{
	event_active(w->timer, 0, 0);
}

static void enqueue(struct entry *e, int64_t delay)
{
	struct status_writer *w = e->writer;

	if (!w->leader)
		return;
	if (e->call) {
		e->again = true;
		return;
	}
	e->not_before = delay ? clock_monotonic() + delay : 0;
	if (!e->queued) {
		e->queued = true;
		w->counters.waiting++;
		TAILQ_INSERT_TAIL(&w->queue, e, queue);
	}
	run_soon(w);
}

static void dequeue(struct entry *e)
{
	e->queued = false;
	e->writer->counters.waiting--;
	TAILQ_REMOVE(&e->writer->queue, e, queue);
}

static void retry(struct entry *e, int64_t at_least)
{
	e->retry_usec = MAX(e->retry_usec * 2, RETRY_MIN_USEC);
	e->retry_usec = MIN(e->retry_usec, RETRY_MAX_USEC);
	enqueue(e, MAX(e->retry_usec, at_least));
}

/* ---- writing ---- */

static void log_refusal(const struct entry *e, const struct kube_status *s)
{
	log_warning("cannot write the status of %s %s: %u: %s", object_kind(e->kind)->kind, e->id + 1,
		    s->code, s->message);
}

static void on_refusal(struct entry *e, const struct http_result *r)
{
	struct status_writer *w = e->writer;
	struct kube_status s;

	arena_reset(w->arena);
	kube_result_status(w->arena, r, &s);
	switch (s.code) {
	case 404: /* deleted meanwhile */
		return;
	case 409: /* the watch brings the version that was in the way */
		w->counters.conflicts++;
		retry(e, 0);
		return;
	case 403:
		w->counters.failures++;
		if (clock_monotonic() >= w->denied_until[e->kind])
			log_refusal(e, &s);
		w->denied_until[e->kind] = clock_monotonic() + DENIED_USEC;
		enqueue(e, DENIED_USEC);
		return;
	case 400:
	case 422: /* will be no better until it is another */
		w->counters.failures++;
		log_refusal(e, &s);
		return;
	default:
		w->counters.failures++;
		retry(e, s.retry_after_usec);
	}
}

static void on_done(void *ctx, const struct http_result *r)
{
	struct entry *e = ctx;
	struct status_writer *w = e->writer;
	bool again = e->again;

	e->call = NULL;
	e->again = false;
	w->in_flight--;
	if (r->error < 0) {
		w->counters.failures++;
		retry(e, 0);
	} else if (r->status >= 300) {
		on_refusal(e, r);
	} else {
		w->counters.written++;
		e->retry_usec = 0;
	}
	if (!e->status) {
		if (e->queued)
			dequeue(e);
		(void)hashmap_remove(&w->entries, e->id, e->id_len);
		entry_free(e);
	} else if (again) {
		enqueue(e, 0);
	}
	run_soon(w);
}

static char *status_path(const struct kube_object *object)
{
	const struct object_kind_row *row = object_kind(object->item->kind);
	const char *key = kube_object_api_key(object), *slash = strchr(key, '/');
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	_cleanup_free_ char *namespace = xstrndup(key, (size_t)(slash - key));

	strbuf_printf(&b, *row->group ? "/apis/%s/%s/" : "/api/%s%s/", row->group, row->version);
	if (row->namespaced) {
		strbuf_puts(&b, "namespaces/");
		http_escape(&b, namespace);
		strbuf_puts(&b, "/");
	}
	strbuf_printf(&b, "%s/", row->plural);
	http_escape(&b, slash + 1);
	strbuf_puts(&b, "/status");
	return strbuf_take(&b);
}

static void write_status(struct entry *e, const struct kube_object *object, const struct strbuf *status)
{
	struct status_writer *w = e->writer;
	_cleanup_free_ char *path = status_path(object);
	_cleanup_strbuf_ struct strbuf body = STRBUF_INIT;
	struct http_request request = {
		.method = "PATCH",
		.content_type = "application/merge-patch+json",
		.total_usec = REQUEST_USEC,
		.done = on_done,
		.ctx = e,
	};

	/* Of the version that it was made for: on another the server answers 409. */
	strbuf_puts(&body, "{\"metadata\":{\"resourceVersion\":");
	strbuf_json(&body, object->version, strlen(object->version));
	strbuf_puts(&body, "},\"status\":");
	strbuf_add(&body, status->s, status->len);
	strbuf_puts(&body, "}");
	request.path = path;
	request.body = body.s;
	request.body_len = body.len;
	e->call = http_send(w->config.http, &request);
	w->in_flight++;
	w->tokens -= 1;
}

static void look_at(struct entry *e)
{
	struct status_writer *w = e->writer;
	const struct kube_object *object = kube_objects_get(w->config.objects, e->kind, e->id + 1,
							    e->id_len - 1);
	_cleanup_strbuf_ struct strbuf json = STRBUF_INIT;
	struct status_input input = { .object = object };
	int64_t denied = w->denied_until[e->kind] - clock_monotonic();

	if (denied > 0) {
		enqueue(e, denied);
		return;
	}
	if (!object || !object->version || !e->status)
		return;
	arena_reset(w->arena);
	input.arena = w->arena;
	input.status = portolan__ipc__object_status__unpack(arena_pb(w->arena), e->status->value_len,
							    item_value(e->status));
	if (!input.status)
		return;
	if (w->config.address)
		input.addresses_known = publish_address_get(w->config.address, &input.addresses,
							    &input.n_addresses);
	if (status_render_row(e->kind)->render(&input, &json))
		write_status(e, object, &json);
	else
		w->counters.unchanged++;
}

static void fill(struct status_writer *w, int64_t now)
{
	double rate = w->config.writes_per_second;

	w->tokens += (double)(now - w->filled) / USEC_PER_SEC * rate;
	w->tokens = MIN(w->tokens, rate);
	w->filled = now;
}

static void on_timer(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct status_writer *w = ctx;
	int64_t now = clock_monotonic(), wake = INT64_MAX;
	struct entry *e, *next;

	fill(w, now);
	for (e = TAILQ_FIRST(&w->queue); e; e = next) {
		next = TAILQ_NEXT(e, queue);
		if (e->not_before > now) {
			wake = MIN(wake, e->not_before);
			continue;
		}
		if (w->in_flight >= w->config.in_flight_max)
			return; /* the end of one of them runs this again */
		if (w->tokens < 1) {
			wake = MIN(wake, now + USEC_PER_SEC / w->config.writes_per_second + 1);
			break;
		}
		dequeue(e);
		look_at(e);
	}
	if (wake != INT64_MAX)
		event_loop_arm(w->timer, wake - now);
}

/* ---- what the owner says ---- */

void status_writer_set(struct status_writer *w, unsigned kind, const char *key, size_t len,
		       struct item *status)
{
	struct entry *e;

	if (!status_writer_wants(kind) || !memchr(key, '/', len))
		return;
	e = entry_find(w, kind, key, len, status != NULL);
	if (!e)
		return;
	item_unref(e->status);
	e->status = status ? item_ref(status) : NULL;
	if (status) {
		enqueue(e, 0);
	} else if (!e->call) {
		if (e->queued)
			dequeue(e);
		(void)hashmap_remove(&w->entries, e->id, e->id_len);
		entry_free(e);
	}
}

void status_writer_object(struct status_writer *w, const struct kube_object *object)
{
	struct entry *e = entry_find(w, object->item->kind, item_key(object->item),
				     object->item->key_len, false);

	/* One that waits for its retry after a conflict has got what it waited for. */
	if (e && e->status)
		enqueue(e, 0);
}

static void enqueue_all(struct status_writer *w)
{
	struct entry *e;

	HASHMAP_FOREACH(&w->entries, e)
		if (e->status)
			enqueue(e, 0);
}

void status_writer_address(struct status_writer *w)
{
	enqueue_all(w);
}

void status_writer_leader(struct status_writer *w, bool leader)
{
	struct entry *e;

	w->leader = leader;
	if (leader) {
		enqueue_all(w);
		return;
	}
	while ((e = TAILQ_FIRST(&w->queue)))
		dequeue(e);
}

struct status_writer *status_writer_new(const struct status_writer_config *config)
{
	struct status_writer *w = xnew(struct status_writer, 1);

	w->config = *config;
	w->entries = HASHMAP_INIT(entry_key);
	TAILQ_INIT(&w->queue);
	w->timer = event_loop_timer(config->loop, on_timer, w);
	w->arena = arena_new(16 * 1024);
	w->filled = clock_monotonic();
	w->tokens = config->writes_per_second;
	return w;
}

void status_writer_free(struct status_writer *w)
{
	struct entry *e;

	if (!w)
		return;
	HASHMAP_FOREACH(&w->entries, e)
		entry_free(e);
	hashmap_done(&w->entries);
	event_free(w->timer);
	arena_free(w->arena);
	free(w);
}
