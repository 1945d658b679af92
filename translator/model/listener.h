/* A socket that Envoy listens on, and its treatment of connections: a front end gives it to
 * want_listener() (host/want-listener.h). Independent of Envoy and Kubernetes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/model.pb-c.h"
#include "translator/model/filters.h"
#include "translator/model/tls.h"

#define LISTENER_GUARDS_MAX 16

/* How connections are read. */
enum listener_protocol {
	LISTENER_HTTP,
	LISTENER_HTTPS,
	LISTENER_TLS_TERMINATE, /* decrypted, then passed on */
	LISTENER_TLS_PASSTHROUGH,
	LISTENER_TCP,
	LISTENER_UDP,
	LISTENER_UNKNOWN,
};

/* All connections of a socket for one host name (of the TLS handshake, where there is one). */
struct listener_chain {
	enum listener_protocol protocol;
	const char *host;           /* host_name_normal(), "*" for all */
	const char *table;          /* HTTP, HTTPS: the route table */
	bool closed;                /* connections are closed: no certificate exists */
	const char *const *secrets; /* "namespace/name" of its certificates */
	size_t n_secrets;
	const struct client_validation *client; /* NULL: clients need no certificate */
	/* HTTPS: host names of the socket's other chains. A request for one of these came on the
	 * wrong connection and is answered with 421 (RFC 9110, section 15.5.20). */
	const char *const *others;
	size_t n_others;
	/* HTTP, HTTPS: services that are asked about each request, one by one, before its route is
	 * chosen. All of them have to let it pass. */
	const struct ask *const *guards;
	size_t n_guards;
	bool refuses;             /* one of them cannot be asked: requests are answered with 500 */
	const char *guards_field; /* where the object has them, or NULL */
};

struct listener_spec {
	const char *name;  /* of the socket, unique: "gateway/ADDRESS/PORT" */
	const char *fleet; /* the fleet that has it, "": the default */
	const char *const *addresses;
	size_t n_addresses;
	uint32_t port;
	bool udp;
	const Portolan__Model__Tracing *tracing; /* NULL: as the configuration says */
	const struct listener_chain *chains;
	size_t n_chains;
};

/* HTTP and HTTPS chains have routes, the others pass connections on. */
static inline bool listener_has_routes(enum listener_protocol p)
{
	return p == LISTENER_HTTP || p == LISTENER_HTTPS;
}

static inline bool listener_has_server_name(enum listener_protocol p)
{
	return p == LISTENER_HTTPS || p == LISTENER_TLS_TERMINATE || p == LISTENER_TLS_PASSTHROUGH;
}

static inline bool listener_terminates_tls(enum listener_protocol p)
{
	return p == LISTENER_HTTPS || p == LISTENER_TLS_TERMINATE;
}
