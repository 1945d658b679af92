/* What Envoy refuses goes no further than the object that it came from. Stands between the graph, which
 * says what is wanted, and the resources that are sent: while a change is not yet accepted by all Envoys
 * the last accepted item is kept, and when Envoy refuses the change, that is served again until the
 * object changes. For a resource with parts Envoy says only that the whole was refused: then the parts
 * that had changed are halved until the culprits are found, and the others go through.
 *
 * Not part of translation: what is wanted never depends on it. What is held back is kept by xds-server
 * as well (Quarantine in ipc.proto), so a restart of either forgets nothing. */
#pragma once

#include "common/state.h"
#include "common/strbuf.h"
#include "translator/graph.h"

struct quarantine;

/* resources is written, reports is read; both outlive it. */
struct quarantine *quarantine_new(struct state *resources, struct state *reports);
void quarantine_free(struct quarantine *q);
DEFINE_CLEANUP(struct quarantine *, quarantine_free)
/* Before anything is published: where notes go, and where parts are found. */
void quarantine_attach(struct quarantine *q, struct graph *g);

/* The graph wants this item at (kind, key), or none. Borrowed. */
void quarantine_output(struct quarantine *q, uint32_t kind, const char *key, size_t key_len,
		       struct item *wanted);
/* After all outputs of a wave, before the commit. True if there was something to settle: then the graph
 * has to run again. */
bool quarantine_settle(struct quarantine *q, uint64_t source);

/* At the start, when xds-server has said what it has: holds back what was held back before. */
void quarantine_recall(struct quarantine *q);

/* The reports have changed: may publish, but does not commit. The graph has to run and the quarantine to
 * settle afterwards. */
void quarantine_reports(struct quarantine *q);

struct quarantine_counters {
	uint64_t rejects; /* versions that Envoy refused */
	uint64_t held;	  /* items held back now */
	uint64_t pending; /* changes that not every Envoy has accepted yet */
};
const struct quarantine_counters *quarantine_counters(const struct quarantine *q);
