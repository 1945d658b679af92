/* Listeners and what they do with a connection. Runs in the translator. */
#include <string.h>

#include "common/clock.h"
#include "envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol.pb-c.h"
#include "envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.pb-c.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb-c.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb-c.h"
#include "translator/envoy-access-log.h"
#include "translator/envoy-filters.h"
#include "translator/envoy-http.h"
#include "translator/envoy-server-name.h"
#include "translator/envoy-tracing.h"

#define HCM "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
#define TCP_IDLE (9001 * USEC_PER_SEC) /* of a connection that is passed on */
#define PACKAGE_TLS "envoy.extensions.transport_sockets.tls.v3."

typedef Envoy__Config__Listener__V3__Listener Listener;
typedef Envoy__Config__Listener__V3__Filter Filter;
typedef Envoy__Config__Listener__V3__FilterChain FilterChain;
typedef Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__HttpConnectionManager__SetCurrentClientCertDetails
	Details;
typedef Envoy__Extensions__Filters__Network__TcpProxy__V3__TcpProxy TcpProxy;
typedef Envoy__Extensions__Filters__Network__TcpProxy__V3__TcpProxy__WeightedCluster__ClusterWeight TcpWeight;
typedef Envoy__Extensions__TransportSockets__Tls__V3__CertificateValidationContext Validation;
typedef Envoy__Extensions__TransportSockets__Tls__V3__DownstreamTlsContext DownstreamTls;

static void add_option(struct arena *a, Listener *l, int64_t level, int64_t name, int64_t value)
{
	Envoy__Config__Core__V3__SocketOption *o = ENVOY_NEW(a, Envoy__Config__Core__V3__SocketOption,
							     ENVOY__CONFIG__CORE__V3__SOCKET_OPTION__INIT);

	o->level = level;
	o->name = name;
	o->value_case = ENVOY__CONFIG__CORE__V3__SOCKET_OPTION__VALUE_INT_VALUE;
	o->int_value = value;
	o->state = ENVOY__CONFIG__CORE__V3__SOCKET_OPTION__SOCKET_STATE__STATE_LISTENING;
	l->socket_options[l->n_socket_options++] = o;
}

/* SO_KEEPALIVE, and TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT of tcp(7). */
static const struct {
	int64_t level, name, value;
} keep_alive[] = { { 1, 9, 1 }, { 6, 4, 45 }, { 6, 5, 5 }, { 6, 6, 9 } };

#define MARKS_MAX 2

void envoy_keep_alive(struct arena *a, Listener *l)
{
	l->socket_options = arena_new_of(a, Envoy__Config__Core__V3__SocketOption *,
					 ARRAY_SIZE(keep_alive) + MARKS_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(keep_alive); i++)
		add_option(a, l, keep_alive[i].level, keep_alive[i].name, keep_alive[i].value);
}

/* IP_TOS of ip(7), IPV6_TCLASS of ipv6(7), which a socket of IPv4 does not have. */
static void mark_packets(struct arena *a, const K8s__ConfigSocketOptions *o, const char *address, Listener *l)
{
	if (o->tos)
		add_option(a, l, 0, 1, o->tos);
	if (o->traffic_class && strchr(address, ':'))
		add_option(a, l, 41, 67, o->traffic_class);
}

/* How many connections and how much of them, and by which thread. */
static void take_connections(struct arena *a, const K8s__ConfigListener *c, Listener *l)
{
	typedef Envoy__Config__Listener__V3__Listener__ConnectionBalanceConfig Balance;

	if (c->has_per_connection_buffer_limit_bytes)
		l->per_connection_buffer_limit_bytes = envoy_uint32(a, c->per_connection_buffer_limit_bytes);
	if (c->has_max_connections_to_accept_per_socket_event)
		l->max_connections_to_accept_per_socket_event =
			envoy_uint32(a, c->max_connections_to_accept_per_socket_event);
	if (strcmp(c->connection_balancer, "exact") != 0)
		return;
	l->connection_balance_config = ENVOY_NEW(
		a, Balance, ENVOY__CONFIG__LISTENER__V3__LISTENER__CONNECTION_BALANCE_CONFIG__INIT);
	l->connection_balance_config->balance_type_case =
		ENVOY__CONFIG__LISTENER__V3__LISTENER__CONNECTION_BALANCE_CONFIG__BALANCE_TYPE_EXACT_BALANCE;
	l->connection_balance_config->exact_balance = ENVOY_NEW(
		a, Envoy__Config__Listener__V3__Listener__ConnectionBalanceConfig__ExactBalance,
		ENVOY__CONFIG__LISTENER__V3__LISTENER__CONNECTION_BALANCE_CONFIG__EXACT_BALANCE__INIT);
}

