/* Listeners and their treatment of connections. */
#include <string.h>

#include "common/base/clock.h"
#include "envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol.pb-c.h"
#include "envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.pb-c.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb-c.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb-c.h"
#include "translator/envoy/envoy-access-log.h"
#include "translator/envoy/envoy-filters.h"
#include "translator/envoy/envoy-forwarded.h"
#include "translator/envoy/envoy-http.h"
#include "translator/envoy/envoy-listener.h"
#include "translator/envoy/envoy-server-name.h"
#include "translator/envoy/envoy-tracing.h"

#define HCM      "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
#define TCP_IDLE (9001 * USEC_PER_SEC) /* of a connection that is passed on */
#define PACKAGE_TLS "envoy.extensions.transport_sockets.tls.v3."

static void add_option(struct arena *a, EnvoyListener *l, int64_t level, int64_t name,
		       int64_t value)
{
	EnvoySocketOption *o = message_new(a, EnvoySocketOption);

	o->level = level;
	o->name = name;
	o->value_case = EnvoySocketOption__VALUE_INT_VALUE;
	o->int_value = value;
	o->state = EnvoySocketOption__SOCKET_STATE__STATE_LISTENING;
	l->socket_options[l->n_socket_options++] = o;
}

/* SO_KEEPALIVE, and TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT of tcp(7). */
static const struct {
	int64_t level, name, value;
} keep_alive[] = { { 1, 9, 1 }, { 6, 4, 45 }, { 6, 5, 5 }, { 6, 6, 9 } };

#define MARKS_MAX 2

void envoy_keep_alive(struct arena *a, EnvoyListener *l)
{
	l->socket_options =
		arena_new_of(a, EnvoySocketOption *, ARRAY_SIZE(keep_alive) + MARKS_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(keep_alive); i++)
		add_option(a, l, keep_alive[i].level, keep_alive[i].name, keep_alive[i].value);
}

/* IP_TOS of ip(7), IPV6_TCLASS of ipv6(7), which a socket of IPv4 does not have. */
static void mark_packets(struct arena *a, const K8s__ConfigSocketOptions *o, const char *address,
			 EnvoyListener *l)
{
	if (o->tos)
		add_option(a, l, 0, 1, o->tos);
	if (o->traffic_class && strchr(address, ':'))
		add_option(a, l, 41, 67, o->traffic_class);
}

/* Limits of connections and buffers, and the choice of a thread. */
static void take_connections(struct arena *a, const K8s__ConfigListener *c, EnvoyListener *l)
{
	if (c->has_per_connection_buffer_limit_bytes)
		l->per_connection_buffer_limit_bytes =
			envoy_uint32(a, c->per_connection_buffer_limit_bytes);
	if (c->has_max_connections_to_accept_per_socket_event)
		l->max_connections_to_accept_per_socket_event =
			envoy_uint32(a, c->max_connections_to_accept_per_socket_event);
	if (strcmp(c->connection_balancer, "exact") != 0)
		return;
	l->connection_balance_config = message_new(a, EnvoyListenerConnectionBalanceConfig);
	l->connection_balance_config->balance_type_case =
		EnvoyListenerConnectionBalanceConfig__BALANCE_TYPE_EXACT_BALANCE;
	l->connection_balance_config->exact_balance =
		message_new(a, EnvoyListenerConnectionBalanceConfigExactBalance);
}

/* x-forwarded-client-cert, with these parts. */
static void tell_of_client(struct arena *a, const ModelHostClientForward *desired,
			   EnvoyHttpConnectionManager *m)
{
	EnvoyHttpConnectionManagerSetCurrentClientCertDetails *d =
		message_new(a, EnvoyHttpConnectionManagerSetCurrentClientCertDetails);

	d->subject = desired->subject ? envoy_bool(a, true) : NULL;
	d->cert = desired->cert;
	d->chain = desired->chain;
	d->dns = desired->dns;
	d->uri = desired->uri;
	m->forward_client_cert_details =
		EnvoyHttpConnectionManager__FORWARD_CLIENT_CERT_DETAILS__SANITIZE_SET;
	m->set_current_client_cert_details = d;
}

static void route_by_table(struct arena *a, const char *name, EnvoyHttpConnectionManager *ret)
{
	ret->route_specifier_case = EnvoyHttpConnectionManager__ROUTE_SPECIFIER_RDS;
	ret->rds = message_new(a, EnvoyRds);
	ret->rds->config_source = envoy_ads(a);
	ret->rds->route_config_name = (char *)name;
}

