/* Edits of headers as Envoy has them. */
#pragma once

#include "translator/envoy/envoy.h"
#include "translator/model/header-edits.h"

/* One for each edit, in their order. */
EnvoyHeaderValueOption **envoy_header_options(struct arena *a, const struct header_edits *e);
/* Host apart, which is the action's. */
void envoy_route_headers(struct arena *a, const struct header_edits *request,
			 const struct header_edits *response, EnvoyRoute *ret);
void envoy_target_headers(struct arena *a, const struct header_edits *request,
			  const struct header_edits *response,
			  EnvoyWeightedClusterClusterWeight *ret);
