/* Pages on a stage's control socket that answer when a condition holds. /debug/wait answers when
 * the stage has reached a given world. Scripts and tests use them instead of polling. */
#pragma once

#include "common/base/event-loop.h"
#include "common/daemon/control.h"
#include "common/link/state.h"

struct control_wait;

/* Adds /debug/wait?source=N&timeout_ms=M: 200 as soon as the state reflects the watcher's
 * generation N or a later one, 504 when M milliseconds (default 10,000, at most 60,000) have
 * passed, 503 where too many wait, or too much of other answers is unread. Without N: as soon as
 * the state is complete. The body is one JSON object,
 * {"source":…,"generation":…,"complete":…}. The state must outlive the result. */
struct control_wait *control_wait_new(struct event_loop *loop, struct control *c, struct state *s);
/* The same at another path, for another state of the stage's. */
struct control_wait *control_wait_new_at(struct event_loop *loop, struct control *c,
					 const char *path, struct state *s);

/* A request's condition: source=N&count=M, 0 if absent. */
struct control_wait_query {
	uint64_t source, count;
};

/* For conditions other than a state: reached() is called at once and at each control_wait_check().
 * describe() writes the body's JSON. */
struct control_wait_ops {
	const char *path;
	bool (*reached)(void *ctx, const struct control_wait_query *query);
	void (*describe)(void *ctx, struct strbuf *out);
};
struct control_wait *control_wait_new_for(struct event_loop *loop, struct control *c,
					  const struct control_wait_ops *ops, void *ctx);
/* Call after each change; cheap without waiting requests. Answers go out after the present
 * callbacks. */
void control_wait_check(struct control_wait *w);

/* Requests that still wait get 503. */
void control_wait_free(struct control_wait *w);
DEFINE_CLEANUP(struct control_wait *, control_wait_free)