/* x-forwarded-client-cert, with these parts. */
static void tell_of_client(struct arena *a, const Portolan__Model__HostClient__Forward *wish, HttpManager *m)
{
	Details *d = ENVOY_NEW(
		a, Details,
		ENVOY__EXTENSIONS__FILTERS__NETWORK__HTTP_CONNECTION_MANAGER__V3__HTTP_CONNECTION_MANAGER__SET_CURRENT_CLIENT_CERT_DETAILS__INIT);

	d->subject = wish->subject ? envoy_bool(a, true) : NULL;
	d->cert = wish->cert;
	d->chain = wish->chain;
	d->dns = wish->dns;
	d->uri = wish->uri;
	m->forward_client_cert_details =
		ENVOY__EXTENSIONS__FILTERS__NETWORK__HTTP_CONNECTION_MANAGER__V3__HTTP_CONNECTION_MANAGER__FORWARD_CLIENT_CERT_DETAILS__SANITIZE_SET;
	m->set_current_client_cert_details = d;
}

static void route_by_table(struct arena *a, const char *name, HttpManager *ret)
{
	ret->route_specifier_case =
		ENVOY__EXTENSIONS__FILTERS__NETWORK__HTTP_CONNECTION_MANAGER__V3__HTTP_CONNECTION_MANAGER__ROUTE_SPECIFIER_RDS;
	ret->rds = ENVOY_NEW(a, Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__Rds,
			     ENVOY__EXTENSIONS__FILTERS__NETWORK__HTTP_CONNECTION_MANAGER__V3__RDS__INIT);
	ret->rds->config_source = envoy_ads(a);
	ret->rds->route_config_name = (char *)name;
}

static Filter *http(struct arena *a, const struct http_spec *spec)
{
	HttpManager m = ENVOY__EXTENSIONS__FILTERS__NETWORK__HTTP_CONNECTION_MANAGER__V3__HTTP_CONNECTION_MANAGER__INIT;
	Filter *f = ENVOY_NEW(a, Filter, ENVOY__CONFIG__LISTENER__V3__FILTER__INIT);

	m.stat_prefix = (char *)spec->stat_prefix;
	if (spec->routes)
		route_by_table(a, spec->routes, &m);
	else
		server_name_routes(a, &m);
	envoy_filters(a, spec, &m);
	envoy_http_options(a, spec->settings, &m);
	envoy_access_log(a, spec->settings->config->envoy->logging, spec->place->access_log, &m.access_log, &m.n_access_log);
	if (spec->asks && spec->asks->collector)
		m.tracing = envoy_tracing(a, spec->settings->config->tracing, spec->asks->collector);
	if (spec->tls && spec->tls->client && spec->tls->client->forward)
		tell_of_client(a, spec->tls->client->forward, &m);
	f->name = (char *)"envoy.filters.network.http_connection_manager";
	f->config_type_case = ENVOY__CONFIG__LISTENER__V3__FILTER__CONFIG_TYPE_TYPED_CONFIG;
	f->typed_config = envoy_any(a, HCM, &m.base);
	return f;
}

static void inspect(struct arena *a, const char *name, const char *type, const ProtobufCMessage *config, Listener *l)
{
	Envoy__Config__Listener__V3__ListenerFilter *f =
		ENVOY_NEW(a, Envoy__Config__Listener__V3__ListenerFilter,
			  ENVOY__CONFIG__LISTENER__V3__LISTENER_FILTER__INIT);

	f->name = (char *)name;
	f->config_type_case = ENVOY__CONFIG__LISTENER__V3__LISTENER_FILTER__CONFIG_TYPE_TYPED_CONFIG;
	f->typed_config = envoy_any(a, type, config);
	l->listener_filters[l->n_listener_filters++] = f;
}

