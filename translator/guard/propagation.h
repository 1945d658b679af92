/* Whether all connected Envoys of an object's fleets have accepted its present generation: the
 * condition "Propagated" of its status, if the configuration asks for it
 * (portolan.status.propagated). Off, it keeps nothing.
 *
 * Not part of translation: added to the statuses like the notes of the quarantine. An object is
 * looked at when its generation or its verdict changes, and is settled once it is decided. */
#pragma once

#include "common/base/cleanup.h"
#include "common/link/state.h"
#include "translator/graph/graph.h"
#include "translator/guard/quarantine.h"

struct propagation;

/* All of these outlive it; statuses are those that the graph writes. */
struct propagation_config {
	struct graph *graph;
	const struct quarantine *quarantine;
	struct state *objects, *reports, *statuses;
};
struct propagation *propagation_new(const struct propagation_config *config);
void propagation_free(struct propagation *p);
DEFINE_CLEANUP(struct propagation *, propagation_free)

/* The object is new or has changed. Call it before the graph runs. */
void propagation_object(struct propagation *p, const struct item *object);
/* The graph has run for the world `source`, and the quarantine has settled. True if the graph has
 * to run again. */
bool propagation_settle(struct propagation *p, uint64_t source, int64_t now);
/* When to settle although nothing comes: monotonic; -1: never. */
int64_t propagation_next(const struct propagation *p);

/* ---- the decision ---- */

enum propagation_verdict {
	PROPAGATION_OPEN,     /* nothing to say yet */
	PROPAGATION_PENDING,  /* it takes long */
	PROPAGATION_ACCEPTED, /* by all connected Envoys */
	PROPAGATION_REFUSED,  /* an Envoy refuses what it makes */
	PROPAGATION_REJECTED, /* by us: Envoys do not get it */
};

struct propagation_view {
	bool rejected, refused;
	bool late;
	bool searches;     /* see quarantine_searches() */
	bool undecided;    /* a change waits for Envoys' answers */
	uint64_t source;   /* of the world with the object's generation */
	size_t envoys;     /* connected ones of its fleets */
	uint64_t acked;    /* the latest world that each of them has accepted */
	uint64_t answered; /* … or has refused in part */
};
enum propagation_verdict propagation_decide(const struct propagation_view *v);
