/* Envoy does not speak sd_notify: its admin interface is asked whether it is ready, and, before it
 * is ended, to drain. */
#pragma once

#include "common/base/event-loop.h"
#include "supervisor/child.h"

struct envoy_probe;

/* Asks at the Unix socket for as long as the child runs, and tells the child the result. Strings
 * and child are borrowed. */
struct envoy_probe *envoy_probe_new(struct event_loop *loop, struct child *child,
				    const char *socket);
void envoy_probe_free(struct envoy_probe *p);
/* The child's state may have changed: a new process is asked at once. */
void envoy_probe_follow(struct envoy_probe *p);

/* Has Envoy tell its clients to go (Connection: close, GOAWAY) and ends the child when no
 * connection is left or the time is over. */
void envoy_probe_drain_and_stop(struct envoy_probe *p, int64_t usec);
