/* Everything that clients can reach: the host names of each listener, and each host's routes in
 * Envoy's order. For comparing two worlds: names that Portolan chose are left out or made plain, so
 * two worlds that clients cannot tell apart are equal here. */
#include <string.h>

#include "common/link/version.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb-c.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb-c.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb-c.h"
#include "proto/model.pb-c.h"
#include "translator/envoy/envoy-ask.h"
#include "translator/envoy/envoy-jwt.h"
#include "translator/explain/explain-internal.h"
#include "translator/kinds.h"
#include "translator/print/print.h"

#define TLS_CONTEXT \
	envoy__extensions__transport_sockets__tls__v3__downstream_tls_context__descriptor
#define HTTP_MANAGER \
	envoy__extensions__filters__network__http_connection_manager__v3__http_connection_manager__descriptor
#define TCP_PROXY envoy__extensions__filters__network__tcp_proxy__v3__tcp_proxy__descriptor
#define RDS       EnvoyHttpConnectionManager__ROUTE_SPECIFIER_RDS
#define WEIGHTED  EnvoyTcpProxy__CLUSTER_SPECIFIER_WEIGHTED_CLUSTERS

#define MISDIRECTED 421

struct surface {
	struct explain *e;
	struct arena *chain; /* for one filter chain */
	struct arena *host;  /* for one host */
	const EnvoyListener *listener;
	const EnvoyFilterChain *filter_chain;
	const EnvoyDownstreamTlsContext *tls;
	const char *server_name; /* NULL: all */
	/* Hashes of the TLS settings, and of the settings for requests on a connection. */
	char tls_hash[VERSION_HEX + 1], connection[VERSION_HEX + 1];
	const EnvoyHttpConnectionManager *manager; /* NULL: streams */
};

/* ---- how connections are dealt with ---- */

static void add_message(struct arena *a, const ProtobufCMessage *m)
{
	size_t n = protobuf_c_message_get_packed_size(m);
	uint8_t *bytes = arena_alloc(a, n + 1);

	version_add(bytes, protobuf_c_message_pack(m, bytes));
}

/* Names of certificates are written apart. */
static void add_tls(struct surface *s)
{
	EnvoyDownstreamTlsContext tls = *s->tls;
	EnvoyCommonTlsContext common;

	if (tls.common_tls_context) {
		common = *tls.common_tls_context;
		common.n_tls_certificate_sds_secret_configs = 0;
		tls.common_tls_context = &common;
	}
	add_message(s->chain, &tls.base);
}

static void add_manager(struct surface *s, const EnvoyHttpConnectionManager *m)
{
	EnvoyHttpConnectionManager copy = *m;

	copy.stat_prefix = (char *)protobuf_c_empty_string;
	copy.route_specifier_case = 0;
	copy.rds = NULL;
	add_message(s->chain, &copy.base);
}

/* ---- who is asked about requests ---- */

static void write_guard(struct surface *s, const char *filter, const ProtobufCMessage *config)
{
	uint8_t version[VERSION_SIZE];
	char text[VERSION_HEX + 1];

	version_begin();
	add_message(s->host, config);
	version_end(version);
	version_to_hex(version, text);
	explain_string(s->e, filter, text);
}

/* Filters of the connection manager that act without being told by a route, or whose services it
 * names. */
static bool is_guard(const char *filter)
{
	static const char *const names[] = { ENVOY_AUTHORIZATION, ENVOY_JWT_FILTER,
					     ENVOY_RATE_LIMIT };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(names[i], filter) == 0)
			return true;
	return false;
}

/* Listeners that share a connection manager have their services in their hosts. */
static bool is_guard_of_host(const char *filter)
{
	return strncmp(filter, ENVOY_GUARD, strlen(ENVOY_GUARD)) == 0;
}

/* Each by its filter, as a hash of all that is said to it. */
static void write_guards(struct surface *s, const EnvoyVirtualHost *v)
{
	const EnvoyHttpConnectionManager *m = s->manager;

	document_key(s->e->d, "guards");
	document_map(s->e->d);
	for (size_t i = 0; m && i < m->n_http_filters; i++)
		if (is_guard(m->http_filters[i]->name))
			write_guard(s, m->http_filters[i]->name, &m->http_filters[i]->base);
	for (size_t i = 0; v && i < v->n_typed_per_filter_config; i++)
		if (is_guard_of_host(v->typed_per_filter_config[i]->key))
			write_guard(s, v->typed_per_filter_config[i]->key,
				    &v->typed_per_filter_config[i]->base);
	document_end(s->e->d);
}

