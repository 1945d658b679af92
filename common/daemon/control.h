/* The small HTTP server on a stage's own Unix socket: health, readiness, metrics, debugging. Read
 * only. The admin process and `portolan status` ask here. */
#pragma once

#include "common/base/event-loop.h"
#include "common/base/strbuf.h"

/* The type of a page for people: unprintable characters in it are escaped (common/base/text.h). */
#define CONTROL_TEXT "text/plain; charset=utf-8"

struct control;
struct evhttp_request;

/* Listens at path, mode 0600; a stale socket there is replaced. */
int control_new(struct event_loop *loop, const char *path, struct control **ret);
void control_free(struct control *c);
DEFINE_CLEANUP(struct control *, control_free)

/* Writes the body of the answer to out and returns the HTTP status. query: after the '?', or "". */
typedef int (*control_fn)(void *ctx, const char *query, struct strbuf *out);

/* Answers GET and HEAD of path. Strings are borrowed. "/" (the list of pages), /healthz and
 * /metrics exist from the start. */
void control_add(struct control *c, const char *path, const char *content_type, control_fn fn,
		 void *ctx);
/* For an answer that has to wait: the handler calls control_answer() now or later, unless the
 * connection is closed before (evhttp_connection_set_closecb). */
typedef void (*control_later_fn)(void *ctx, const char *query, struct evhttp_request *req);
void control_add_later(struct control *c, const char *path, control_later_fn fn, void *ctx);
void control_answer(struct evhttp_request *req, int status, const char *type,
		    const struct strbuf *body);
/* Adds lines to /metrics (Prometheus text format). */
void control_add_metrics(struct control *c, void (*fn)(void *ctx, struct strbuf *out), void *ctx);
