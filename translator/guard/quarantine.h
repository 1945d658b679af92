/* Contains a refusal by Envoy: it harms only the object that caused it. It is between the graph,
 * with its wanted items, and the resources that are sent. While Envoys have not answered a change,
 * the last accepted item is kept. When all refuse the change, the old item is served again until
 * the object changes or the refusing Envoys have left; when another Envoy has come, the change is
 * tried again. A change that some Envoys accept stays published: a refusing Envoy keeps its old
 * version, and the object's status names it. For a resource with parts Envoy only says that it
 * refuses the whole: then the changed parts are halved until the culprits are found, and the others
 * go through.
 *
 * Not part of translation: the wanted items never depend on it. xds-server keeps the held changes
 * as well (Quarantine in ipc.proto), so a restart of either forgets nothing. */
#pragma once

#include "common/base/strbuf.h"
#include "common/link/resource-kind.h"
#include "common/link/state.h"
#include "proto/ipc.pb-c.h"
#include "translator/graph/graph.h"

struct quarantine;

/* resources is written, reports is read; both outlive it. */
struct quarantine *quarantine_new(struct state *resources, struct state *reports);
void quarantine_free(struct quarantine *q);
DEFINE_CLEANUP(struct quarantine *, quarantine_free)
/* Call it before anything is published: sets the receiver of notes, and the source of parts. */
void quarantine_attach(struct quarantine *q, struct graph *g);

/* The graph wants this item at (kind, key); NULL: no item. Borrowed. */
void quarantine_output(struct quarantine *q, uint32_t kind, const char *key, size_t key_len,
		       struct item *wanted);
/* Call it after all outputs of a wave, before the commit. True if it made changes: then the graph
 * has to run again. */
bool quarantine_settle(struct quarantine *q, uint64_t source);

/* At the start, after xds-server has sent its state: holds back the changes that were held back
 * before. */
void quarantine_recall(struct quarantine *q);

/* The reports have changed: may publish, but does not commit. The graph has to run and the
 * quarantine to settle afterwards. */
void quarantine_reports(struct quarantine *q);

/* When quarantine_reports() should be called although the reports have not changed, monotonic; -1:
 * not. */
int64_t quarantine_next(const struct quarantine *q);

/* The resource is refused by all connected Envoys, and another may still come: it is neither
 * accepted nor held back. */
bool quarantine_undecided(const struct quarantine *q, uint32_t kind, const char *key,
			  size_t key_len);

/* The culprit of a refusal is looked for: changes that nobody refuses may be held back meanwhile.
 */
bool quarantine_searches(const struct quarantine *q);

/* The report of a refusal of the served version of this resource: nobody has accepted it, or others
 * have. NULL: no such refusal is known. part: of a resource with parts, the key of the one that
 * is asked about: Envoys that refuse the whole lack only the changes since what they accepted. */
const struct item *quarantine_refusal(const struct quarantine *q, enum resource_kind kind,
				      const char *name, const char *part, size_t part_len);
/* Why this item is not served, in no version: "Envoys a and b refuse …: their words". NULL: it is,
 * or nobody wants it. what: for people. The caller frees it. */
char *quarantine_withheld(const struct quarantine *q, uint32_t kind, const char *key,
			  size_t key_len, const char *what);
/* "Envoys a, b and 3 more refuse"; the caller frees it. */
char *quarantine_refusers(const Portolan__Ipc__RejectReport *said);

struct quarantine_counters {
	uint64_t rejects; /* versions that Envoy refused */
	uint64_t held;    /* items held back now */
	uint64_t pending; /* changes that not every Envoy has accepted yet */
};
const struct quarantine_counters *quarantine_counters(const struct quarantine *q);