/* ---- connections ---- */

static void hash_connection(struct surface *s, const EnvoyHttpConnectionManager *m)
{
	uint8_t version[VERSION_SIZE];

	s->tls_hash[0] = '\0';
	if (s->tls) {
		version_begin();
		add_tls(s);
		version_end(version);
		version_to_hex(version, s->tls_hash);
	}
	version_begin();
	if (m)
		add_manager(s, m);
	version_end(version);
	version_to_hex(version, s->connection);
	s->manager = m;
}

static void write_certificate(struct surface *s)
{
	const EnvoyCommonTlsContext *c = s->tls ? s->tls->common_tls_context : NULL;
	const char *name = c && c->n_tls_certificate_sds_secret_configs
				   ? c->tls_certificate_sds_secret_configs[0]->name
				   : NULL;
	const struct item *i = name ? explain_sent(s->e, RESOURCE_SECRET, name) : NULL;

	if (!name)
		return;
	document_key(s->e->d, "certificate");
	document_map(s->e->d);
	explain_string(s->e, "secret", name);
	explain_string(s->e, "version", i ? item_meta(i) : "");
	document_end(s->e->d);
}

static uint32_t port_of(const EnvoyListener *l)
{
	return l->address && l->address->address_case == EnvoyAddress__ADDRESS_SOCKET_ADDRESS
		       ? l->address->socket_address->port_value
		       : 0;
}

static bool is_udp(const EnvoyListener *l)
{
	return port_of(l) &&
	       l->address->socket_address->protocol == EnvoySocketAddress__PROTOCOL__UDP;
}

static bool is_tls13_only(const EnvoyDownstreamTlsContext *tls)
{
	const EnvoyTlsParameters *p =
		tls && tls->common_tls_context ? tls->common_tls_context->tls_params : NULL;

	return p && p->tls_minimum_protocol_version == EnvoyTlsParameters__TLS_PROTOCOL__TLSv1_3;
}

/* Begins the map of a host and its list of routes. */
static void begin_host(struct surface *s, const char *scheme, const char *host,
		       const EnvoyVirtualHost *v /* or NULL */)
{
	struct explain *e = s->e;

	document_map(e->d);
	explain_string(e, "listener", s->listener->name);
	explain_uint(e, "port", port_of(s->listener));
	explain_string(e, "scheme", scheme);
	explain_string(e, "host", host);
	explain_string(e, "connection", s->connection);
	write_guards(s, v);
	if (*s->tls_hash)
		explain_string(e, "tls", s->tls_hash);
	if (is_tls13_only(s->tls))
		explain_string(e, "minimum_tls", "1.3");
	write_certificate(s);
}

/* ---- hosts of HTTP ---- */

static void write_losses(struct surface *s, const struct explain_origins *o)
{
	struct explain *e = s->e;

	document_key(e->d, "shadowed");
	document_list(e->d);
	for (size_t i = 0; i < o->host.n_losses; i++) {
		const struct host_loss *l = &o->host.losses[i];
		const ModelHostRoute *r = l->loser.route;
		const EnvoyRoute *route =
			explain_route_unpack(s->host, o->tls || !r->http.len ? r->https : r->http);
		struct explain_origin loser, winner;

		if (!route || (o->tls && l->loser.borrowed))
			continue;
		explain_origin_set(&l->loser, &loser);
		explain_origin_set(&l->winner, &winner);
		document_map(e->d);
		explain_string(e, "match", explain_match_text(s->host, route->match));
		document_key(e->d, "made_by");
		explain_object_write(e, loser.kind, loser.key, loser.field);
		document_key(e->d, "by");
		explain_object_write(e, winner.kind, winner.key, winner.field);
		document_end(e->d);
	}
	document_end(e->d);
}

