/* Finds which optional kinds the cluster has, and at which version. It asks at the start, now and
 * then while one is missing, and when a reflector notices that one is gone (K-4). If the cluster
 * serves several versions, it takes the first in the order of common/decode/object-kind.h. */
#pragma once

#include <stdbool.h>

#include "common/base/event-loop.h"
#include "watcher/kube/http.h"

struct discovery;

/* version: "v1", static; NULL: the API does not have the kind. Called when that is known, and when
 * it changes. */
typedef void (*discovery_fn)(void *ctx, unsigned kind, const char *version);

/* The first questions are sent when the loop runs. */
struct discovery *discovery_new(struct event_loop *loop, struct http *http, discovery_fn fn,
				void *ctx);
void discovery_free(struct discovery *d);
DEFINE_CLEANUP(struct discovery *, discovery_free)
/* Asks about the kind again, soon. */
void discovery_ask(struct discovery *d, unsigned kind);
/* Those that wait for a server that did not answer ask at once. */
void discovery_hurry(struct discovery *d);
/* The problem with the kind, for people; NULL: no problem. */
const char *discovery_problem(const struct discovery *d, unsigned kind);
