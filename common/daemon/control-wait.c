/* Requests that wait until a state has reached a given world. A script that changed something
 * learns, without sleeping, when the change has arrived. For every stage with a state. */
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/daemon/control-wait.h"
#include "common/daemon/unsent.h"

#define WAITERS_MAX      64
#define TIMEOUT_MSEC     10000
#define TIMEOUT_MSEC_MAX 60000

struct waiter {
	struct waiter *next;
	struct control_wait *wait;
	struct evhttp_request *req;
	struct event *timer;
	struct control_wait_query query;
};

struct control_wait {
	struct event_loop *loop;
	const struct control_wait_ops *ops;
	void *ctx;
	struct state *state; /* of /debug/wait; else NULL */
	struct state_observer observer;
	struct waiter *waiters;
	unsigned n;
	bool deferred;
	bool freed; /* except for a deferred call */
};

static bool reached(const struct control_wait *w, const struct control_wait_query *query)
{
	return w->ops->reached(w->ctx, query);
}

static void reply(const struct control_wait *w, struct evhttp_request *req, int status)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	/* Many may have waited for the same, and each gets a page. */
	if (unsent_bytes() > UNSENT_MAX) {
		strbuf_puts(&b, UNSENT_TEXT);
		control_answer(req, HTTP_SERVUNAVAIL, CONTROL_TEXT, &b);
		return;
	}
	w->ops->describe(w->ctx, &b);
	control_answer(req, status, "application/json", &b);
}

/* Takes a waiter off its list and frees it; the request is left to the caller. */
static struct evhttp_request *take(struct waiter *waiter)
{
	struct evhttp_request *req = waiter->req;
	struct waiter **p = &waiter->wait->waiters;

	while (*p != waiter)
		p = &(*p)->next;
	*p = waiter->next;
	waiter->wait->n--;
	evhttp_connection_set_closecb(evhttp_request_get_connection(req), NULL, NULL);
	event_free(waiter->timer);
	free(waiter);
	return req;
}

static void on_close(struct evhttp_connection *conn _unused_, void *ctx)
{
	(void)take(ctx); /* libevent frees the request with its connection */
}

static void on_timeout(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct waiter *waiter = ctx;
	struct control_wait *w = waiter->wait;

	reply(w, take(waiter), 504);
}

static void on_deferred(void *ctx)
{
	struct control_wait *w = ctx;
	struct waiter *next;

	w->deferred = false;
	if (w->freed) {
		free(w);
		return;
	}
	for (struct waiter *i = w->waiters; i; i = next) {
		next = i->next;
		if (reached(w, &i->query))
			reply(w, take(i), HTTP_OK);
	}
}

void control_wait_check(struct control_wait *w)
{
	if (!w->waiters || w->deferred)
		return;
	w->deferred = true;
	event_loop_defer(w->loop, on_deferred, w);
}

static uint64_t number(struct evkeyvalq *query, const char *name, uint64_t otherwise)
{
	const char *value = evhttp_find_header(query, name);

	return value ? strtoull(value, NULL, 10) : otherwise;
}

static void on_wait(void *ctx, const char *text, struct evhttp_request *req)
{
	struct control_wait *w = ctx;
	struct control_wait_query query;
	struct waiter *waiter;
	struct evkeyvalq words;
	uint64_t msec;

	TAILQ_INIT(&words);
	(void)evhttp_parse_query_str(text, &words);
	query.source = number(&words, "source", 0);
	query.count = number(&words, "count", 0);
	msec = MIN(number(&words, "timeout_ms", TIMEOUT_MSEC), (uint64_t)TIMEOUT_MSEC_MAX);
	evhttp_clear_headers(&words);
	if (reached(w, &query) || w->n >= WAITERS_MAX) {
		reply(w, req, reached(w, &query) ? HTTP_OK : HTTP_SERVUNAVAIL);
		return;
	}
	waiter = xnew(struct waiter, 1);
	*waiter = (struct waiter){ w->waiters, w, req, NULL, query };
	waiter->timer = event_loop_timer(w->loop, on_timeout, waiter);
	event_loop_arm(waiter->timer, (int64_t)msec * USEC_PER_MSEC);
	evhttp_connection_set_closecb(evhttp_request_get_connection(req), on_close, waiter);
	w->waiters = waiter;
	w->n++;
}

static struct control_wait *wait_new(struct event_loop *loop, struct control *c, const char *path,
				     const struct control_wait_ops *ops, void *ctx)
{
	struct control_wait *w = xnew(struct control_wait, 1);

	w->loop = loop;
	w->ops = ops;
	w->ctx = ctx;
	control_add_later(c, path, on_wait, w);
	return w;
}

struct control_wait *control_wait_new_for(struct event_loop *loop, struct control *c,
					  const struct control_wait_ops *ops, void *ctx)
{
	return wait_new(loop, c, ops->path, ops, ctx);
}

/* ---- for a state ---- */

static bool state_reached(void *ctx, const struct control_wait_query *query)
{
	const struct state *s = ctx;

	return state_complete(s) && state_source(s) >= query->source;
}

static void describe_state(void *ctx, struct strbuf *out)
{
	const struct state *s = ctx;

	strbuf_printf(out, "{\"source\":%llu,\"generation\":%llu,\"complete\":%s}\n",
		      (unsigned long long)state_source(s), (unsigned long long)state_generation(s),
		      state_complete(s) ? "true" : "false");
}

static const struct control_wait_ops state_ops = {
	.reached = state_reached,
	.describe = describe_state,
};

static void on_commit(void *ctx)
{
	control_wait_check(ctx);
}

struct control_wait *control_wait_new_at(struct event_loop *loop, struct control *c,
					 const char *path, struct state *s)
{
	struct control_wait *w = wait_new(loop, c, path, &state_ops, s);

	w->state = s;
	w->observer = (struct state_observer){ .commit = on_commit, .ctx = w };
	state_observe(s, &w->observer);
	return w;
}

struct control_wait *control_wait_new(struct event_loop *loop, struct control *c, struct state *s)
{
	return control_wait_new_at(loop, c, "/debug/wait", s);
}

void control_wait_free(struct control_wait *w)
{
	if (!w)
		return;
	while (w->waiters)
		reply(w, take(w->waiters), HTTP_SERVUNAVAIL);
	if (w->state)
		state_unobserve(w->state, &w->observer);
	w->freed = true;
	if (!w->deferred)
		free(w);
}