/* The virtual host's settings other than its routes. */
static void write_settings(struct surface *s, const EnvoyVirtualHost *v)
{
	EnvoyVirtualHost copy = *v;
	uint8_t *bytes;
	size_t n;

	copy.name = (char *)protobuf_c_empty_string;
	copy.n_domains = copy.n_routes = 0;
	copy.metadata = NULL;
	n = protobuf_c_message_get_packed_size(&copy.base);
	bytes = arena_alloc(s->host, n + 1);
	(void)protobuf_c_message_pack(&copy.base, bytes);
	document_key(s->e->d, "settings");
	(void)print_value(s->e->d, copy.base.descriptor, bytes, n, PRINT_REDACT);
}

static void write_host(struct surface *s, const char *table, const EnvoyVirtualHost *v,
		       const char *domain)
{
	struct explain *e = s->e;
	struct explain_origins origins;
	struct arena *kept = e->a;

	/* The memory for one host is freed with it. */
	e->a = s->host;
	explain_origins_of_table(e, table, domain, s->tls != NULL, &origins);
	begin_host(s, s->tls ? "https" : "http", domain, v);
	write_settings(s, v);
	document_key(e->d, "routes");
	document_list(e->d);
	for (size_t i = 0; i < v->n_routes; i++) {
		struct explain_origin o;

		explain_origin_of(e, &origins, v->routes[i], i, &o);
		explain_surface_route(e, v->routes[i], &o);
	}
	document_end(e->d);
	write_losses(s, &origins);
	document_end(e->d);
	e->a = kept;
	arena_reset(e->scratch);
	arena_reset(s->host);
}

/* The virtual host for requests that name another host than the connection. */
static bool is_misdirected(const EnvoyVirtualHost *v)
{
	return v->n_routes == 1 &&
	       v->routes[0]->action_case == EnvoyRoute__ACTION_DIRECT_RESPONSE &&
	       v->routes[0]->direct_response->status == MISDIRECTED;
}

static bool is_of_chain(const struct surface *s, const char *domain)
{
	return !s->server_name || explain_domain_fit(s->server_name, domain) > 0 ||
	       explain_domain_fit(domain, s->server_name) > 0;
}

static void write_table_part(struct surface *s, const char *table, const struct item *i)
{
	const EnvoyRouteConfiguration *c = message_unpack(s->chain, EnvoyRouteConfiguration, i);

	for (size_t k = 0; c && k < c->n_virtual_hosts; k++) {
		const EnvoyVirtualHost *v = c->virtual_hosts[k];

		for (size_t n = 0; n < v->n_domains && !is_misdirected(v); n++)
			if (is_of_chain(s, v->domains[n]))
				write_host(s, table, v, v->domains[n]);
	}
}

static void write_manager(struct surface *s, const EnvoyHttpConnectionManager *m)
{
	const char *table = m->route_specifier_case == RDS ? m->rds->route_config_name : "";
	const struct item *head = explain_sent(s->e, RESOURCE_ROUTE, table);
	struct item *const *parts;
	size_t n;

	hash_connection(s, m);
	if (!head)
		return;
	write_table_part(s, table, head);
	parts = explain_sent_parts(s->e, RESOURCE_ROUTE, table, &n);
	for (size_t i = 0; i < n; i++)
		write_table_part(s, table, parts[i]);
}

/* ---- streams ---- */

static void write_stream_route(struct surface *s, const char *const *clusters,
			       const uint32_t *weights, size_t n)
{
	struct explain *e = s->e;

	document_key(e->d, "routes");
	document_list(e->d);
	document_map(e->d);
	explain_string(e, "match", "any connection");
	explain_string(e, "action", "forward");
	explain_surface_clusters(e, clusters, weights, n);
	document_end(e->d);
	document_end(e->d);
	document_end(e->d);
}

static void write_tcp(struct surface *s, const EnvoyTcpProxy *p)
{
	size_t n = p->cluster_specifier_case == WEIGHTED ? p->weighted_clusters->n_clusters : 1;
	const char **names = arena_new_of(s->chain, const char *, n + 1);
	uint32_t *weights = arena_new_of(s->chain, uint32_t, n + 1);

	names[0] = p->cluster;
	for (size_t i = 0; p->cluster_specifier_case == WEIGHTED && i < n; i++) {
		names[i] = p->weighted_clusters->clusters[i]->name;
		weights[i] = p->weighted_clusters->clusters[i]->weight;
	}
	hash_connection(s, NULL);
	begin_host(s, s->server_name ? "tls" : "tcp", s->server_name ? s->server_name : "*", NULL);
	write_stream_route(s, names, p->cluster_specifier_case == WEIGHTED ? weights : NULL, n);
}

