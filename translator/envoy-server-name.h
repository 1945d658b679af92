/* Many TLS hosts behind one filter chain, told apart by the server name that the client asks for (SNI), so
 * that none of them is in the listener: the certificate, an SDS resource of that name, is fetched by the
 * handshake that needs it, and the routes are those of the scope (SRDS) of that name.
 *
 * The scope's key is the connection's server name, not the request's :authority: a request for another host
 * finds the same route table, which answers it with 421, as in a filter chain of the host's own.
 *
 * Whatever a client sends as server name becomes a resource's name. Envoy 1.40 dies of one that begins with
 * "xdstp:", and takes "*" for all resources; so a connection with anything but a host's name must not reach
 * that chain. Filter chains' own matches cannot say that; a matcher can. */
#pragma once

#include "envoy/extensions/transport_sockets/tls/v3/tls.pb-c.h"
#include "translator/envoy-filters.h"

#define SERVER_NAME_CHAIN "by/server-name" /* not a host's name, as other chains' are */
#define SERVER_NAME_NONE "by/no-server-name" /* where there is such a chain: connections without a name */
#define SERVER_NAME_HEADER "x-portolan-server-name" /* between us and the scope; upstreams do not see it */

/* Routes of the connection's server name. */
void server_name_routes(struct arena *a, HttpManager *ret);
/* Its certificate, and no session that is resumed without looking at it. */
void server_name_certificate(struct arena *a,
			     Envoy__Extensions__TransportSockets__Tls__V3__DownstreamTlsContext *ret);
/* Connections to SERVER_NAME_CHAIN but for those that have chains of their own (server_name_match()), and
 * those whose server name is none. */
Xds__Type__Matcher__V3__Matcher *server_name_matcher(struct arena *a);
