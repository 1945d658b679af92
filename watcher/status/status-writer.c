/* Statuses on their way to the API: a queue of objects. An object's status is made when its turn
 * comes, so the newest one is written. */
#include <errno.h>
#include <string.h>
#include <sys/queue.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/hashmap.h"
#include "common/base/log.h"
#include "common/decode/object-kind.h"
#include "ipc.pb-c.h"

#include "watcher/kube/kube-message.h"
#include "watcher/status/class-finalizer.h"
#include "watcher/status/propagated-annotation.h"
#include "watcher/status/status-render.h"
#include "watcher/status/status-writer.h"

#define REQUEST_USEC   (15 * USEC_PER_SEC)
#define RETRY_MIN_USEC (100 * USEC_PER_MSEC)
#define RETRY_MAX_USEC (60 * USEC_PER_SEC)
/* For an object that changes all the time (a Gateway while its routes come): after a pause, the
 * newest status is written at once; later ones at intervals that grow (S-LS-7). */
#define PACE_QUIET_USEC (2 * USEC_PER_SEC)
#define PACE_MIN_USEC   (50 * USEC_PER_MSEC)
#define PACE_MAX_USEC   (USEC_PER_SEC)
/* If we may not write, trying each object is useless. */
#define DENIED_USEC (60 * USEC_PER_SEC)

/* A part of an object that is written by itself. What is more than a status needs a right of its
 * own; where that is denied, statuses are written all the same. */
enum part { PART_STATUS, PART_FINALIZERS, PART_ANNOTATION, PARTS };

static const char *const part_names[PARTS] = { "status", "finalizers", "annotation" };

struct entry {
	struct status_writer *writer;
	TAILQ_ENTRY(entry) queue;
	struct item *status;
	struct http_call *call;
	bool queued, again;
	enum part sent; /* last */
	int64_t not_before, retry_usec;
	int64_t written, pace_usec; /* when it was written last, and how long it then waits */
	unsigned kind;
	size_t id_len;
	char id[]; /* kind (one byte), then "namespace/name" */
};

TAILQ_HEAD(entries, entry);

struct status_writer {
	struct status_writer_config config;
	struct hashmap entries;
	struct entries queues[2]; /* see queue_of() */
	unsigned turn;            /* the queue that is next */
	struct event *timer;
	struct arena *arena;
	bool leader;
	unsigned in_flight;
	double tokens;
	int64_t filled; /* when tokens were last counted */
	int64_t denied_until[OBJECT_KIND_MAX_];
	int64_t parts_denied_until[PARTS]; /* not PART_STATUS: that is a kind's */
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

/* Objects that sum others up have a queue of their own, which has every other turn: the count of a
 * Gateway does not wait for the statuses of all its routes. */
static struct entries *queue_of(const struct entry *e)
{
	bool sums = e->kind == OBJECT_GATEWAY || e->kind == OBJECT_LISTENER_SET ||
		    e->kind == OBJECT_GATEWAY_CLASS;

