/* All that objects want of one host, merged: which routes there are, in the order in which Envoy tries
 * them, and which lose against an equal one. For the unit that makes the host and for who explains it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/arena.h"
#include "common/state.h"
#include "proto/model.pb-c.h"

/* A route with what decides between it and others. */
struct host_route {
	const Portolan__Model__HostRoute *route;
	const Portolan__Model__HostRoutes *of;
	size_t order; /* oldest object first, then as written */
	bool borrowed; /* from the host "*", to be tried after the host's own */
};

struct host_merge {
	struct host_route *all; /* in the arena, room for as many as were announced */
	size_t n;
};

/* Unpacks facts of FACT_HOST; *routes grows by how many routes they have together. */
Portolan__Model__HostRoutes **host_merge_unpack(struct arena *a, const struct item *const *facts, size_t n,
						size_t *routes);
void host_merge_init(struct host_merge *m, struct arena *a, size_t routes);
void host_merge_add(struct host_merge *m, Portolan__Model__HostRoutes *const *wishes, size_t n, bool borrowed);
/* Puts them in order; of equal matches the first stays, and lost() hears of the others. It may be NULL. */
void host_merge_settle(struct host_merge *m,
		       void (*lost)(void *ctx, const struct host_route *loser, const struct host_route *winner),
		       void *ctx);
