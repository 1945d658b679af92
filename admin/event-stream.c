/* Server-sent events. While a client listens, the stages are asked for their state once a
 * second. */
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

#include "admin/event-stream.h"
#include "admin/gather.h"
#include "admin/http-server.h"
#include "common/answer/json-print.h"
#include "common/base/alloc.h"
#include "common/base/clock.h"

#define INTERVAL_USEC USEC_PER_SEC
#define ALIVE_EVERY   20 /* intervals: a comment, so that each side sees the other's life */

struct listener {
	struct listener *next;
	struct evhttp_request *req;
};

struct event_stream {
	struct admin *admin;
	struct listener *listeners;
	size_t n, intervals;
	struct event *timer;
	struct gather *gather; /* being asked */
	char *stamp;           /* the stages' last answers */
};

static void send_all(struct event_stream *s, const char *text)
{
	struct listener *next;

	/* Sending may end a connection, and take its listener off the list. */
	for (struct listener *l = s->listeners; l; l = next) {
		struct evbuffer *b = evbuffer_new();

		next = l->next;
		(void)evbuffer_add(b, text, strlen(text));
		evhttp_send_reply_chunk(l->req, b);
		evbuffer_free(b);
	}
}

/* Changes when the page does, but not for ages and counts of requests. */
static char *stamp_of(const struct gather *g)
{
	static const char *const keys[] = { "source", "generation", "acked_source",     "streams",
					    "notes",  "statuses",   "refused_resources" };
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	for (size_t i = 0; i < g->n; i++) {
		const struct gather_answer *a = &g->answers[i];
		struct json_object *o = NULL;

		if (!a->error && a->body) {
			(void)evbuffer_add(a->body, "", 1);
			o = json_tokener_parse((const char *)evbuffer_pullup(a->body, -1));
		}
		strbuf_printf(&b, "%d %s", a->error, json_text(o, "state"));
		for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
			strbuf_printf(&b, " %lld", (long long)json_number(o, keys[k]));
		json_object_put(o);
	}
	return strbuf_take(&b);
}

static void on_gathered(void *ctx, struct gather *g)
{
	struct event_stream *s = ctx;
	_cleanup_free_ char *before = s->stamp;

	s->gather = NULL;
	s->stamp = stamp_of(g);
	if (before && strcmp(before, s->stamp) != 0)
		send_all(s, "event: change\ndata: 1\n\n");
	else if (++s->intervals % ALIVE_EVERY == 0)
		send_all(s, ": nothing has changed\n\n");
	if (s->listeners)
		event_loop_arm(s->timer, INTERVAL_USEC);
}

static void on_timer(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct event_stream *s = ctx;

	if (!s->listeners || s->gather)
		return;
	s->gather =
		gather_new(s->admin->daemon->loop, s->admin->daemon->runtime_dir, on_gathered, s);
	for (size_t i = 0; i < STAGES; i++)
		gather_ask(s->gather, &stages[i], "/debug/status", 1024 * 1024, 3 * USEC_PER_SEC);
}

static void on_close(struct evhttp_connection *connection, void *ctx)
{
	struct event_stream *s = ctx;

	for (struct listener **at = &s->listeners; *at; at = &(*at)->next)
		if (evhttp_request_get_connection((*at)->req) == connection) {
			struct listener *l = *at;

			*at = l->next;
			free(l);
			s->n--;
			return;
		}
}

static struct event_stream *stream_of(struct admin *a)
{
	if (!a->events) {
		a->events = xnew(struct event_stream, 1);
		a->events->admin = a;
		a->events->timer = event_loop_timer(a->daemon->loop, on_timer, a->events);
	}
	return a->events;
}

void event_stream_add(struct admin *a, struct evhttp_request *req)
{
	struct event_stream *s = stream_of(a);
	struct evkeyvalq *out = evhttp_request_get_output_headers(req);
	struct listener *l;

	if (s->n == EVENT_STREAMS_MAX) {
		http_send_text(req, HTTP_SERVUNAVAIL, "too many listen already\n");
		return;
	}
	l = xnew(struct listener, 1);
	l->req = req;
	l->next = s->listeners;
	s->listeners = l;
	s->n++;
	(void)evhttp_add_header(out, "Content-Type", "text/event-stream");
	(void)evhttp_add_header(out, "Cache-Control", "no-store");
	evhttp_connection_set_closecb(evhttp_request_get_connection(req), on_close, s);
	evhttp_send_reply_start(req, HTTP_OK, NULL);
	if (!s->gather)
		event_loop_arm(s->timer, 0);
}

void event_stream_free_all(struct admin *a)
{
	struct event_stream *s = a->events;

	if (!s)
		return;
	if (s->gather)
		gather_cancel(s->gather);
	while (s->listeners)
		evhttp_connection_free(evhttp_request_get_connection(s->listeners->req));
	event_free(s->timer);
	free(s->stamp);
	free(s);
	a->events = NULL;
}
