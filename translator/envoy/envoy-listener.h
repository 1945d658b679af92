/* Pieces of listeners, for all that makes one. */
#pragma once

#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb-c.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb-c.h"
#include "translator/envoy/envoy-filters.h"

/* Without filter chains. place: address, port and access log. */
EnvoyListener *envoy_listener_at(struct arena *a, const struct settings *s, const char *name,
				 const K8s__ConfigEnvoyListener *place);
/* Server names of connections are known to filter chains' matches. */
void envoy_listener_inspect_tls(struct arena *a, const struct settings *s, EnvoyListener *ret);
/* A connection manager. */
EnvoyFilter *envoy_listener_http(struct arena *a, const struct http_spec *spec);
/* A chain for this server name. */
EnvoyFilterChain *envoy_listener_chain(struct arena *a, const char *host, EnvoyFilter *filter);
/* Without a Secret it uses the certificate of the connection's server name. use_http: HTTP's
 * versions are offered (ALPN). */
EnvoyTransportSocket *envoy_listener_terminate(struct arena *a, const struct settings *s,
					       const ModelHostTls *desired, bool use_http);
/* The content of that socket. */
EnvoyDownstreamTlsContext *envoy_listener_tls(struct arena *a, const struct settings *s,
					      const ModelHostTls *desired, bool use_http);
/* Clusters, by weight. */
void envoy_listener_spread(struct arena *a, const ModelHostTcp *tcp, EnvoyTcpProxy *ret);
