/* libevent's base with what every stage needs: signals, deferred frees, the systemd watchdog.
 * Everything but xds-server's gRPC thread runs on this one loop. */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/cleanup.h"

struct event_loop;

/* Handles SIGTERM, SIGINT and SIGHUP and ignores SIGPIPE from here on. */
struct event_loop *event_loop_new(void);
void event_loop_free(struct event_loop *l);
DEFINE_CLEANUP(struct event_loop *, event_loop_free)
struct event_base *event_loop_base(struct event_loop *l);

/* SIGHUP calls reload; SIGTERM and SIGINT end event_loop_run(). */
void event_loop_on_reload(struct event_loop *l, void (*reload)(void *ctx), void *ctx);
/* Whether SIGHUP was ignored before event_loop_new(), as nohup(1) has it. */
bool event_loop_hangup_ignored(const struct event_loop *l);
/* Pings the watchdog at a third of WATCHDOG_USEC, from the loop, so that a stuck loop is noticed.
 * Returns 0 after a signal, else the argument of event_loop_stop(). */
int event_loop_run(struct event_loop *l);
void event_loop_stop(struct event_loop *l, int result);

/* Runs fn(ctx) when the present callbacks have returned: nothing is freed inside its own callback.
 */
void event_loop_defer(struct event_loop *l, void (*fn)(void *ctx), void *ctx);

/* One-shot timer. The event is the caller's: event_free(). usec from now. */
struct event *event_loop_timer(struct event_loop *l, event_callback_fn fn, void *ctx);
void event_loop_arm(struct event *timer, int64_t usec);
DEFINE_CLEANUP(struct event *, event_free)