static Listener *listener(struct arena *a, const struct settings *s, const char *name,
			  const K8s__ConfigEnvoyListener *place)
{
	Envoy__Extensions__Filters__Listener__ProxyProtocol__V3__ProxyProtocol proxy =
		ENVOY__EXTENSIONS__FILTERS__LISTENER__PROXY_PROTOCOL__V3__PROXY_PROTOCOL__INIT;
	const K8s__ConfigListener *c = s->config->envoy->listener;
	Listener *l = ENVOY_NEW(a, Listener, ENVOY__CONFIG__LISTENER__V3__LISTENER__INIT);

	l->name = (char *)name;
	l->address = envoy_address(a, place->address, (uint32_t)place->port);
	envoy_keep_alive(a, l);
	mark_packets(a, c->socket_options, place->address, l);
	take_connections(a, c, l);
	l->listener_filters = arena_new_of(a, Envoy__Config__Listener__V3__ListenerFilter *, 2);
	if (c->use_proxy_protocol)
		inspect(a, "envoy.filters.listener.proxy_protocol",
			"envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol", &proxy.base, l);
	return l;
}

Listener *envoy_http_listener(struct arena *a, const struct settings *s, const Portolan__Model__HostAsks *asks)
{
	Listener *l = listener(a, s, "ingress_http", s->config->envoy->http);
	FilterChain *chain = ENVOY_NEW(a, FilterChain, ENVOY__CONFIG__LISTENER__V3__FILTER_CHAIN__INIT);
	struct http_spec spec = { .settings = s, .place = s->config->envoy->http, .stat_prefix = "ingress_http",
				  .routes = "ingress_http", .asks = asks };
	Filter *filter = http(a, &spec);

	chain->n_filters = 1;
	chain->filters = arena_memdup(a, &filter, sizeof(filter));
	l->n_filter_chains = 1;
	l->filter_chains = arena_memdup(a, &chain, sizeof(chain));
	return l;
}

Listener *envoy_https_listener(struct arena *a, const struct settings *s)
{
	Envoy__Extensions__Filters__Listener__TlsInspector__V3__TlsInspector config =
		ENVOY__EXTENSIONS__FILTERS__LISTENER__TLS_INSPECTOR__V3__TLS_INSPECTOR__INIT;
	const K8s__ConfigFingerprint *f = s->config->envoy->listener->tls->fingerprint;
	Listener *l = listener(a, s, "ingress_https", s->config->envoy->https);

	config.enable_ja3_fingerprinting = f->ja3 ? envoy_bool(a, true) : NULL;
	config.enable_ja4_fingerprinting = f->ja4 ? envoy_bool(a, true) : NULL;
	inspect(a, "envoy.filters.listener.tls_inspector",
		"envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector", &config.base, l);
	return l;
}

static void verify_client(struct arena *a, const Portolan__Model__HostClient *wish, DownstreamTls *ret)
{
	Validation *v = ENVOY_NEW(
		a, Validation, ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__CERTIFICATE_VALIDATION_CONTEXT__INIT);

	if (wish->has_authority)
		v->trusted_ca = envoy_inline_bytes(a, wish->authority.data, wish->authority.len);
	if (wish->has_revoked)
		v->crl = envoy_inline_bytes(a, wish->revoked.data, wish->revoked.len);
	v->only_verify_leaf_cert_crl = wish->leaf_only;
	if (wish->untrusted)
		v->trust_chain_verification =
			ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__CERTIFICATE_VALIDATION_CONTEXT__TRUST_CHAIN_VERIFICATION__ACCEPT_UNTRUSTED;
	ret->require_client_certificate = envoy_bool(a, !wish->may_be_absent);
	ret->common_tls_context->validation_context_type_case =
		ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__COMMON_TLS_CONTEXT__VALIDATION_CONTEXT_TYPE_VALIDATION_CONTEXT;
	ret->common_tls_context->validation_context = v;
}

/* ALPN, in the order of preference. */
static void offer_versions(struct arena *a, const K8s__ConfigEnvoy *e,
			   Envoy__Extensions__TransportSockets__Tls__V3__CommonTlsContext *ret)
{
	static const struct {
		const char *version, *alpn;
	} rows[] = { { "HTTP/2", "h2" }, { "HTTP/1.1", "http/1.1" } };

	ret->alpn_protocols = arena_new_of(a, char *, ARRAY_SIZE(rows));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool wanted = !e->n_default_http_versions;

		for (size_t k = 0; k < e->n_default_http_versions; k++)
			wanted |= strcmp(e->default_http_versions[k], rows[i].version) == 0;
		if (wanted)
			ret->alpn_protocols[ret->n_alpn_protocols++] = (char *)rows[i].alpn;
	}
}

