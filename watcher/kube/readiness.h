/* Waits until the API server has started. A server that is starting answers 404 for custom
 * resources that it has not loaded yet. If the watcher believed that at its own start, their routes
 * would go, and Gateways' Envoys would be deleted. Used by the watcher.
 *
 * Kubernetes: https://kubernetes.io/docs/reference/using-api/health-checks/ (/readyz). */
#pragma once

#include "common/base/event-loop.h"
#include "watcher/kube/http.h"

struct readiness;

/* The server is ready; or it does not tell us (403, 404); or it answers, but has not been ready for
 * a minute. Called once. */
typedef void (*readiness_fn)(void *ctx);

/* The first question is sent when the loop runs. */
struct readiness *readiness_new(struct event_loop *loop, struct http *http, readiness_fn fn,
				void *ctx);
void readiness_free(struct readiness *r);
DEFINE_CLEANUP(struct readiness *, readiness_free)
/* Asks at once if it waits. */
void readiness_hurry(struct readiness *r);
/* What we wait for, for people; NULL: for nothing. */
const char *readiness_problem(const struct readiness *r);