static void write_udp(struct surface *s)
{
	s->server_name = NULL;
	s->tls = NULL;
	hash_connection(s, NULL);
	begin_host(s, "udp", "*", NULL);
	write_stream_route(s, NULL, NULL, 0);
}

/* ---- listeners ---- */

static void write_chain(struct surface *s, const EnvoyFilterChain *c)
{
	for (size_t i = 0; i < c->n_filters; i++) {
		const GoogleAny *any = c->filters[i]->typed_config;
		const EnvoyHttpConnectionManager *m = explain_any(s->chain, any, &HTTP_MANAGER);
		const EnvoyTcpProxy *p = explain_any(s->chain, any, &TCP_PROXY);

		if (m)
			write_manager(s, m);
		else if (p)
			write_tcp(s, p);
	}
}

static void each_name(struct surface *s, const EnvoyFilterChain *c)
{
	const EnvoyFilterChainMatch *m = c->filter_chain_match;
	size_t n = m && m->n_server_names ? m->n_server_names : 1;

	s->filter_chain = c;
	s->tls = c->transport_socket
			 ? explain_any(s->chain, c->transport_socket->typed_config, &TLS_CONTEXT)
			 : NULL;
	for (size_t i = 0; i < n; i++) {
		s->server_name = m && m->n_server_names ? m->server_names[i] : NULL;
		write_chain(s, c);
	}
}

static const EnvoyListener *unpack(struct arena *a, const struct item *i)
{
	return message_unpack(a, EnvoyListener, i);
}

/* Whether it serves clients: Envoy's own pages do not. */
static bool is_for_clients(const char *name)
{
	return strncmp(name, "ingress_", 8) == 0 || strchr(name, '/');
}

static void write_listener(struct surface *s, const struct item *i)
{
	struct item *const *parts;
	size_t n;

	s->listener = unpack(s->e->a, i);
	if (!s->listener || !is_for_clients(s->listener->name))
		return;
	s->e->listener = s->listener->name;
	if (is_udp(s->listener))
		write_udp(s);
	for (size_t k = 0; k < s->listener->n_filter_chains; k++)
		each_name(s, s->listener->filter_chains[k]);
	parts = explain_sent_parts(s->e, RESOURCE_LISTENER, s->listener->name, &n);
	for (size_t p = 0; p < n; p++) {
		const EnvoyListener *part = unpack(s->chain, parts[p]);

		for (size_t k = 0; part && k < part->n_filter_chains; k++)
			each_name(s, part->filter_chains[k]);
		arena_reset(s->chain);
	}
}

/* ---- certificates ---- */

static void write_certificates(struct explain *e)
{
	const struct item *const *all;
	size_t n;

	document_key(e->d, "certificates");
	document_list(e->d);
	all = graph_facts(e->world.graph, FACT_CERTIFICATE, "", 0, &n);
	for (size_t i = 0; i < n; i++) {
		const ModelCertificateFact *c =
			message_unpack(e->scratch, ModelCertificateFact, all[i]);

		document_map(e->d);
		explain_string(e, "secret", item_key(all[i]));
		document_put_int(e->d, "not_after", c ? c->not_after : 0);
		document_key(e->d, "names");
		document_list(e->d);
		for (size_t k = 0; c && k < c->n_names; k++)
			document_string(e->d, c->names[k]);
		document_end(e->d);
		document_end(e->d);
		arena_reset(e->scratch);
	}
	document_end(e->d);
}

void explain_surface(struct explain *e)
{
	struct surface s = { .e = e, .chain = arena_new(65536), .host = arena_new(65536) };

	document_key(e->d, "hosts");
	document_list(e->d);
	for (size_t i = 0; i < e->n_sent; i++)
		if (e->sent[i]->kind == RESOURCE_LISTENER) {
			write_listener(&s, e->sent[i]);
			arena_reset(s.chain);
		}
	document_end(e->d);
	write_certificates(e);
	arena_free(s.chain);
	arena_free(s.host);
}