/* Without a Secret: with the certificate of the connection's server name. */
static Envoy__Config__Core__V3__TransportSocket *terminate_tls(struct arena *a, const struct settings *s,
							       const Portolan__Model__HostTls *wish, bool use_http)
{
	Envoy__Extensions__TransportSockets__Tls__V3__DownstreamTlsContext tls =
		ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__DOWNSTREAM_TLS_CONTEXT__INIT;
	Envoy__Extensions__TransportSockets__Tls__V3__CommonTlsContext common =
		ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__COMMON_TLS_CONTEXT__INIT;
	Envoy__Extensions__TransportSockets__Tls__V3__SdsSecretConfig sds =
		ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__SDS_SECRET_CONFIG__INIT;
	Envoy__Extensions__TransportSockets__Tls__V3__SdsSecretConfig *all_sds[] = { &sds };
	Envoy__Config__Core__V3__TransportSocket *socket =
		ENVOY_NEW(a, Envoy__Config__Core__V3__TransportSocket,
			  ENVOY__CONFIG__CORE__V3__TRANSPORT_SOCKET__INIT);

	sds.name = wish->secret;
	sds.sds_config = envoy_ads(a);
	common.tls_params = envoy_tls_parameters(a, s->config->envoy->listener->tls, wish->min_version,
						 wish->max_version);
	common.n_tls_certificate_sds_secret_configs = wish->secret ? 1 : 0;
	common.tls_certificate_sds_secret_configs = all_sds;
	if (use_http)
		offer_versions(a, s->config->envoy, &common);
	tls.common_tls_context = &common;
	if (!wish->secret)
		server_name_certificate(a, &tls);
	if (wish->client)
		verify_client(a, wish->client, &tls);
	socket->name = (char *)"envoy.transport_sockets.tls";
	socket->config_type_case = ENVOY__CONFIG__CORE__V3__TRANSPORT_SOCKET__CONFIG_TYPE_TYPED_CONFIG;
	socket->typed_config = envoy_any(a, PACKAGE_TLS "DownstreamTlsContext", &tls.base);
	return socket;
}

static FilterChain *chain(struct arena *a, const char *host, Filter *filter)
{
	FilterChain *c = ENVOY_NEW(a, FilterChain, ENVOY__CONFIG__LISTENER__V3__FILTER_CHAIN__INIT);

	c->name = (char *)host;
	c->filter_chain_match = ENVOY_NEW(a, Envoy__Config__Listener__V3__FilterChainMatch,
					  ENVOY__CONFIG__LISTENER__V3__FILTER_CHAIN_MATCH__INIT);
	c->filter_chain_match->n_server_names = 1;
	c->filter_chain_match->server_names = arena_memdup(a, &host, sizeof(host));
	c->n_filters = 1;
	c->filters = arena_memdup(a, &filter, sizeof(filter));
	return c;
}

FilterChain *envoy_tls_chain(struct arena *a, const struct settings *s, const char *host,
			     const Portolan__Model__HostTls *tls, const char *routes)
{
	struct http_spec spec = {
		.settings = s, .place = s->config->envoy->https, .stat_prefix = "ingress_https", .routes = routes,
		.host = host, .tls = tls, .asks = tls->asks
	};
	FilterChain *c = chain(a, host, http(a, &spec));

	c->transport_socket = terminate_tls(a, s, tls, true);
	return c;
}

static bool same_message(struct arena *a, const ProtobufCMessage *x, const ProtobufCMessage *y)
{
	size_t len = protobuf_c_message_get_packed_size(x);
	uint8_t *p = arena_alloc(a, len), *q = arena_alloc(a, len);

	if (len != protobuf_c_message_get_packed_size(y))
		return false;
	(void)protobuf_c_message_pack(x, p);
	(void)protobuf_c_message_pack(y, q);
	return memcmp(p, q, len) == 0;
}

bool envoy_chain_is_ordinary(struct arena *a, const struct settings *s, const char *host,
			     const Portolan__Model__HostTls *tls, const Portolan__Model__HostAsks *asks)
{
	Portolan__Model__HostTls plain = PORTOLAN__MODEL__HOST_TLS__INIT;
	FilterChain *x = envoy_tls_chain(a, s, host, tls, SERVER_NAME_CHAIN), *y;

	plain.secret = tls->secret;
	plain.asks = (Portolan__Model__HostAsks *)(uintptr_t)asks;
	y = envoy_tls_chain(a, s, SERVER_NAME_CHAIN, &plain, SERVER_NAME_CHAIN);
	x->name = y->name;
	x->filter_chain_match = y->filter_chain_match;
	return same_message(a, &x->base, &y->base);
}