EnvoyFilter *envoy_listener_http(struct arena *a, const struct http_spec *spec)
{
	EnvoyHttpConnectionManager m = EnvoyHttpConnectionManager__INIT;
	EnvoyFilter *f = message_new(a, EnvoyFilter);

	m.stat_prefix = (char *)spec->stat_prefix;
	if (spec->routes)
		route_by_table(a, spec->routes, &m);
	else
		server_name_routes(a, &m);
	envoy_filters(a, spec, &m);
	envoy_http_options(a, spec->settings, &m);
	if (spec->settings->config->portolan->ingress_nginx->enabled && spec->place)
		envoy_forwarded_keep(a, &m);
	if (spec->services && spec->services->forwarded)
		envoy_forwarded_believe(&m);
	envoy_access_log(a, spec->settings->config->envoy->logging, spec->place->access_log,
			 spec->settings->config->portolan->ingress_nginx->enabled, &m.access_log,
			 &m.n_access_log);
	if (spec->tracing)
		m.tracing = envoy_tracing_of(a, spec->tracing);
	else if (spec->services && spec->services->collector)
		m.tracing = envoy_tracing(a, spec->settings->config->tracing,
					  spec->services->collector);
	if (spec->tls && spec->tls->client && spec->tls->client->forward)
		tell_of_client(a, spec->tls->client->forward, &m);
	if (spec->http3)
		m.codec_type = EnvoyHttpConnectionManager__CODEC_TYPE__HTTP3;
	f->name = (char *)"envoy.filters.network.http_connection_manager";
	f->config_type_case = EnvoyFilter__CONFIG_TYPE_TYPED_CONFIG;
	f->typed_config = envoy_any(a, HCM, &m.base);
	return f;
}

static void inspect(struct arena *a, const char *name, const char *type,
		    const ProtobufCMessage *config, EnvoyListener *l)
{
	EnvoyListenerFilter *f = message_new(a, EnvoyListenerFilter);

	f->name = (char *)name;
	f->config_type_case = EnvoyListenerFilter__CONFIG_TYPE_TYPED_CONFIG;
	f->typed_config = envoy_any(a, type, config);
	l->listener_filters[l->n_listener_filters++] = f;
}

EnvoyListener *envoy_listener_at(struct arena *a, const struct settings *s, const char *name,
				 const K8s__ConfigEnvoyListener *place)
{
	EnvoyProxyProtocol proxy = EnvoyProxyProtocol__INIT;
	const K8s__ConfigListener *c = s->config->envoy->listener;
	EnvoyListener *l = message_new(a, EnvoyListener);

	l->name = (char *)name;
	l->address = envoy_address(a, place->address, (uint32_t)place->port);
	envoy_keep_alive(a, l);
	mark_packets(a, c->socket_options, place->address, l);
	take_connections(a, c, l);
	l->listener_filters = arena_new_of(a, EnvoyListenerFilter *, 2);
	if (c->use_proxy_protocol)
		inspect(a, "envoy.filters.listener.proxy_protocol",
			"envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol",
			&proxy.base, l);
	return l;
}

EnvoyListener *envoy_http_listener(struct arena *a, const struct settings *s,
				   const ModelHostServices *services)
{
	EnvoyListener *l = envoy_listener_at(a, s, "ingress_http", s->config->envoy->http);
	EnvoyFilterChain *chain = message_new(a, EnvoyFilterChain);
	struct http_spec spec = { .settings = s,
				  .place = s->config->envoy->http,
				  .stat_prefix = "ingress_http",
				  .routes = "ingress_http",
				  .services = services };
	EnvoyFilter *filter = envoy_listener_http(a, &spec);

	chain->n_filters = 1;
	chain->filters = arena_memdup(a, &filter, sizeof(filter));
	l->n_filter_chains = 1;
	l->filter_chains = arena_memdup(a, &chain, sizeof(chain));
	return l;
}

void envoy_listener_inspect_tls(struct arena *a, const struct settings *s, EnvoyListener *ret)
{
	EnvoyTlsInspector config = EnvoyTlsInspector__INIT;
	const K8s__ConfigFingerprint *f = s->config->envoy->listener->tls->fingerprint;

	config.enable_ja3_fingerprinting = f->ja3 ? envoy_bool(a, true) : NULL;
	config.enable_ja4_fingerprinting = f->ja4 ? envoy_bool(a, true) : NULL;
	inspect(a, "envoy.filters.listener.tls_inspector",
		"envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector", &config.base,
		ret);
}

EnvoyListener *envoy_https_listener(struct arena *a, const struct settings *s)
{
	EnvoyListener *l = envoy_listener_at(a, s, "ingress_https", s->config->envoy->https);

	envoy_listener_inspect_tls(a, s, l);
	return l;
}

