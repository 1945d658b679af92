/* The last usable content of Secrets that are in use and have been replaced by something unusable: their
 * hosts stay up with the certificate that they had. Of a Secret that is deleted, or that nobody may use any
 * more, nothing is kept.
 *
 * Not part of translation: what is kept is injected as FACT_KEPT_SECRET, and units read it as they read
 * objects. xds-server keeps it as well, in the way of the quarantine, so that a restart forgets nothing. */
#pragma once

#include "common/state.h"
#include "translator/graph.h"

struct secret_keeper;

/* objects and reports are read, resources is read and written; all outlive it. */
struct secret_keeper *secret_keeper_new(struct graph *g, struct state *objects, struct state *resources,
					struct state *reports);
void secret_keeper_free(struct secret_keeper *k);
DEFINE_CLEANUP(struct secret_keeper *, secret_keeper_free)

/* A Secret came, changed or went; before the graph runs. */
void secret_keeper_object(struct secret_keeper *k, const struct item *before, const struct item *after);
/* At the start, when all objects are there and xds-server has said what it has. */
void secret_keeper_recall(struct secret_keeper *k);
/* The graph has run: lets go of what nobody uses any more. True if it has to run again. */
bool secret_keeper_settle(struct secret_keeper *k);
/* Whether a REPORT_QUARANTINE is of this, and not of the quarantine's. */
bool secret_keeper_is(const struct item *report);
size_t secret_keeper_kept(const struct secret_keeper *k);
