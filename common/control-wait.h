/* /debug/wait on a stage's control socket: answers when the stage has got to a given world. What
 * scripts and tests use in the place of sleeping and asking again. */
#pragma once

#include "common/control.h"
#include "common/event-loop.h"
#include "common/state.h"

struct control_wait;

/* Adds /debug/wait?source=N&timeout_ms=M: 200 as soon as the state reflects the watcher's generation N
 * or a later one, 504 when M milliseconds (default 10,000, at most 60,000) have passed, 503 where too
 * many wait already. Without N: as soon as the state is complete. The body is one JSON object,
 * {"source":…,"generation":…,"complete":…}. The state must outlive the result. */
struct control_wait *control_wait_new(struct event_loop *loop, struct control *c, struct state *s);
/* Whoever still waits gets 503. */
void control_wait_free(struct control_wait *w);
DEFINE_CLEANUP(struct control_wait *, control_wait_free)
