/* Sockets of the model as Envoy's listeners. */
#include "translator/envoy/envoy-socket.h"

#include <string.h>

#include "common/base/clock.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb-c.h"
#include "envoy/extensions/filters/udp/udp_proxy/v3/route.pb-c.h"
#include "envoy/extensions/filters/udp/udp_proxy/v3/udp_proxy.pb-c.h"
#include "translator/envoy/envoy-access-log.h"
#include "translator/envoy/envoy-listener.h"

#define LISTENER_FILTERS 9 /* field of Listener */

/* "gateway/default/web/80" becomes "gateway_default_web_80" in names of statistics. */
static const char *stat_prefix(struct arena *a, const char *name)
{
	char *copy = arena_strdup(a, name);

	for (char *p = copy; *p; p++)
		if (*p == '/')
			*p = '_';
	return copy;
}

static const K8s__ConfigEnvoyListener *place_of(const struct settings *s,
						enum listener_protocol protocol)
{
	return protocol == LISTENER_HTTP ? s->config->envoy->http : s->config->envoy->https;
}

/* ---- chains ---- */

/* The first bytes tell plain connections from encrypted ones, the server name tells the latter
 * apart. A chain for all names has no server name in its match. */
static EnvoyFilterChain *chain(struct arena *a, const ModelListenerSpec *socket,
			       enum listener_protocol protocol, const char *host,
			       EnvoyFilter *filter)
{
	EnvoyFilterChain *c = message_new(a, EnvoyFilterChain);
	bool plain = false, secure = false;

	for (size_t i = 0; i < socket->n_chains; i++) {
		bool tls = listener_has_server_name(
			(enum listener_protocol)socket->chains[i]->protocol);

		secure |= tls;
		plain |= !tls;
	}
	c->name = (char *)(listener_has_server_name(protocol) ? arena_printf(a, "tls/%s", host)
							      : "plain");
	c->n_filters = 1;
	c->filters = arena_memdup(a, &filter, sizeof(filter));
	if (!secure)
		return c;
	c->filter_chain_match = message_new(a, EnvoyFilterChainMatch);
	if (plain)
		c->filter_chain_match->transport_protocol =
			(char *)(listener_has_server_name(protocol) ? "tls" : "raw_buffer");
	if (listener_has_server_name(protocol) && strcmp(host, "*") != 0) {
		c->filter_chain_match->n_server_names = 1;
		c->filter_chain_match->server_names = arena_memdup(a, &host, sizeof(host));
	}
	return c;
}

static EnvoyTransportSocket *terminate(struct arena *a, const struct settings *s,
				       const ModelListenerChain *c, bool use_http)
{
	ModelHostTls *tls = message_new(a, ModelHostTls);

	tls->secret = c->secrets[0];
	tls->n_more_secrets = c->n_secrets - 1;
	tls->more_secrets = c->secrets + 1;
	tls->client = c->client;
	return envoy_listener_terminate(a, s, tls, use_http);
}

/* ---- streams ---- */

static EnvoyFilter *tcp_filter(struct arena *a, const struct settings *s, const char *name,
			       const ModelHostTcp *tcp)
{
	EnvoyTcpProxy *proxy = message_new(a, EnvoyTcpProxy);
	EnvoyFilter *f = message_new(a, EnvoyFilter);

	proxy->stat_prefix = (char *)stat_prefix(a, name);
	envoy_access_log(a, s->config->envoy->logging, s->config->envoy->https->access_log, false,
			 &proxy->access_log, &proxy->n_access_log);
	if (tcp && tcp->n_clusters) {
		envoy_listener_spread(a, tcp, proxy);
	} else {
		/* Closes at once (E-LI-7, G-L4-9). */
		proxy->cluster_specifier_case = EnvoyTcpProxy__CLUSTER_SPECIFIER_CLUSTER;
		proxy->cluster = (char *)NO_CLUSTER;
	}
	f->name = (char *)"envoy.filters.network.tcp_proxy";
	f->config_type_case = EnvoyFilter__CONFIG_TYPE_TYPED_CONFIG;
	f->typed_config = envoy_any(a, "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
				    &proxy->base);
	return f;
}

