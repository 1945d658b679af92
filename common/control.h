/* The small HTTP server on a stage's own Unix socket: health, readiness, metrics, debugging. Read
 * only. The admin process and `portolan status` ask here. */
#pragma once

#include "common/event-loop.h"
#include "common/strbuf.h"

struct control;

/* Listens at path, mode 0600; a stale socket there is replaced. */
int control_new(struct event_loop *loop, const char *path, struct control **ret);
void control_free(struct control *c);
DEFINE_CLEANUP(struct control *, control_free)

/* Writes the body of the answer to out and returns the HTTP status. query: after the '?', or "". */
typedef int (*control_fn)(void *ctx, const char *query, struct strbuf *out);

/* Answers GET and HEAD of path. Strings are borrowed. /healthz is there from the start. */
void control_add(struct control *c, const char *path, const char *content_type, control_fn fn,
		 void *ctx);
/* Adds lines to /metrics (Prometheus text format). */
void control_add_metrics(struct control *c, void (*fn)(void *ctx, struct strbuf *out), void *ctx);