static void verify_client(struct arena *a, const ModelHostClient *desired,
			  EnvoyDownstreamTlsContext *ret)
{
	EnvoyCertificateValidationContext *v = message_new(a, EnvoyCertificateValidationContext);

	if (desired->has_authority)
		v->trusted_ca =
			envoy_inline_bytes(a, desired->authority.data, desired->authority.len);
	if (desired->has_revoked)
		v->crl = envoy_inline_bytes(a, desired->revoked.data, desired->revoked.len);
	v->only_verify_leaf_cert_crl = desired->leaf_only;
	if (desired->untrusted)
		v->trust_chain_verification =
			EnvoyCertificateValidationContext__TRUST_CHAIN_VERIFICATION__ACCEPT_UNTRUSTED;
	if (desired->has_max_depth)
		v->max_verify_depth = envoy_uint32(a, desired->max_depth);
	/* A resumed session does not tell how its certificate was verified
	 * (envoy.config.route.v3.RouteMatch.TlsContextMatchOptions). */
	if (desired->by_routes) {
		ret->session_ticket_keys_type_case =
			EnvoyDownstreamTlsContext__SESSION_TICKET_KEYS_TYPE_DISABLE_STATELESS_SESSION_RESUMPTION;
		ret->disable_stateless_session_resumption = true;
		ret->disable_stateful_session_resumption = true;
	}
	ret->require_client_certificate = envoy_bool(a, !desired->may_be_absent);
	ret->common_tls_context->validation_context_type_case =
		EnvoyCommonTlsContext__VALIDATION_CONTEXT_TYPE_VALIDATION_CONTEXT;
	ret->common_tls_context->validation_context = v;
}

/* ALPN, in the order of preference. */
static void offer_versions(struct arena *a, const K8s__ConfigEnvoy *e, EnvoyCommonTlsContext *ret)
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

static void add_secret(struct arena *a, const char *name, EnvoyCommonTlsContext *ret)
{
	EnvoySdsSecretConfig *sds = message_new(a, EnvoySdsSecretConfig);

	sds->name = (char *)name;
	sds->sds_config = envoy_ads(a);
	ret->tls_certificate_sds_secret_configs[ret->n_tls_certificate_sds_secret_configs++] = sds;
}

EnvoyDownstreamTlsContext *envoy_listener_tls(struct arena *a, const struct settings *s,
					      const ModelHostTls *desired, bool use_http)
{
	EnvoyDownstreamTlsContext *tls = message_new(a, EnvoyDownstreamTlsContext);
	EnvoyCommonTlsContext *common = message_new(a, EnvoyCommonTlsContext);
	K8s__ConfigTLS parameters = *s->config->envoy->listener->tls;

	if (desired->n_ciphers) {
		parameters.cipher_suites = desired->ciphers;
		parameters.n_cipher_suites = desired->n_ciphers;
	}
	common->tls_params =
		envoy_tls_parameters(a, &parameters, desired->min_version, desired->max_version);
	common->tls_certificate_sds_secret_configs =
		arena_new_of(a, EnvoySdsSecretConfig *, desired->n_more_secrets + 1);
	if (desired->secret)
		add_secret(a, desired->secret, common);
	for (size_t i = 0; i < desired->n_more_secrets; i++)
		add_secret(a, desired->more_secrets[i], common);
	if (use_http)
		offer_versions(a, s->config->envoy, common);
	tls->common_tls_context = common;
	if (!desired->secret)
		server_name_certificate(a, tls);
	if (desired->client)
		verify_client(a, desired->client, tls);
	return tls;
}

EnvoyTransportSocket *envoy_listener_terminate(struct arena *a, const struct settings *s,
					       const ModelHostTls *desired, bool use_http)
{
	EnvoyDownstreamTlsContext *tls = envoy_listener_tls(a, s, desired, use_http);
	EnvoyTransportSocket *socket = message_new(a, EnvoyTransportSocket);

	socket->name = (char *)"envoy.transport_sockets.tls";
	socket->config_type_case = EnvoyTransportSocket__CONFIG_TYPE_TYPED_CONFIG;
	socket->typed_config = envoy_any(a, PACKAGE_TLS "DownstreamTlsContext", &tls->base);
	return socket;
}

EnvoyFilterChain *envoy_listener_chain(struct arena *a, const char *host, EnvoyFilter *filter)
{
	EnvoyFilterChain *c = message_new(a, EnvoyFilterChain);

	c->name = (char *)host;
	c->filter_chain_match = message_new(a, EnvoyFilterChainMatch);
	c->filter_chain_match->n_server_names = 1;
	c->filter_chain_match->server_names = arena_memdup(a, &host, sizeof(host));
	c->n_filters = 1;
	c->filters = arena_memdup(a, &filter, sizeof(filter));
	return c;
}

