/* Filters of hosts, routes and targets: each is the configuration of one of Envoy's HTTP filters,
 * by its name, for this host, route or target alone. */
#pragma once

#include "translator/envoy/envoy.h"
#include "translator/model/filters.h"

void envoy_route_filters(struct arena *a, const struct route_filters *f, EnvoyRoute *ret);
/* Targets can only change the rewriting of cookies. */
void envoy_target_filters(struct arena *a, const struct cookie_rules *cookies,
			  EnvoyWeightedClusterClusterWeight *ret);
/* As encoded fields of a VirtualHost, to append to its routes; empty if there is no filter. */
ProtobufCBinaryData envoy_host_filters(struct arena *a, const struct route_filters *f);

/* envoy-rate-limit.c: descriptors. One for each limit, in their order. */
EnvoyRateLimit **envoy_rate_limits(struct arena *a, const struct rate_limits *l);
/* envoy-cors.c, envoy-local-limit.c, envoy-addresses.c */
GoogleAny *envoy_cors(struct arena *a, const struct cors *c);
GoogleAny *envoy_local_limit(struct arena *a, const struct local_limit *l);
GoogleAny *envoy_shared_limits(struct arena *a, const struct shared_limits *l);
/* The route's requests are counted by the rate limit service, then by limits of the route's host.
 */
void envoy_count(struct arena *a, const struct route_filters *f, EnvoyRouteAction *ret);
/* Apart from the descriptors of the rate limit service, which are of stage 0. */
#define ENVOY_SHARED_LIMITS_STAGE 1
/* envoy-http.c */
GoogleAny *envoy_uncompressed(struct arena *a);
/* envoy-session.c */
GoogleAny *envoy_passwords(struct arena *a, const struct passwords *p);
GoogleAny *envoy_session(struct arena *a, const struct session_cookie *s);
GoogleAny *envoy_addresses(struct arena *a, const struct address_rules *rules);
/* Refuses no client; tells later filters, as ENVOY_EXEMPT_KEY in the metadata of RBAC, whether the
 * rules allow the client: "allowed" or "denied". */
GoogleAny *envoy_exempt(struct arena *a, const struct address_rules *rules);
#define ENVOY_RBAC_METADATA "envoy.filters.http.rbac"
#define ENVOY_EXEMPT_PREFIX "exempt_"
#define ENVOY_EXEMPT_KEY    ENVOY_EXEMPT_PREFIX "shadow_engine_result"
