/* HTTP/3: the hosts of ingress_https on the UDP port of the same number. */
#pragma once

#include "translator/envoy/envoy-filters.h"

/* Whether a host with these TLS settings is served over HTTP/3, too. Not one that asks clients for
 * a certificate, which Envoy cannot over QUIC, and not one that allows TLS 1.2 only, since QUIC has
 * TLS 1.3 (RFC 9001, section 4.2). */
bool envoy_http3_serves(const struct settings *s, const ModelHostTls *tls);
/* Without filter chains: append elements of field ENVOY_LISTENER_CHAINS. */
EnvoyListener *envoy_http3_listener(struct arena *a, const struct settings *s);
/* A host's chain, with the routes that the host has over TCP. */
EnvoyFilterChain *envoy_http3_chain(struct arena *a, const struct settings *s, const char *host,
				    const ModelHostTls *tls, const char *routes);
/* Tells clients of these routes that HTTP/3 is available (Alt-Svc: RFC 7838, RFC 9114, section
 * 3.1.1). */
void envoy_http3_offer(struct arena *a, const struct settings *s, EnvoyRouteConfiguration *ret);