	return &e->writer->queues[sums];
}

static void entry_free(struct entry *e)
{
	if (e->queued)
		TAILQ_REMOVE(queue_of(e), e, queue);
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
	e->not_before = MAX(e->not_before, e->written + e->pace_usec);
	if (!e->queued) {
		e->queued = true;
		w->counters.waiting++;
		TAILQ_INSERT_TAIL(queue_of(e), e, queue);
	}
	run_soon(w);
}

static void dequeue(struct entry *e)
{
	e->queued = false;
	e->writer->counters.waiting--;
	TAILQ_REMOVE(queue_of(e), e, queue);
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
	log_warning("cannot write the %s of %s %s: %u: %s", part_names[e->sent],
		    object_kind(e->kind)->kind, e->id + 1, s->code, s->message);
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
		if (e->sent != PART_STATUS) {
			if (clock_monotonic() >= w->parts_denied_until[e->sent])
				log_refusal(e, &s);
			w->parts_denied_until[e->sent] = clock_monotonic() + DENIED_USEC;
			enqueue(e, 0);
			return;
		}
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

/* sub: "/status" or "" */
static char *object_path(const struct kube_object *object, const char *sub)
{
	const struct object_kind_row *row = object_kind(object->item->kind);
	const char *key = kube_object_api_key(object), *slash = strchr(key, '/');
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	_cleanup_free_ char *namespace = xstrndup(key, (size_t)(slash - key));

	strbuf_printf(&b, *row->group ? "/apis/%s/%s/" : "/api/%s%s/", row->group,
		      object->api_version ? object->api_version : row->version);
	if (row->namespaced) {
		strbuf_puts(&b, "namespaces/");
		http_escape(&b, namespace);
		strbuf_puts(&b, "/");
	}
	strbuf_printf(&b, "%s/", row->plural);
	http_escape(&b, slash + 1);
	strbuf_puts(&b, sub);
	return strbuf_take(&b);
}

static void pace(struct entry *e)
{
	int64_t now = clock_monotonic();

	if (!e->written || now - e->written > PACE_QUIET_USEC)
		e->pace_usec = 0;
	else
		e->pace_usec = e->pace_usec ? MIN(e->pace_usec * 2, PACE_MAX_USEC) : PACE_MIN_USEC;
	e->written = now;
}

static void patch(struct entry *e, const struct kube_object *object, const char *sub,
		  const struct strbuf *body)
{
	struct status_writer *w = e->writer;
	_cleanup_free_ char *path = object_path(object, sub);
	struct http_request request = {
		.method = "PATCH",
		.content_type = "application/merge-patch+json",
		.total_usec = REQUEST_USEC,
		.done = on_done,
		.ctx = e,
		.path = path,
		.body = body->s,
		.body_len = body->len,
	};

	e->call = http_send(w->config.http, &request);
	w->in_flight++;
	w->tokens -= 1;
}

/* The resourceVersion that it was made for: on another the server answers 409. */
static void begin_body(struct strbuf *body, const struct kube_object *object)
{
	strbuf_puts(body, "{\"metadata\":{\"resourceVersion\":");
	strbuf_json(body, object->version, strlen(object->version));
}

static void write_status(struct entry *e, const struct kube_object *object,
			 const struct strbuf *status)
{
	_cleanup_strbuf_ struct strbuf body = STRBUF_INIT;

	begin_body(&body, object);
	strbuf_puts(&body, "},\"status\":");
	strbuf_add(&body, status->s, status->len);
	strbuf_puts(&body, "}");
	e->sent = PART_STATUS;
	patch(e, object, "/status", &body);
	pace(e);
}

/* Its answer comes as an event of the object, which then has its turn again. */
static void write_finalizers(struct entry *e, const struct kube_object *object,
			     const struct strbuf *list)
{
	_cleanup_strbuf_ struct strbuf body = STRBUF_INIT;

	begin_body(&body, object);
	strbuf_puts(&body, ",\"finalizers\":");
	strbuf_add(&body, list->s, list->len);
	strbuf_puts(&body, "}}");
	e->sent = PART_FINALIZERS;
	patch(e, object, "", &body);
}

static void write_annotation(struct entry *e, const struct kube_object *object,
			     const struct strbuf *value)
{
	_cleanup_strbuf_ struct strbuf body = STRBUF_INIT;

	begin_body(&body, object);
	strbuf_puts(&body, ",\"annotations\":{\"" KUBE_PROPAGATED "\":");
	strbuf_json(&body, value->s, value->len);
	strbuf_puts(&body, "}}}");
	e->sent = PART_ANNOTATION;
	patch(e, object, "", &body);
	pace(e);
}

static bool is_denied(const struct status_writer *w, enum part part)
{
	return w->parts_denied_until[part] > clock_monotonic();
}

static void write_one(struct entry *e, const struct kube_object *object,
		      const struct status_input *input)
{
	struct status_writer *w = e->writer;
	_cleanup_strbuf_ struct strbuf list = STRBUF_INIT, json = STRBUF_INIT, value = STRBUF_INIT;

	if (!is_denied(w, PART_FINALIZERS) && class_finalizer_render(object, input->status, &list))
		write_finalizers(e, object, &list);
	else if (status_render_row(e->kind)->render(input, &json))
		write_status(e, object, &json);
	else if (!propagated_annotation_render(input, &value))
		w->counters.unchanged++;
	else if (is_denied(w, PART_ANNOTATION))
		enqueue(e, w->parts_denied_until[PART_ANNOTATION] - clock_monotonic());
	else
		write_annotation(e, object, &value);
}

static void look_at(struct entry *e)
{
	struct status_writer *w = e->writer;
	const struct kube_object *object =
		kube_objects_get(w->config.objects, e->kind, e->id + 1, e->id_len - 1);
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
	input.status = portolan__ipc__object_status__unpack(
		arena_pb(w->arena), e->status->value_len, item_value(e->status));
	if (!input.status)
		return;
	if (w->config.address)
		input.addresses_known = publish_address_get(w->config.address, &input.addresses,
							    &input.n_addresses);
	write_one(e, object, &input);
}

static void fill(struct status_writer *w, int64_t now)
{
	double rate = w->config.writes_per_second;

	w->tokens += (double)(now - w->filled) / USEC_PER_SEC * rate;
	w->tokens = MIN(w->tokens, rate);
	w->filled = now;
}

/* The first from *at on that may be looked at now, or NULL; *at: behind it. *wake: when the next
 * one may. */
static struct entry *first_due(struct entry **at, int64_t now, int64_t *wake)
{
	struct entry *e;

	while ((e = *at)) {
		*at = TAILQ_NEXT(e, queue);
		if (e->not_before <= now)
			return e;
		*wake = MIN(*wake, e->not_before);
	}
	return NULL;
}

static struct entry *next_due(struct status_writer *w, struct entry *at[2], int64_t now,
			      int64_t *wake)
{
	struct entry *e = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(w->queues) && !e; i++) {
		w->turn = (w->turn + 1) % ARRAY_SIZE(w->queues);
		e = first_due(&at[w->turn], now, wake);
	}
	return e;
}

static void on_timer(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct status_writer *w = ctx;
	int64_t now = clock_monotonic(), wake = INT64_MAX;
	struct entry *at[] = { TAILQ_FIRST(&w->queues[0]), TAILQ_FIRST(&w->queues[1]) }, *e;

	fill(w, now);
	while ((e = next_due(w, at, now, &wake))) {
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

/* ---- calls of the owner ---- */

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

	/* After a conflict the entry waits for a retry: the newer status has come. */
	if (e && e->status)
		enqueue(e, 0);
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;
	int d = memcmp(x->id, y->id, MIN(x->id_len, y->id_len));

	return d ? d : (x->id_len > y->id_len) - (x->id_len < y->id_len);
}

static void enqueue_all(struct status_writer *w)
{
	_cleanup_free_ struct entry **all = xnew(struct entry *, w->entries.n + 1);
	struct entry *e;
	size_t n = 0;

	HASHMAP_FOREACH (&w->entries, e)
		if (e->status)
			all[n++] = e;
	if (n)
		qsort(all, n, sizeof(struct entry *), compare_entries);
	for (size_t i = 0; i < n; i++)
		enqueue(all[i], 0);
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
	for (size_t i = 0; i < ARRAY_SIZE(w->queues); i++)
		while ((e = TAILQ_FIRST(&w->queues[i])))
			dequeue(e);
}

struct status_writer *status_writer_new(const struct status_writer_config *config)
{
	struct status_writer *w = xnew(struct status_writer, 1);

	w->config = *config;
	w->entries = HASHMAP_INIT(entry_key);
	for (size_t i = 0; i < ARRAY_SIZE(w->queues); i++)
		TAILQ_INIT(&w->queues[i]);
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
	HASHMAP_FOREACH (&w->entries, e)
		entry_free(e);
	hashmap_done(&w->entries);
	event_free(w->timer);
	arena_free(w->arena);
	free(w);
}
