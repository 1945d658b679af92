/* A world for questions and comparisons: objects, and the graph's output for them. */
#pragma once

#include "common/link/state.h"
#include "translator/graph/graph.h"

struct quarantine;

/* All are borrowed. */
struct world {
	struct graph *graph;
	struct state *objects;
	struct state *resources;
	struct state *statuses;
	const struct quarantine *quarantine; /* what Envoys refuse */
};
