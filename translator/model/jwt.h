/* Issuers of JSON Web Tokens (RFC 7519), and the keys that verify them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "k8s/contour-configuration.pb-c.h"

struct jwt_provider {
	const char *name;
	const char *issuer; /* "": any */
	char **audiences;
	size_t n_audiences;
	bool forward;     /* the token goes on to the upstream */
	const char *jwks; /* the keys themselves; NULL: they are fetched */
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
	const void *ca;                   /* PEM to verify its certificate with, or NULL */
	size_t ca_len;
	char **subjects;
	size_t n_subjects;
};
