/* The last usable content of Secrets that are in use and have been replaced by something unusable:
 * their hosts keep the former certificate. The content is dropped when a Secret is deleted, or when
 * no object may use it any more.
 *
 * Not part of translation: kept content is injected as FACT_KEPT_SECRET, and units read it as they
 * read objects. xds-server keeps it as well, like the quarantine's changes, so that a restart
 * forgets nothing. */
#pragma once

#include "common/link/state.h"
#include "translator/graph/graph.h"

struct secret_keeper;

/* objects and reports are read, resources is read and written; all outlive it. */
struct secret_keeper *secret_keeper_new(struct graph *g, struct state *objects,
					struct state *resources, struct state *reports);
void secret_keeper_free(struct secret_keeper *k);
DEFINE_CLEANUP(struct secret_keeper *, secret_keeper_free)

/* A Secret came, changed or went; before the graph runs. */
void secret_keeper_object(struct secret_keeper *k, const struct item *before,
			  const struct item *after);
/* At the start, when all objects have come and xds-server has sent its state. */
void secret_keeper_recall(struct secret_keeper *k);
/* Call after the graph has run: drops content that is no longer used. True if it has to run
 * again. */
bool secret_keeper_settle(struct secret_keeper *k);
/* Whether a REPORT_QUARANTINE is of this, and not of the quarantine's. */
bool secret_keeper_is(const struct item *report);
size_t secret_keeper_kept(const struct secret_keeper *k);
