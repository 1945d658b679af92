/* Parts of a route that are valid, and have no effect or another one than they seem to have: each
 * is a warning in its status. */
#pragma once

#include "translator/gateway/route-work.h"

/* All rules of the route; grpc: or NULL. */
void route_advise(struct route_work *w, const K8s__HTTPRouteRule *const *rules,
		  K8s__GRPCRouteRule *const *grpc, size_t n, const struct route_parent *parents,
		  size_t n_parents);
