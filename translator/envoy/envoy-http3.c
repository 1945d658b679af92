/* HTTP/3: a listener for QUIC, its chains, and how clients learn of it. */
#include <string.h>

#include "envoy/extensions/transport_sockets/quic/v3/quic_transport.pb-c.h"
#include "translator/envoy/envoy-http3.h"
#include "translator/envoy/envoy-listener.h"

#define QUIC "envoy.extensions.transport_sockets.quic.v3.QuicDownstreamTransport"

/* As for HTTP/2 (envoy-http.c): configuration/best_practices/edge. */
#define STREAMS           100
#define STREAM_WINDOW     (64 * 1024)
#define CONNECTION_WINDOW (1024 * 1024)

/* How long a client may rely on it, in seconds: a day. */
#define OFFER_AGE 86400

bool envoy_http3_serves(const struct settings *s, const ModelHostTls *tls)
{
	const char *most = s->config->envoy->listener->tls->maximum_protocol_version;

	return s->config->portolan->http3->enabled && !tls->client && tls->max_version != 2 &&
	       strcmp(most, "1.2") != 0;
}

static EnvoyConfigCoreQuicProtocolOptions *limits(struct arena *a, const struct settings *s)
{
	const K8s__ConfigListener *l = s->config->envoy->listener;
	EnvoyConfigCoreQuicProtocolOptions *q = message_new(a, EnvoyConfigCoreQuicProtocolOptions);

	q->max_concurrent_streams = envoy_uint32(
		a, l->has_http_max_concurrent_streams ? l->http_max_concurrent_streams : STREAMS);
	q->initial_stream_window_size = envoy_uint32(a, STREAM_WINDOW);
	q->initial_connection_window_size = envoy_uint32(a, CONNECTION_WINDOW);
	return q;
}

EnvoyListener *envoy_http3_listener(struct arena *a, const struct settings *s)
{
	const K8s__ConfigEnvoyListener *place = s->config->envoy->https;
	EnvoyListener *l = message_new(a, EnvoyListener);
	EnvoyUdpListenerConfig *udp = message_new(a, EnvoyUdpListenerConfig);

	l->name = (char *)"ingress_http3";
	l->address = envoy_address(a, place->address, (uint32_t)place->port);
	l->address->socket_address->protocol = EnvoySocketAddress__PROTOCOL__UDP;
	udp->quic_options = message_new(a, EnvoyConfigListenerQuicProtocolOptions);
	udp->quic_options->quic_protocol_options = limits(a, s);
	if (s->timeouts.connection_idle.set && !s->timeouts.connection_idle.infinite)
		udp->quic_options->idle_timeout =
			envoy_duration(a, s->timeouts.connection_idle.usec);
	/* One system call reads many packets. */
	udp->downstream_socket_config = message_new(a, EnvoyUdpSocketConfig);
	udp->downstream_socket_config->prefer_gro = envoy_bool(a, true);
	l->udp_listener_config = udp;
	return l;
}

/* No early data: an eavesdropper can send its request again (RFC 9001, section 9.2). */
static EnvoyTransportSocket *terminate(struct arena *a, const struct settings *s,
				       const ModelHostTls *tls)
{
	EnvoyQuicDownstreamTransport quic = EnvoyQuicDownstreamTransport__INIT;
	EnvoyTransportSocket *socket = message_new(a, EnvoyTransportSocket);

	quic.downstream_tls_context = envoy_listener_tls(a, s, tls, false);
	quic.enable_early_data = envoy_bool(a, false);
	socket->name = (char *)"envoy.transport_sockets.quic";
	socket->config_type_case = EnvoyTransportSocket__CONFIG_TYPE_TYPED_CONFIG;
	socket->typed_config = envoy_any(a, QUIC, &quic.base);
	return socket;
}

EnvoyFilterChain *envoy_http3_chain(struct arena *a, const struct settings *s, const char *host,
				    const ModelHostTls *tls, const char *routes)
{
	struct http_spec spec = { .settings = s,
				  .place = s->config->envoy->https,
				  .stat_prefix = "ingress_https",
				  .routes = routes,
				  .host = host,
				  .tls = tls,
				  .services = tls->services,
				  .http3 = true };
	EnvoyFilterChain *c = envoy_listener_chain(a, host, envoy_listener_http(a, &spec));

	c->transport_socket = terminate(a, s, tls);
	return c;
}

void envoy_http3_offer(struct arena *a, const struct settings *s, EnvoyRouteConfiguration *ret)
{
	EnvoyHeaderValueOption *option = message_new(a, EnvoyHeaderValueOption);

	option->header = message_new(a, EnvoyHeaderValue);
	option->header->key = (char *)"alt-svc";
	option->header->value =
		arena_printf(a, "h3=\":%d\"; ma=%d", s->config->portolan->http3->port, OFFER_AGE);
	option->append_action =
		EnvoyHeaderValueOption__HEADER_APPEND_ACTION__OVERWRITE_IF_EXISTS_OR_ADD;
	ret->n_response_headers_to_add = 1;
	ret->response_headers_to_add = arena_memdup(a, &option, sizeof(option));
}
