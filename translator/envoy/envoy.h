/* Envoy's messages, built in an arena. One file a noun: envoy-cluster.c, envoy-route.c… Each
 * function returns a message with parts in the arena or borrowed. */
#pragma once

#include "envoy/config/cluster/v3/cluster.pb-c.h"
#include "envoy/config/core/v3/grpc_service.pb-c.h"
#include "envoy/config/endpoint/v3/endpoint.pb-c.h"
#include "envoy/config/listener/v3/listener.pb-c.h"
#include "envoy/config/route/v3/route.pb-c.h"
#include "envoy/config/route/v3/scoped_route.pb-c.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb-c.h"

#include "common/base/arena.h"
#include "proto/envoy-names.h"
#include "proto/model.pb-c.h"
#include "translator/model/cluster.h"
#include "translator/model/filters.h"
#include "translator/model/match.h"
#include "translator/model/message.h"
#include "translator/model/settings.h"

/* ---- envoy-common.c ---- */

/* denominator: 100, 10000 or 1000000. */
EnvoyRuntimeFractionalPercent *envoy_fraction(struct arena *a, uint32_t numerator,
					      uint32_t denominator);
/* url: without "type.googleapis.com/". */
GoogleAny *envoy_any(struct arena *a, const char *url, const ProtobufCMessage *m);
GoogleBoolValue *envoy_bool(struct arena *a, bool value);
GoogleUInt32Value *envoy_uint32(struct arena *a, uint32_t value);
GoogleDuration *envoy_duration(struct arena *a, int64_t usec);
/* "Ask the stream that this came on." */
EnvoyConfigSource *envoy_ads(struct arena *a);
EnvoyAddress *envoy_address(struct arena *a, const char *host, uint32_t port);
EnvoyDataSource *envoy_inline_bytes(struct arena *a, const void *data, size_t len);
/* One of our clusters as a gRPC service; authority may be NULL. */
EnvoyGrpcService *envoy_grpc_service(struct arena *a, const char *cluster, const char *authority);
/* A message as one element of the repeated field of an outer message: tag, length, bytes. Putting
 * such elements one after another is how big resources are made of parts. */
void envoy_element(struct arena *a, uint32_t field, const void *bytes, size_t len, uint8_t **ret,
		   size_t *ret_len);

/* ---- envoy-cluster.c ---- */

EnvoyCluster *envoy_cluster(struct arena *a, const struct cluster_spec *spec);

/* A name that ends in a hash of all that is in the cluster: another content is another cluster, so
 * that a change is made before the old one is broken. */
char *envoy_cluster_name(struct arena *a, const EnvoyCluster *c, const char *begin);
/* Its endpoints are found by DNS. family: "auto", "v4", "v6" or "all"; else IPv4 is preferred, and
 * IPv6 used if there is no IPv4. */
void envoy_look_up(EnvoyCluster *c, const char *family);
/* Verifies by PEM certificates; the certificate must have one of these DNS names. */
EnvoyCertificateValidationContext *envoy_verify_upstream(struct arena *a, const void *ca,
							 size_t ca_len, char *const *subjects,
							 size_t n);

#define ENVOY_EXEMPT "portolan.exempt"

/* ---- envoy-authorization.c, envoy-rate-limit.c ---- */

#define ENVOY_AUTHORIZATION "envoy.filters.http.ext_authz"
#define ENVOY_RATE_LIMIT    "envoy.filters.http.ratelimit"

const ProtobufCMessage *envoy_authorization(struct arena *a, const ModelAuthorization *desired);
/* For a route: no service is asked, */
GoogleAny *envoy_authorization_off(struct arena *a);
/* or the service gets this, too. */
GoogleAny *envoy_authorization_context(struct arena *a, const struct context_pair *pairs, size_t n);
const ProtobufCMessage *envoy_rate_limit(struct arena *a, const ModelRateLimits *desired);
/* For a route: its virtual host's limits do not count. */
GoogleAny *envoy_rate_limit_off(struct arena *a);

