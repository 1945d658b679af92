/* Conditions of routes as Envoy has them. */
#pragma once

#include "translator/envoy/envoy.h"

/* host: of the route; for a wildcard that covers one label only (one_label) there is a condition
 * that says so. */
EnvoyRouteMatch *envoy_route_match(struct arena *a, const char *host, bool one_label,
				   const struct route_match *m);
EnvoyHeaderMatcher *envoy_header_matcher(struct arena *a, const struct value_match *m);
EnvoyRegexMatcher *envoy_regex(struct arena *a, const char *pattern);
