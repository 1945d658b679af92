/* Verification of JSON Web Tokens, and where keys are fetched. */
#pragma once

#include "translator/envoy-filters.h"

/* Who issues tokens, and by which keys they are verified. */
struct jwt_provider {
	const char *name;
	const char *issuer; /* "": any */
	char **audiences;
	size_t n_audiences;
	bool forward;	  /* the token goes on to the upstream */
	const char *jwks; /* the keys themselves; or NULL: they are fetched */
	size_t jwks_len;
	const char *uri, *cluster;
	int64_t timeout_usec;
	int64_t cache_usec; /* 0: Envoy's default */
};

/* Where keys are fetched. */
struct jwks_server {
	bool tls;
	const char *host; /* a DNS name or an address */
	bool is_address;
	uint32_t port;
	const char *family; /* "auto", "v4", "v6" or "all" */
	int64_t connect_usec;
	const K8s__ConfigTLS *parameters; /* of TLS to upstreams */
	const void *ca; /* PEM by which its certificate is verified, or NULL */
	size_t ca_len;
	char **subjects;
	size_t n_subjects;
};

#define ENVOY_JWT_FILTER "envoy.filters.http.jwt_authn"

/* An encoded JwtAuthentication; the requirements have the providers' names. Sorts them. */
ProtobufCBinaryData envoy_jwt(struct arena *a, struct jwt_provider *providers, size_t n);
/* NULL where the host has none. */
const ProtobufCMessage *envoy_jwt_filter(struct arena *a, const struct http_spec *spec);
/* What a route requires. */
Google__Protobuf__Any *envoy_jwt_route(struct arena *a, const char *provider);
Envoy__Config__Cluster__V3__Cluster *envoy_jwks_cluster(struct arena *a, const struct jwks_server *server);
