/* How TLS connections for a host are terminated. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/model.pb-c.h"
#include "translator/model/jwt.h"
#include "translator/model/message.h"

/* Client certificates. */
struct client_validation {
	const void *authority; /* PEM, or NULL */
	size_t authority_len;
	const void *revoked; /* PEM of revocation lists, or NULL */
	size_t revoked_len;
	bool leaf_only; /* only the client's own certificate is looked up in the lists */
	bool may_be_absent;
	bool untrusted;     /* certificates that are not verified do not fail the handshake */
	bool by_routes;     /* routes look whether they are verified: route_match.client */
	uint32_t max_depth; /* of the chain of authorities; 0: Envoy's default */
	/* Parts of the certificate that go to upstreams in X-Forwarded-Client-Cert. */
	bool forward;
	bool subject, cert, chain, dns, uri;
};

struct host_tls {
	const char *secret;                     /* "namespace/name" of the certificate */
	const char *field;                      /* that names it, for messages */
	uint32_t min_version, max_version;      /* 2 for TLS 1.2, 3 for 1.3; 0: the default */
	char **ciphers;                         /* of TLS 1.2 */
	size_t n_ciphers;                       /* 0: the default */
	const struct client_validation *client; /* NULL: clients need no certificate */
	struct jwt_provider *jwt;               /* routes of the host can require their tokens */
	size_t n_jwt;
	/* The service that is asked about requests; NULL: the configuration's, if it has one. */
	ModelAuthorization *authorization;
	bool cookies; /* a route of the host rewrites cookies, or would if its upstream were there
		       */
	/* It has no certificate of its own: connections for it are those of clients that name no
	 * host with a certificate, and get this one. */
	bool unnamed;
	const char *fallback; /* Secret for clients without a server name, or NULL */
};