Listener *envoy_shared_listener(struct arena *a, const struct settings *s, const Portolan__Model__HostAsks *asks)
{
	Portolan__Model__HostTls plain = PORTOLAN__MODEL__HOST_TLS__INIT;
	Listener *l = envoy_https_listener(a, s);
	FilterChain *c;

	plain.asks = (Portolan__Model__HostAsks *)(uintptr_t)asks;
	c = envoy_tls_chain(a, s, SERVER_NAME_CHAIN, &plain, NULL);
	c->filter_chain_match = NULL;
	l->filter_chain_matcher = server_name_matcher(a);
	l->n_filter_chains = 1;
	l->filter_chains = arena_memdup(a, &c, sizeof(c));
	return l;
}

FilterChain *envoy_fallback_chain(struct arena *a, const struct settings *s, const Portolan__Model__HostTls *tls,
				  const char *routes)
{
	FilterChain *c = envoy_tls_chain(a, s, "fallback-certificate", tls, routes);

	c->filter_chain_match->n_server_names = 0;
	c->filter_chain_match->server_names = NULL;
	c->filter_chain_match->transport_protocol = (char *)"tls";
	return c;
}

static void spread(struct arena *a, const Portolan__Model__HostTcp *tcp, TcpProxy *ret)
{
	Envoy__Extensions__Filters__Network__TcpProxy__V3__TcpProxy__WeightedCluster *w;

	if (tcp->n_clusters == 1) {
		ret->cluster_specifier_case =
			ENVOY__EXTENSIONS__FILTERS__NETWORK__TCP_PROXY__V3__TCP_PROXY__CLUSTER_SPECIFIER_CLUSTER;
		ret->cluster = tcp->clusters[0];
		return;
	}
	w = ENVOY_NEW(a, Envoy__Extensions__Filters__Network__TcpProxy__V3__TcpProxy__WeightedCluster,
		      ENVOY__EXTENSIONS__FILTERS__NETWORK__TCP_PROXY__V3__TCP_PROXY__WEIGHTED_CLUSTER__INIT);
	w->clusters = arena_new_of(a, TcpWeight *, tcp->n_clusters);
	for (size_t i = 0; i < tcp->n_clusters; i++) {
		TcpWeight *one = ENVOY_NEW(
			a, TcpWeight,
			ENVOY__EXTENSIONS__FILTERS__NETWORK__TCP_PROXY__V3__TCP_PROXY__WEIGHTED_CLUSTER__CLUSTER_WEIGHT__INIT);

		one->name = tcp->clusters[i];
		one->weight = tcp->weights[i];
		w->clusters[w->n_clusters++] = one;
	}
	ret->cluster_specifier_case =
		ENVOY__EXTENSIONS__FILTERS__NETWORK__TCP_PROXY__V3__TCP_PROXY__CLUSTER_SPECIFIER_WEIGHTED_CLUSTERS;
	ret->weighted_clusters = w;
}

FilterChain *envoy_tcp_chain(struct arena *a, const struct settings *s, const char *host,
			     const Portolan__Model__HostTls *tls, const Portolan__Model__HostTcp *tcp)
{
	TcpProxy proxy = ENVOY__EXTENSIONS__FILTERS__NETWORK__TCP_PROXY__V3__TCP_PROXY__INIT;
	Filter *f = ENVOY_NEW(a, Filter, ENVOY__CONFIG__LISTENER__V3__FILTER__INIT);
	FilterChain *c = chain(a, host, f);

	proxy.stat_prefix = (char *)"ingress_https";
	proxy.idle_timeout = envoy_duration(a, TCP_IDLE);
	envoy_access_log(a, s->config->envoy->logging, s->config->envoy->https->access_log, &proxy.access_log,
			 &proxy.n_access_log);
	spread(a, tcp, &proxy);
	f->name = (char *)"envoy.filters.network.tcp_proxy";
	f->config_type_case = ENVOY__CONFIG__LISTENER__V3__FILTER__CONFIG_TYPE_TYPED_CONFIG;
	f->typed_config = envoy_any(a, "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy", &proxy.base);
	if (tls)
		c->transport_socket = terminate_tls(a, s, tls, false);
	return c;
}
