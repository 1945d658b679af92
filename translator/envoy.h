/* Envoy's messages, built in an arena. One file a noun: envoy-cluster.c, envoy-route.c… Each function
 * returns a message whose parts are in the arena or borrowed. */
#pragma once

#include "envoy/config/cluster/v3/cluster.pb-c.h"
#include "envoy/config/core/v3/grpc_service.pb-c.h"
#include "envoy/config/endpoint/v3/endpoint.pb-c.h"
#include "envoy/config/listener/v3/listener.pb-c.h"
#include "envoy/config/route/v3/route.pb-c.h"
#include "envoy/config/route/v3/scoped_route.pb-c.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb-c.h"

#include "common/arena.h"
#include "proto/model.pb-c.h"
#include "translator/settings.h"

/* A message of this type with its defaults: ENVOY_NEW(a, Envoy__…__Route, ENVOY__…__ROUTE__INIT). */
#define ENVOY_NEW(a, type, init)                                                                   \
	({                                                                                         \
		type *_new = arena_new_of((a), type, 1);                                           \
		*_new = (type)init;                                                                \
		_new;                                                                              \
	})

/* ---- envoy-common.c ---- */

/* url: without "type.googleapis.com/". */
Google__Protobuf__Any *envoy_any(struct arena *a, const char *url, const ProtobufCMessage *m);
Google__Protobuf__BoolValue *envoy_bool(struct arena *a, bool value);
Google__Protobuf__UInt32Value *envoy_uint32(struct arena *a, uint32_t value);
Google__Protobuf__Duration *envoy_duration(struct arena *a, int64_t usec);
/* "Ask the stream that this came on." */
Envoy__Config__Core__V3__ConfigSource *envoy_ads(struct arena *a);
Envoy__Config__Core__V3__Address *envoy_address(struct arena *a, const char *host, uint32_t port);
Envoy__Config__Core__V3__DataSource *envoy_inline_bytes(struct arena *a, const void *data, size_t len);
/* One of our clusters as a gRPC service; authority may be NULL. */
Envoy__Config__Core__V3__GrpcService *envoy_grpc_service(struct arena *a, const char *cluster,
							 const char *authority);
/* A message as one element of the repeated field of an outer message: tag, length, bytes. Putting
 * such elements one after another is how big resources are made of parts. */
void envoy_element(struct arena *a, uint32_t field, const void *bytes, size_t len, uint8_t **ret,
		   size_t *ret_len);

/* ---- envoy-cluster.c ---- */

enum upstream_protocol {
	UPSTREAM_HTTP1,
	UPSTREAM_H2C, /* HTTP/2 in plain text, prior knowledge */
	UPSTREAM_TLS, /* HTTP/1.1 over TLS */
	UPSTREAM_H2,  /* HTTP/2 over TLS */
};

enum balancing {
	BALANCING_ROUND_ROBIN,
	BALANCING_LEAST_REQUEST,
	BALANCING_RANDOM,
	BALANCING_RING_HASH,
};

/* Circuit breakers; 0: Envoy's default. */
struct upstream_limits {
	uint32_t connections, pending, requests, retries, connections_per_host;
};

struct cluster_spec {
	const struct settings *settings;
	const char *name; /* NULL: made of namespace, service, port and a hash of all the rest */
	bool weighted;	  /* by the weights of its localities */
	const char *namespace;
	const char *service;
	uint32_t port;
	const char *endpoints; /* EDS resource; NULL for an external name */
	const char *external_name;
	enum upstream_protocol protocol;
	const char *secret; /* SDS resource: the certificate that Envoy shows over TLS, or NULL */
	const void *ca; /* PEM by which the upstream's certificate is verified, or NULL */
	size_t ca_len;
	struct upstream_limits limits;
	bool own_limits; /* the configuration's are not for it */
	const Portolan__Model__ClusterSpec *wish; /* all else, may be NULL */
};

Envoy__Config__Cluster__V3__Cluster *envoy_cluster(struct arena *a, const struct cluster_spec *spec);

/* A name that ends in a hash of all that is in the cluster: another content is another cluster, so that a
 * change is made before the old one is broken. */
