/* What proxies before Envoy say in X-Forwarded-… headers, for hosts of ingress-nginx. */
#pragma once

#include "translator/envoy/envoy-filters.h"

#define ENVOY_FORWARDED "portolan.forwarded"

/* Before everything else: keeps a client's X-Forwarded-For and X-Forwarded-Proto as
 * X-Original-Forwarded-For and X-Original-Forwarded-Proto. */
void envoy_forwarded_keep(struct arena *a, EnvoyHttpConnectionManager *ret);
/* The client's header that the one of this name keeps, in any case; NULL: it keeps none. */
const char *envoy_forwarded_kept_of(const char *name);
/* Clients' headers are believed: the address is the last of X-Forwarded-For. */
void envoy_forwarded_believe(EnvoyHttpConnectionManager *ret);
/* The first of several hosts in X-Forwarded-Host, and what a redirect to it needs, as dynamic
 * metadata ENVOY_FORWARDED: "name" without a port, "uri" without a slash at its end. */
const ProtobufCMessage *envoy_forwarded_filter(struct arena *a, const struct http_spec *spec);