/* A matcher that sends all to one cluster. */
static XdsMatcher *all_to(struct arena *a, const char *cluster)
{
	XdsMatcher *m = message_new(a, XdsMatcher);
	EnvoyUdpUdpProxyRoute *route = message_new(a, EnvoyUdpUdpProxyRoute);

	route->cluster = (char *)cluster;
	m->on_no_match = message_new(a, XdsMatcherOnMatch);
	m->on_no_match->on_match_case = XdsMatcherOnMatch__ON_MATCH_ACTION;
	m->on_no_match->action = message_new(a, XdsTypedExtensionConfig);
	m->on_no_match->action->name = (char *)"route";
	m->on_no_match->action->typed_config =
		envoy_any(a, "envoy.extensions.filters.udp.udp_proxy.v3.Route", &route->base);
	return m;
}

static EnvoyListenerFilter *udp_filter(struct arena *a, const char *name, const char *cluster)
{
	EnvoyUdpProxyConfig *proxy = message_new(a, EnvoyUdpProxyConfig);
	EnvoyListenerFilter *f = message_new(a, EnvoyListenerFilter);

	proxy->stat_prefix = (char *)stat_prefix(a, name);
	proxy->route_specifier_case = EnvoyUdpProxyConfig__ROUTE_SPECIFIER_MATCHER;
	proxy->matcher = all_to(a, cluster ? cluster : NO_CLUSTER);
	f->name = (char *)"envoy.filters.udp_listener.udp_proxy";
	f->config_type_case = EnvoyListenerFilter__CONFIG_TYPE_TYPED_CONFIG;
	f->typed_config = envoy_any(a, "envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig",
				    &proxy->base);
	return f;
}

static void element(struct arena *a, uint32_t field, const ProtobufCMessage *m, uint8_t **ret,
		    size_t *ret_len)
{
	size_t len = protobuf_c_message_get_packed_size(m);
	uint8_t *packed = arena_alloc(a, len);

	(void)protobuf_c_message_pack(m, packed);
	envoy_element(a, field, packed, len, ret, ret_len);
}

void envoy_socket_stream(struct arena *a, const struct settings *s, const ModelListenerSpec *socket,
			 const ModelListenerChain *c, const char *domain,
			 const ModelStreamTargets *targets, uint8_t **ret, size_t *ret_len)
{
	enum listener_protocol protocol = (enum listener_protocol)c->protocol;
	EnvoyFilterChain *out;

	if (protocol == LISTENER_UDP) {
		element(a, LISTENER_FILTERS, &udp_filter(a, socket->name, targets->cluster)->base,
			ret, ret_len);
		return;
	}
	out = chain(a, socket, protocol, domain, tcp_filter(a, s, socket->name, targets->tcp));
	if (protocol == LISTENER_TLS_TERMINATE && !c->closed && targets->tcp)
		out->transport_socket = terminate(a, s, c, false);
	element(a, ENVOY_LISTENER_CHAINS, &out->base, ret, ret_len);
}

/* ---- the listener ---- */

/* All HTTP listeners of a socket share a chain. */
static size_t count_guards(const ModelListenerSpec *socket, const ModelListenerChain *c)
{
	size_t n = c->guards;

	for (size_t i = 0; c->protocol == LISTENER_HTTP && i < socket->n_chains; i++)
		if (socket->chains[i]->protocol == LISTENER_HTTP)
			n = MAX(n, (size_t)socket->chains[i]->guards);
	return MIN(n, (size_t)LISTENER_GUARDS_MAX);
}