char *envoy_cluster_name(struct arena *a, const Envoy__Config__Cluster__V3__Cluster *c, const char *begin);
/* Its endpoints are found by DNS. family: "auto", "v4", "v6" or "all"; else IPv4 is preferred, but IPv6 is used
 * where there is no other. */
void envoy_look_up(Envoy__Config__Cluster__V3__Cluster *c, const char *family);
/* By PEM certificates, and one of these DNS names. */
Envoy__Extensions__TransportSockets__Tls__V3__CertificateValidationContext *envoy_verify_upstream(
	struct arena *a, const void *ca, size_t ca_len, char *const *subjects, size_t n);

/* ---- envoy-authorization.c, envoy-rate-limit.c ---- */

#define ENVOY_AUTHORIZATION "envoy.filters.http.ext_authz"
#define ENVOY_RATE_LIMIT "envoy.filters.http.ratelimit"

struct envoy_pair {
	const char *key, *value;
};

const ProtobufCMessage *envoy_authorization(struct arena *a, const Portolan__Model__Authorization *wish);
/* For a route: nobody is asked, */
Google__Protobuf__Any *envoy_authorization_off(struct arena *a);
/* or the service is told this, too. */
Google__Protobuf__Any *envoy_authorization_context(struct arena *a, const struct envoy_pair *pairs, size_t n);
const ProtobufCMessage *envoy_rate_limit(struct arena *a, const Portolan__Model__RateLimits *wish);
/* For a route: the limits of its virtual host do not count. */
Google__Protobuf__Any *envoy_rate_limit_off(struct arena *a);

/* A load assignment in the cluster itself, of one endpoint; the name is borrowed. */
Envoy__Config__Endpoint__V3__ClusterLoadAssignment *envoy_one_endpoint(struct arena *a, const char *cluster,
								       const char *host, uint32_t port);

/* ---- envoy-health.c ---- */

Envoy__Config__Core__V3__HealthCheck *envoy_health_check(struct arena *a,
							 const Portolan__Model__HealthCheck *wish,
							 enum upstream_protocol protocol);

/* An endpoint's health is checked there, not where requests go. */
Envoy__Config__Endpoint__V3__Endpoint__HealthCheckConfig *envoy_health_port(struct arena *a, uint32_t port);

/* ---- envoy-route.c ---- */

/* In order of precedence: contour-compatible, exact before regex before prefix. */
enum path_kind {
	PATH_EXACT,
	PATH_REGEX,
	PATH_SEGMENTS, /* whole path elements */
	PATH_PREFIX,   /* a plain string prefix */
};

struct route_spec {
	const char *host;
	enum path_kind kind;
	const char *path;
	const char *cluster;	/* or NULL: */
	const char *service;	/* with cluster: what it is made of */
	const char *port;
	uint32_t status;	/* answered directly, with body */
	const char *body;
	bool https_redirect;
};

Envoy__Config__Route__V3__Route *envoy_route(struct arena *a, const struct route_spec *spec);
/* Routes that still need their match. */
Envoy__Config__Route__V3__Route *envoy_route_to_https(struct arena *a);
Envoy__Config__Route__V3__Route *envoy_route_answer(struct arena *a, uint32_t status, const char *body);
/* The path, and for a wildcard host that it has one label more. */
Envoy__Config__Route__V3__RouteMatch *envoy_route_match(struct arena *a, const char *host,
							enum path_kind kind, const char *path);
/* Whether retry_on may have this word: others Envoy would pass over, and nobody would hear of it. */
bool envoy_knows_retry(const char *word, size_t len);
void envoy_allow_websocket(struct arena *a, Envoy__Config__Route__V3__RouteAction *ret);
Envoy__Type__Matcher__V3__RegexMatcher *envoy_regex(struct arena *a, const char *pattern);
/* What one HTTP filter has to do otherwise for this route. */
void envoy_route_filter(struct arena *a, const char *filter, Google__Protobuf__Any *config,
			Envoy__Config__Route__V3__Route *ret);
