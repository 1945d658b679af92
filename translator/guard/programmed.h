/* Which sockets of Gateways an Envoy has answered for: until one has, a listener is not programmed
 * (S-GW-4). Then it stays programmed, whichever Envoys come and go; the quarantine handles
 * refusals.
 *
 * All Envoys of a fleet may be connected to another replica of ours, whose answers are not known
 * here. Then a pod that Kubernetes calls available stands for them: its readiness is a page of its
 * first configuration.
 *
 * Not part of translation: injected as FACT_PROGRAMMED. Translation without Envoys has no such fact
 * at all, and takes every socket for programmed. */
#pragma once

#include "common/base/cleanup.h"
#include "common/link/state.h"
#include "translator/graph/graph.h"
#include "translator/guard/quarantine.h"

struct programmed;

/* All but the graph are read, and all outlive it. */
struct programmed *programmed_new(struct graph *g, const struct quarantine *q,
				  const struct state *objects, const struct state *reports);
void programmed_free(struct programmed *p);
DEFINE_CLEANUP(struct programmed *, programmed_free)

/* The graph has run for the world `source`, or the reports have changed. True if it has to run
 * again. */
bool programmed_settle(struct programmed *p, uint64_t source);