EnvoyFilterChain *envoy_tls_chain(struct arena *a, const struct settings *s, const char *host,
				  const ModelHostTls *tls, const char *routes)
{
	struct http_spec spec = { .settings = s,
				  .place = s->config->envoy->https,
				  .stat_prefix = "ingress_https",
				  .routes = routes,
				  .host = host,
				  .tls = tls,
				  .services = tls->services };
	EnvoyFilterChain *c = envoy_listener_chain(a, host, envoy_listener_http(a, &spec));

	c->transport_socket = envoy_listener_terminate(a, s, tls, true);
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
			     const ModelHostTls *tls, const ModelHostServices *services)
{
	ModelHostTls plain = ModelHostTls__INIT;
	EnvoyFilterChain *x = envoy_tls_chain(a, s, host, tls, SERVER_NAME_CHAIN), *y;

	plain.secret = tls->secret;
	/* The shared chain can rewrite cookies, and does where a route says so. */
	plain.has_cookies = plain.cookies = tls->cookies;
	plain.services = (ModelHostServices *)(uintptr_t)services;
	y = envoy_tls_chain(a, s, SERVER_NAME_CHAIN, &plain, SERVER_NAME_CHAIN);
	x->name = y->name;
	x->filter_chain_match = y->filter_chain_match;
	return same_message(a, &x->base, &y->base);
}

EnvoyListener *envoy_shared_listener(struct arena *a, const struct settings *s,
				     const ModelHostServices *services)
{
	ModelHostTls plain = ModelHostTls__INIT;
	EnvoyListener *l = envoy_https_listener(a, s);
	EnvoyFilterChain *c;

	plain.has_cookies = plain.cookies = 1;
	plain.services = (ModelHostServices *)(uintptr_t)services;
	c = envoy_tls_chain(a, s, SERVER_NAME_CHAIN, &plain, NULL);
	c->filter_chain_match = NULL;
	l->filter_chain_matcher = server_name_matcher(a);
	l->n_filter_chains = 1;
	l->filter_chains = arena_memdup(a, &c, sizeof(c));
	return l;
}

EnvoyFilterChain *envoy_fallback_chain(struct arena *a, const struct settings *s,
				       const ModelHostTls *tls, const char *routes)
{
	EnvoyFilterChain *c = envoy_tls_chain(a, s, "fallback-certificate", tls, routes);

	c->filter_chain_match->n_server_names = 0;
	c->filter_chain_match->server_names = NULL;
	c->filter_chain_match->transport_protocol = (char *)"tls";
	return c;
}

void envoy_listener_spread(struct arena *a, const ModelHostTcp *tcp, EnvoyTcpProxy *ret)
{
	EnvoyTcpProxyWeightedCluster *w;

	if (tcp->n_clusters == 1) {
		ret->cluster_specifier_case = EnvoyTcpProxy__CLUSTER_SPECIFIER_CLUSTER;
		ret->cluster = tcp->clusters[0];
		return;
	}
	w = message_new(a, EnvoyTcpProxyWeightedCluster);
	w->clusters = arena_new_of(a, EnvoyTcpProxyWeightedClusterClusterWeight *, tcp->n_clusters);
	for (size_t i = 0; i < tcp->n_clusters; i++) {
		EnvoyTcpProxyWeightedClusterClusterWeight *one =
			message_new(a, EnvoyTcpProxyWeightedClusterClusterWeight);

		one->name = tcp->clusters[i];
		one->weight = tcp->weights[i];
		w->clusters[w->n_clusters++] = one;
	}
	ret->cluster_specifier_case = EnvoyTcpProxy__CLUSTER_SPECIFIER_WEIGHTED_CLUSTERS;
	ret->weighted_clusters = w;
}

EnvoyFilterChain *envoy_tcp_chain(struct arena *a, const struct settings *s, const char *host,
				  const ModelHostTls *tls, const ModelHostTcp *tcp)
{
	EnvoyTcpProxy proxy = EnvoyTcpProxy__INIT;
	EnvoyFilter *f = message_new(a, EnvoyFilter);
	EnvoyFilterChain *c = envoy_listener_chain(a, host, f);

	proxy.stat_prefix = (char *)"ingress_https";
	proxy.idle_timeout = envoy_duration(a, TCP_IDLE);
	envoy_access_log(a, s->config->envoy->logging, s->config->envoy->https->access_log, false,
			 &proxy.access_log, &proxy.n_access_log);
	envoy_listener_spread(a, tcp, &proxy);
	f->name = (char *)"envoy.filters.network.tcp_proxy";
	f->config_type_case = EnvoyFilter__CONFIG_TYPE_TYPED_CONFIG;
	f->typed_config =
		envoy_any(a, "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy", &proxy.base);
	if (tls)
		c->transport_socket = envoy_listener_terminate(a, s, tls, false);
	return c;
}
