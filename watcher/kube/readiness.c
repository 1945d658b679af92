/* Asks /readyz until the API server has started. Used by the watcher. */
#include "watcher/kube/readiness.h"

#include <stdio.h>
#include <sys/param.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#define REQUEST_USEC   (15 * USEC_PER_SEC)
#define RETRY_MIN_USEC (200 * USEC_PER_MSEC)
#define RETRY_MAX_USEC (5 * USEC_PER_SEC)
/* A server that works, but never says that it is ready, is believed after this. */
#define UNREADY_MAX_USEC (60 * USEC_PER_SEC)

struct readiness {
	struct http *http;
	readiness_fn fn;
	void *ctx;
	struct http_call *call;
	struct event *timer;
	int64_t retry_usec, unready_since; /* 0: it has not said so */
	bool over;
	char problem[512];
};

static void wait_on(struct readiness *r, const char *why)
{
	(void)snprintf(r->problem, sizeof(r->problem), "%s", why);
	r->retry_usec = MIN(MAX(r->retry_usec * 2, RETRY_MIN_USEC), RETRY_MAX_USEC);
	event_loop_arm(r->timer, r->retry_usec);
}

static void on_answer(void *ctx, const struct http_result *answer)
{
	struct readiness *r = ctx;
	int64_t now = clock_monotonic();

	r->call = NULL;
	if (answer->error < 0) {
		wait_on(r, answer->message);
		return;
	}
	if (answer->status >= 500) {
		r->unready_since = r->unready_since ? r->unready_since : now;
		if (now - r->unready_since < UNREADY_MAX_USEC) {
			wait_on(r, "the API server is not ready yet (its /readyz)");
			return;
		}
		log_warning("the API server has not been ready (its /readyz) for a minute: its "
			    "custom resources are read as it has them now");
	}
	r->over = true;
	r->fn(r->ctx);
}

static void on_timer(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct readiness *r = ctx;
	struct http_request request = { .method = "GET",
					.path = "/readyz",
					.accept = "text/plain",
					.total_usec = REQUEST_USEC,
					.done = on_answer,
					.ctx = r };

	if (!r->call)
		r->call = http_send(r->http, &request);
}

void readiness_hurry(struct readiness *r)
{
	if (!r->over && !r->call)
		event_loop_arm(r->timer, 0);
}

const char *readiness_problem(const struct readiness *r)
{
	return r->over ? NULL : r->problem;
}

struct readiness *readiness_new(struct event_loop *loop, struct http *http, readiness_fn fn,
				void *ctx)
{
	struct readiness *r = xnew(struct readiness, 1);

	r->http = http;
	r->fn = fn;
	r->ctx = ctx;
	(void)snprintf(r->problem, sizeof(r->problem), "asking whether the API server is ready");
	r->timer = event_loop_timer(loop, on_timer, r);
	event_loop_arm(r->timer, 0);
	return r;
}

void readiness_free(struct readiness *r)
{
	if (!r)
		return;
	if (r->call)
		http_cancel(r->call);
	event_free(r->timer);
	free(r);
}
