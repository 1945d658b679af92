/* A route often comes a moment before its Service, slices or grant: they travel on other watches.
 * If a route is new or changed and a backend of it is missing, the former version is therefore
 * served (for a new route: nothing) until the backend comes, at most for half a second. An
 * unchanged route does not wait: when its backend goes, its requests fail at once.
 *
 * Not part of translation: the earlier version is injected as FACT_PATIENCE, and FACT_WAITING names
 * the waiting routes. While a route is held, its world has not reached Envoy. */
#pragma once

#include "common/base/cleanup.h"
#include "common/link/state.h"
#include "translator/graph/graph.h"

struct route_patience;

struct route_patience *route_patience_new(struct graph *g);
void route_patience_free(struct route_patience *p);
DEFINE_CLEANUP(struct route_patience *, route_patience_free)

/* A route came, changed or went; before the graph runs. */
void route_patience_object(struct route_patience *p, struct item *before, struct item *after);
/* The graph has run for the world `source`. True if it has to run again. */
bool route_patience_settle(struct route_patience *p, uint64_t source, int64_t now);
/* The latest world without a held route, or `source`. */
uint64_t route_patience_reached(const struct route_patience *p, uint64_t source);
/* When the next wait ends, or -1. */
int64_t route_patience_next(const struct route_patience *p);
