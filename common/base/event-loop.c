/* libevent's base with signals, deferred calls and the systemd watchdog. Used by every stage. */
#include <assert.h>
#include <signal.h>
#include <systemd/sd-daemon.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/event-loop.h"
#include "common/base/log.h"
#include "common/base/notify-send.h"

struct deferred {
	void (*fn)(void *ctx);
	void *ctx;
};

struct event_loop {
	struct event_base *base;
	struct event *signals[3];
	struct event *watchdog;
	int64_t watchdog_usec;
	void (*reload)(void *ctx);
	void *reload_ctx;
	struct event *run_deferred;
	struct deferred *deferred;
	size_t n_deferred, cap_deferred;
	int result;
	bool hangup_ignored;
};

static void on_deferred(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct event_loop *l = ctx;

	/* A deferred call may defer another: index, not pointer. */
	for (size_t i = 0; i < l->n_deferred; i++) {
		struct deferred d = l->deferred[i];

		d.fn(d.ctx);
	}
	l->n_deferred = 0;
}

static void on_terminate(evutil_socket_t signo, short what _unused_, void *ctx)
{
	log_debug("signal %d: stopping", (int)signo);
	event_loop_stop(ctx, 0);
}

static void on_reload(evutil_socket_t signo _unused_, short what _unused_, void *ctx)
{
	struct event_loop *l = ctx;

	if (l->reload)
		l->reload(l->reload_ctx);
}

static void on_watchdog(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct event_loop *l = ctx;

	(void)notify_send("WATCHDOG=1");
	event_loop_arm(l->watchdog, l->watchdog_usec / 3);
}

struct event_loop *event_loop_new(void)
{
	struct event_loop *l = xnew(struct event_loop, 1);
	struct sigaction hangup;
	uint64_t usec;

	(void)signal(SIGPIPE, SIG_IGN);
	l->hangup_ignored = sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler == SIG_IGN;
	l->base = event_base_new();
	assert(l->base);
	l->signals[0] = evsignal_new(l->base, SIGTERM, on_terminate, l);
	l->signals[1] = evsignal_new(l->base, SIGINT, on_terminate, l);
	l->signals[2] = evsignal_new(l->base, SIGHUP, on_reload, l);
	for (size_t i = 0; i < ARRAY_SIZE(l->signals); i++) {
		assert(l->signals[i]);
		(void)evsignal_add(l->signals[i], NULL);
	}
	l->run_deferred = event_new(l->base, -1, 0, on_deferred, l);
	l->watchdog = event_loop_timer(l, on_watchdog, l);
	if (sd_watchdog_enabled(0, &usec) > 0) {
		l->watchdog_usec = (int64_t)usec;
		event_loop_arm(l->watchdog, 0);
	}
	return l;
}

void event_loop_free(struct event_loop *l)
{
	if (!l)
		return;
	on_deferred(-1, 0, l);
	for (size_t i = 0; i < ARRAY_SIZE(l->signals); i++)
		event_free(l->signals[i]);
	event_free(l->run_deferred);
	event_free(l->watchdog);
	event_base_free(l->base);
	free(l->deferred);
	free(l);
}

struct event_base *event_loop_base(struct event_loop *l)
{
	return l->base;
}

bool event_loop_hangup_ignored(const struct event_loop *l)
{
	return l->hangup_ignored;
}

void event_loop_on_reload(struct event_loop *l, void (*reload)(void *ctx), void *ctx)
{
	l->reload = reload;
	l->reload_ctx = ctx;
}

int event_loop_run(struct event_loop *l)
{
	l->result = 0;
	if (event_base_dispatch(l->base) < 0)
		return -EIO;
	return l->result;
}

void event_loop_stop(struct event_loop *l, int result)
{
	l->result = result;
	(void)event_base_loopbreak(l->base);
}

void event_loop_defer(struct event_loop *l, void (*fn)(void *ctx), void *ctx)
{
	GROW(l->deferred, l->n_deferred, l->cap_deferred);
	l->deferred[l->n_deferred++] = (struct deferred){ fn, ctx };
	event_active(l->run_deferred, 0, 0);
}

struct event *event_loop_timer(struct event_loop *l, event_callback_fn fn, void *ctx)
{
	struct event *e = evtimer_new(l->base, fn, ctx);

	assert(e);
	return e;
}

void event_loop_arm(struct event *timer, int64_t usec)
{
	struct timeval tv = { usec / USEC_PER_SEC, usec % USEC_PER_SEC };

	(void)evtimer_add(timer, &tv);
}