/* A load assignment in the cluster itself, of one endpoint; the name is borrowed. */
EnvoyClusterLoadAssignment *envoy_one_endpoint(struct arena *a, const char *cluster,
					       const char *host, uint32_t port);

/* ---- envoy-health.c ---- */

EnvoyHealthCheck *envoy_health_check(struct arena *a, const ModelHealthCheck *desired,
				     enum upstream_protocol protocol);

/* An endpoint's health is checked there, not where requests go. */
EnvoyEndpointHealthCheckConfig *envoy_health_port(struct arena *a, uint32_t port);

/* ---- envoy-route.c ---- */

/* The virtual host for `domains`; its routes are `routes`, already encoded elements of field 3. */
void envoy_virtual_host(struct arena *a, const char *name, const char *const *domains, size_t n,
			const void *routes, size_t routes_len, uint8_t **ret, size_t *ret_len);
/* A RouteConfiguration without virtual hosts; append elements of field ENVOY_ROUTES_HOSTS. */
EnvoyRouteConfiguration *envoy_routes(struct arena *a, const char *name);
/* The virtual host that answers 421 (RFC 9110, section 15.5.20) to all requests for these domains,
 * which differ from the connection's SNI; as an element of field ENVOY_ROUTES_HOSTS. authorized:
 * the filter for external authorization exists, and must not ask. */
void envoy_misdirected(struct arena *a, bool authorized, const char *const *domains, size_t n,
		       uint8_t **ret, size_t *ret_len);
#define ENVOY_HOST_ROUTES  3
#define ENVOY_ROUTES_HOSTS 2

/* ---- envoy-tls.c ---- */

/* min and max: 2 for TLS 1.2, 3 for 1.3, 0: not said. The configuration's values are bounds for
 * them. */
EnvoyTlsParameters *envoy_tls_parameters(struct arena *a, const K8s__ConfigTLS *tls, uint32_t min,
					 uint32_t max);

/* ---- envoy-listener.c ---- */

/* Detects dead clients. Call it before other socket options are added. */
void envoy_keep_alive(struct arena *a, EnvoyListener *l);

#define ENVOY_LISTENER_CHAINS 3
EnvoyListener *envoy_http_listener(struct arena *a, const struct settings *s,
				   const ModelHostServices *services);
/* Without filter chains: append elements of field ENVOY_LISTENER_CHAINS. */
EnvoyListener *envoy_https_listener(struct arena *a, const struct settings *s);
/* The chain that serves one TLS host: certificate by SDS, routes by RDS. */
EnvoyFilterChain *envoy_tls_chain(struct arena *a, const struct settings *s, const char *host,
				  const ModelHostTls *tls, const char *routes);
/* Whether that chain differs from any other host's in names only. Compares the whole chain: any
 * difference gives the host a chain of its own. services: those that the configuration has all
 * hosts ask, or NULL. */
bool envoy_chain_is_ordinary(struct arena *a, const struct settings *s, const char *host,
			     const ModelHostTls *tls, const ModelHostServices *services);
/* With one chain for all ordinary hosts. The chains of others follow it, without their own matches,
 * and envoy_server_name_match() of each. */
EnvoyListener *envoy_shared_listener(struct arena *a, const struct settings *s,
				     const ModelHostServices *services);
/* The chain for connections without a server name, or with one that no other chain has. */
EnvoyFilterChain *envoy_fallback_chain(struct arena *a, const struct settings *s,
				       const ModelHostTls *tls, const char *routes);
/* The chain that passes on a TLS host's connections: decrypted, or with tls NULL unchanged. */
EnvoyFilterChain *envoy_tcp_chain(struct arena *a, const struct settings *s, const char *host,
				  const ModelHostTls *tls, const ModelHostTcp *tcp);

/* ---- envoy-server-name.c ---- */

/* The routes of connections that asked for this host. */
EnvoyScopedRouteConfiguration *envoy_scope(struct arena *a, const char *host, const char *table);
/* A piece of the shared listener: connections for this host go to its own chain, which has its
 * name, or to the shared one even if a wildcard of others covers it. */
void envoy_server_name_match(struct arena *a, const char *host, bool own, uint8_t **ret,
			     size_t *ret_len);
