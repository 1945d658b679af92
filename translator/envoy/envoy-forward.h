/* Forwarding: where requests go, and how. */
#pragma once

#include "translator/envoy/envoy.h"
#include "translator/model/route.h"

/* The route's action. NULL if no target can get a request: the route answers missing_status. */
EnvoyRouteAction *envoy_forward(struct arena *a, const struct route *r);
