/* Verification of JSON Web Tokens, and where keys are fetched. */
#pragma once

#include "translator/envoy/envoy-filters.h"
#include "translator/model/jwt.h"
#include "translator/model/message.h"

#define ENVOY_JWT_FILTER "envoy.filters.http.jwt_authn"

/* An encoded JwtAuthentication; the requirements have the providers' names. Sorts them. */
ProtobufCBinaryData envoy_jwt(struct arena *a, struct jwt_provider *providers, size_t n);
/* NULL if the host has no providers. */
const ProtobufCMessage *envoy_jwt_filter(struct arena *a, const struct http_spec *spec);
/* The tokens that a route requires. */
GoogleAny *envoy_jwt_route(struct arena *a, const char *provider);
GoogleAny *envoy_jwt_off(struct arena *a);
EnvoyCluster *envoy_jwks_cluster(struct arena *a, const struct jwks_server *server);
