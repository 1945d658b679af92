/* All objects' routes of one host, merged: in the order in which Envoy tries them, with those that
 * lose against an equal one. For the unit that makes the host, and for explain, which tells people
 * about it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/arena.h"
#include "common/link/state.h"
#include "proto/model.pb-c.h"
#include "translator/model/message.h"

/* A route with the data that orders it among others. */
struct host_route {
	const ModelHostRoute *route;
	const ModelHostRoutes *of;
	size_t order;  /* oldest object first, then as written */
	bool borrowed; /* from the host "*", to be tried after the host's own */
};

struct host_merge {
	struct host_route *all; /* in the order in which Envoy tries them */
	size_t n;
};

/* A route that is not served, because another one has the same match. */
struct host_loss {
	struct host_route loser, winner;
};

struct host_settled {
	ModelHostRoutes **specs; /* the objects' settings for the host itself, oldest first */
	size_t n_specs;
	ModelHostRoutes **any; /* of a wildcard: the objects' settings for "*" */
	size_t n_any;
	struct host_merge own; /* the host's own routes: for HTTPS */
	struct host_merge all; /* for plain HTTP: a wildcard's, then those of "*" */
	struct host_loss *losses;
	size_t n_losses;
};

/* The facts of a host (FACT_HOST): by a recorded read in a unit, or straight from the graph. */
typedef const struct item *const *host_facts(void *ctx, const char *host, size_t *ret_n);

/* Reads and merges all objects' settings for a host; the result is in the arena. */
void host_settle(struct arena *a, const char *host, host_facts *facts, void *ctx,
		 struct host_settled *ret);

/* The name of the host's own route table, which its TLS connections have. It names the filters that
 * guard the routes: when a guard comes, connections that are older than it keep the former table,
 * and no route of the new one is ever served without the guard. */
const char *host_table(struct arena *a, const char *host, const ModelHostTls *tls);
/* Whether it is such a table of the host. */
bool host_table_is_of(const char *table, const char *host);

/* The index-th of the routes that the host has over TLS, or over plain HTTP; NULL: not so many. */
const struct host_route *host_settled_at(const struct host_settled *s, bool https, size_t index);

/* ---- pieces of it ---- */

/* Unpacks facts of FACT_HOST; *routes grows by how many routes they have together. */
ModelHostRoutes **host_merge_unpack(struct arena *a, const struct item *const *facts, size_t n,
				    size_t *routes);
void host_merge_init(struct host_merge *m, struct arena *a, size_t routes);
void host_merge_add(struct host_merge *m, ModelHostRoutes *const *specs, size_t n, bool borrowed);
/* Puts them in order; of equal matches the first stays. Losers are added to the list, which has
 * room for them. */
void host_merge_sort(struct host_merge *m, struct host_loss *losses, size_t *n_losses);