/* The order in which Envoy must try two routes. */
int envoy_path_compare(enum path_kind a_kind, const char *a, enum path_kind b_kind, const char *b);
/* The virtual host for `domains`; its routes are `routes`, already encoded elements of field 3. */
void envoy_virtual_host(struct arena *a, const char *name, const char *const *domains, size_t n,
			const void *routes, size_t routes_len, uint8_t **ret, size_t *ret_len);
/* A RouteConfiguration without virtual hosts; elements of field ENVOY_ROUTES_HOSTS go behind it. */
Envoy__Config__Route__V3__RouteConfiguration *envoy_routes(struct arena *a, const char *name);
/* The virtual host that answers 421 (RFC 9110, section 15.5.20) to whatever asks for these domains, which are not
 * those of its TLS connection's SNI, as an element of field ENVOY_ROUTES_HOSTS. authorized: there is a filter
 * for that, which has not to be asked. */
void envoy_misdirected(struct arena *a, bool authorized, const char *const *domains, size_t n, uint8_t **ret,
		       size_t *ret_len);
#define ENVOY_HOST_ROUTES 3
#define ENVOY_ROUTES_HOSTS 2

/* ---- envoy-tls.c ---- */

/* min and max: 2 for TLS 1.2, 3 for 1.3, 0: not said. What the configuration says are bounds for them. */
Envoy__Extensions__TransportSockets__Tls__V3__TlsParameters *envoy_tls_parameters(struct arena *a,
										  const K8s__ConfigTLS *tls,
										  uint32_t min, uint32_t max);

/* ---- envoy-listener.c ---- */

/* Dead clients are noticed. To be called before other socket options are added. */
void envoy_keep_alive(struct arena *a, Envoy__Config__Listener__V3__Listener *l);

#define ENVOY_LISTENER_CHAINS 3
Envoy__Config__Listener__V3__Listener *envoy_http_listener(struct arena *a, const struct settings *s,
							   const Portolan__Model__HostAsks *asks);
/* Without filter chains: elements of field ENVOY_LISTENER_CHAINS go behind it. */
Envoy__Config__Listener__V3__Listener *envoy_https_listener(struct arena *a, const struct settings *s);
/* The chain that serves one TLS host: certificate by SDS, routes by RDS. */
Envoy__Config__Listener__V3__FilterChain *envoy_tls_chain(struct arena *a, const struct settings *s,
							  const char *host,
							  const Portolan__Model__HostTls *tls,
							  const char *routes);
/* Whether that chain differs from any other host's in names only. Decided by looking at the whole of it: what
 * is not thought of keeps a chain of its own. asks: what the configuration has all hosts ask, or NULL. */
bool envoy_chain_is_ordinary(struct arena *a, const struct settings *s, const char *host,
			     const Portolan__Model__HostTls *tls, const Portolan__Model__HostAsks *asks);
/* With one chain for all ordinary hosts. The chains of others go behind it, without their own matches, and
 * envoy_server_name_match() of each. */
Envoy__Config__Listener__V3__Listener *envoy_shared_listener(struct arena *a, const struct settings *s,
							    const Portolan__Model__HostAsks *asks);
/* The chain for connections whose server name no other chain has, or that have none. */
Envoy__Config__Listener__V3__FilterChain *envoy_fallback_chain(struct arena *a, const struct settings *s,
								const Portolan__Model__HostTls *tls,
								const char *routes);
/* The chain that passes on what a TLS host receives: decrypted, or with tls NULL as it comes. */
Envoy__Config__Listener__V3__FilterChain *envoy_tcp_chain(struct arena *a, const struct settings *s,
							  const char *host,
							  const Portolan__Model__HostTls *tls,
							  const Portolan__Model__HostTcp *tcp);

/* ---- envoy-server-name.c ---- */

/* The routes of connections that asked for this host. */
Envoy__Config__Route__V3__ScopedRouteConfiguration *envoy_scope(struct arena *a, const char *host,
								const char *table);
/* A piece of the shared listener: connections for this host go to its own chain, which has its name, or to the
 * shared one even if a wildcard of others covers it. */
void envoy_server_name_match(struct arena *a, const char *host, bool own, uint8_t **ret, size_t *ret_len);
