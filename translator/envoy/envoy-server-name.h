/* Many TLS hosts behind one filter chain, told apart by the server name that the client asks for
 * (SNI), so that the listener contains none of them. The certificate, an SDS resource of that name,
 * is fetched during the handshake that needs it, and the routes are those of the scope (SRDS) of
 * that name.
 *
 * The scope's key is the connection's server name, not the request's :authority: a request for
 * another host finds the same route table, which answers it with 421, as in a filter chain of the
 * host's own.
 *
 * A client's server name becomes a resource's name. Envoy 1.40 crashes on one that begins with
 * "xdstp:", and takes "*" for all resources; so only connections with a valid host name may reach
 * that chain. Filter chains' own matches cannot express that; a matcher can. */
#pragma once

#include "envoy/extensions/transport_sockets/tls/v3/tls.pb-c.h"
#include "translator/envoy/envoy-filters.h"
#include "translator/model/message.h"

#define SERVER_NAME_CHAIN "by/server-name" /* not a host's name, as other chains' are */
#define SERVER_NAME_NONE \
	"by/no-server-name" /* where there is such a chain: connections without a name */
#define SERVER_NAME_HEADER \
	"x-portolan-server-name" /* between us and the scope; upstreams do not see it */

/* Routes of the connection's server name. */
void server_name_routes(struct arena *a, EnvoyHttpConnectionManager *ret);
/* Its certificate, and no session that is resumed without looking at it. */
void server_name_certificate(struct arena *a, EnvoyDownstreamTlsContext *ret);
/* Sends connections to SERVER_NAME_CHAIN, except those with chains of their own
 * (server_name_match()), and those without a valid server name. */
XdsMatcher *server_name_matcher(struct arena *a);