static EnvoyFilterChain *http_chain(struct arena *a, const struct settings *s,
				    const ModelListenerSpec *socket,
				    const ModelHostServices *services, const ModelListenerChain *c)
{
	enum listener_protocol protocol = (enum listener_protocol)c->protocol;
	struct http_spec spec = { .settings = s,
				  .place = place_of(s, protocol),
				  .stat_prefix = stat_prefix(a, socket->name),
				  .routes = c->table,
				  .services = services,
				  .tracing = socket->tracing,
				  .sessions = true,
				  .authorizes_by_route = true,
				  .guards = count_guards(socket, c) };
	EnvoyFilterChain *out;

	if (c->closed)
		return chain(a, socket, protocol, c->host, tcp_filter(a, s, socket->name, NULL));
	out = chain(a, socket, protocol, c->host, envoy_listener_http(a, &spec));
	if (protocol == LISTENER_HTTPS)
		out->transport_socket = terminate(a, s, c, true);
	return out;
}

/* All HTTP listeners of a socket are one chain, with one table. */
static void add_chains(struct arena *a, const struct settings *s, const ModelListenerSpec *socket,
		       const ModelHostServices *services, EnvoyListener *l)
{
	bool plain = false;

	l->filter_chains = arena_new_of(a, EnvoyFilterChain *, socket->n_chains + 1);
	for (size_t i = 0; i < socket->n_chains; i++) {
		const ModelListenerChain *c = socket->chains[i];

		if (!listener_has_routes((enum listener_protocol)c->protocol))
			continue;
		if (c->protocol == LISTENER_HTTP && plain)
			continue;
		plain |= c->protocol == LISTENER_HTTP;
		l->filter_chains[l->n_filter_chains++] = http_chain(a, s, socket, services, c);
	}
}

static bool needs_inspector(const ModelListenerSpec *socket)
{
	for (size_t i = 0; i < socket->n_chains; i++)
		if (listener_has_server_name((enum listener_protocol)socket->chains[i]->protocol))
			return true;
	return false;
}

static void add_addresses(struct arena *a, const ModelListenerSpec *socket, EnvoyListener *l)
{
	l->additional_addresses =
		arena_new_of(a, EnvoyAdditionalAddress *, socket->n_addresses + 1);
	for (size_t i = 1; i < socket->n_addresses; i++) {
		EnvoyAdditionalAddress *x = message_new(a, EnvoyAdditionalAddress);

		x->address = envoy_address(a, socket->addresses[i], socket->port);
		l->additional_addresses[l->n_additional_addresses++] = x;
	}
}

static EnvoyListener *udp_listener(struct arena *a, const ModelListenerSpec *socket)
{
	EnvoyListener *l = message_new(a, EnvoyListener);

	l->name = socket->name;
	l->address = envoy_address(a, socket->addresses[0], socket->port);
	l->address->socket_address->protocol = EnvoySocketAddress__PROTOCOL__UDP;
	add_addresses(a, socket, l);
	for (size_t i = 0; i < l->n_additional_addresses; i++)
		l->additional_addresses[i]->address->socket_address->protocol =
			EnvoySocketAddress__PROTOCOL__UDP;
	return l;
}

EnvoyListener *envoy_socket(struct arena *a, const struct settings *s,
			    const ModelListenerSpec *socket, const ModelHostServices *services)
{
	K8s__ConfigEnvoyListener place = *s->config->envoy->http;
	EnvoyListener *l;

	if (socket->udp)
		return udp_listener(a, socket);
	place.address = socket->addresses[0];
	place.port = (int32_t)socket->port;
	l = envoy_listener_at(a, s, socket->name, &place);
	add_addresses(a, socket, l);
	if (needs_inspector(socket))
		envoy_listener_inspect_tls(a, s, l);
	add_chains(a, s, socket, services, l);
	return l;
}

void envoy_socket_table(struct arena *a, const ModelListenerChain *c, uint8_t **ret,
			size_t *ret_len)
{
	EnvoyRouteConfiguration *table = envoy_routes(a, c->table);
	size_t len = protobuf_c_message_get_packed_size(&table->base), others_len = 0;
	uint8_t *others = NULL;

	if (c->n_others)
		envoy_misdirected(a, false, (const char *const *)c->others, c->n_others, &others,
				  &others_len);
	*ret = arena_alloc(a, len + others_len);
	(void)protobuf_c_message_pack(&table->base, *ret);
	if (others_len)
		memcpy(*ret + len, others, others_len);
	*ret_len = len + others_len;
}
