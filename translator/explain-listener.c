/* The listener that a connection comes to, and of that the filter chain: for TLS by the name that the client
 * asks for in its handshake. Of the forms that TLS hosts are sent in it is that of a chain a host: each has its
 * own names there, and the answers are the same. Runs in the translator. */
#include <string.h>

#include "envoy/config/route/v3/scoped_route.pb-c.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb-c.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb-c.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb-c.h"
#include "translator/explain-internal.h"

typedef Envoy__Config__Listener__V3__FilterChain FilterChain;
typedef Envoy__Config__Listener__V3__Listener Listener;
typedef Envoy__Extensions__Filters__Network__TcpProxy__V3__TcpProxy TcpProxy;
typedef Envoy__Extensions__TransportSockets__Tls__V3__CommonTlsContext CommonTls;
typedef Envoy__Extensions__TransportSockets__Tls__V3__DownstreamTlsContext DownstreamTls;

#define ROUTES_RDS                                                                                          \
	ENVOY__EXTENSIONS__FILTERS__NETWORK__HTTP_CONNECTION_MANAGER__V3__HTTP_CONNECTION_MANAGER__ROUTE_SPECIFIER_RDS
#define TCP_WEIGHTED                                                                                        \
	ENVOY__EXTENSIONS__FILTERS__NETWORK__TCP_PROXY__V3__TCP_PROXY__CLUSTER_SPECIFIER_WEIGHTED_CLUSTERS

static const Listener *unpack(struct arena *a, const struct item *i)
{
	return envoy__config__listener__v3__listener__unpack(arena_pb(a), i->value_len, item_value(i));
}

/* ---- the listener ---- */

static bool is_tls(const Listener *l)
{
	for (size_t i = 0; i < l->n_listener_filters; i++)
		if (strcmp(l->listener_filters[i]->name, "envoy.filters.listener.tls_inspector") == 0)
			return true;
	for (size_t i = 0; i < l->n_filter_chains; i++)
		if (l->filter_chains[i]->transport_socket)
			return true;
	return false;
}

static uint32_t port_of(const Listener *l)
{
	const Envoy__Config__Core__V3__Address *a = l->address;

	return a && a->address_case == ENVOY__CONFIG__CORE__V3__ADDRESS__ADDRESS_SOCKET_ADDRESS ?
		       a->socket_address->port_value : 0;
}

/* The one whose port the URL has; else the first of the scheme, for what clients see as 80 and 443 is
 * mapped to Envoy's ports by somebody else. */
static const Listener *choose(struct explain *e)
{
	const Listener *chosen = NULL;

	for (size_t i = 0; i < e->n_sent; i++) {
		const Listener *l;

		if (e->sent[i]->kind != RESOURCE_LISTENER)
			continue;
		l = unpack(e->a, e->sent[i]);
		if (!l || is_tls(l) != e->request.tls)
			continue;
		if (!chosen || (port_of(l) == e->request.port && port_of(chosen) != e->request.port))
			chosen = l;
	}
	return chosen;
}

/* ---- the filter chain ---- */

struct chosen {
	const struct item *part; /* NULL: the head */
	size_t index;
	const char *name; /* the server name that fits best; NULL: for all */
	unsigned fit;	  /* 0: none */
};

static void consider(struct explain *e, struct chosen *best, const FilterChain *c, const struct item *part,
		     size_t index)
{
	const Envoy__Config__Listener__V3__FilterChainMatch *m = c->filter_chain_match;
	const char *transport = m ? m->transport_protocol : "";

	if (*transport && strcmp(transport, e->request.tls ? "tls" : "raw_buffer") != 0)
		return;
	if ((!m || !m->n_server_names) && !best->fit)
		*best = (struct chosen){ part, index, NULL, 1 };
	for (size_t i = 0; m && i < m->n_server_names; i++) {
		unsigned fit = e->request.sni ? explain_domain_fit(m->server_names[i], e->request.sni) : 0;

		if (fit > best->fit)
			*best = (struct chosen){ part, index, arena_strdup(e->a, m->server_names[i]), fit };
	}
}

static const FilterChain *choose_chain(struct explain *e, const Listener *l, struct chosen *ret)
{
	struct item *const *parts;
	size_t n;

	*ret = (struct chosen){ 0 };
	for (size_t i = 0; i < l->n_filter_chains; i++)
		consider(e, ret, l->filter_chains[i], NULL, i);
	parts = explain_sent_parts(e, RESOURCE_LISTENER, l->name, &n);
	for (size_t i = 0; i < n; i++) {
		const Listener *part = unpack(e->scratch, parts[i]);

		for (size_t k = 0; part && k < part->n_filter_chains; k++)
			consider(e, ret, part->filter_chains[k], parts[i], k);
		arena_reset(e->scratch);
	}
	if (!ret->fit)
		return NULL;
	return (ret->part ? unpack(e->a, ret->part) : l)->filter_chains[ret->index];
}

/* To newer Envoys TLS hosts are sent in the form that they share: there only names of hosts are let in, and a
 * star is one label. */
static bool is_let_in(const struct explain *e, const Listener *l, const struct chosen *chosen)
{
	const char *sni = e->request.sni, *name = chosen->name;

	if (!sni || !explain_sent(e, RESOURCE_NEWER_LISTENER, l->name))
		return true;
	if (!name)
		return false;
	return *name != '*' || strcspn(sni, ".") == strlen(sni) - strlen(name + 1);
}

/* ---- TLS ---- */

static const CommonTls *common_tls(struct explain *e, const FilterChain *c, bool *ret_client)
{
	const DownstreamTls *tls =
		c->transport_socket ?
			explain_any(e->a, c->transport_socket->typed_config,
				    &envoy__extensions__transport_sockets__tls__v3__downstream_tls_context__descriptor) :
			NULL;

	*ret_client = tls && tls->require_client_certificate && tls->require_client_certificate->value;
	return tls ? tls->common_tls_context : NULL;
}

static const char *secret_of(const CommonTls *common)
{
	return common->n_tls_certificate_sds_secret_configs ?
		       common->tls_certificate_sds_secret_configs[0]->name : NULL;
}

/* To newer Envoys the host is sent as one that shares a chain, which serves it in the same way. */
static bool is_shared(struct explain *e, const char *host)
{
	const struct item *i = host ? explain_sent(e, RESOURCE_SCOPED_ROUTE, host) : NULL;
	const Envoy__Config__Route__V3__ScopedRouteConfiguration *s =
		i ? envoy__config__route__v3__scoped_route_configuration__unpack(
			    arena_pb(e->scratch), i->value_len, item_value(i)) :
		    NULL;

	return s && strcmp(s->route_configuration_name, UNITS_MISDIRECTED) != 0;
}

static void write_tls_owner(struct explain *e, const char *host)
{
	const struct item *const *facts;
	Portolan__Model__HostRoutes **wishes;
	size_t n, routes = 0;

	facts = graph_facts(e->t->graph, FACT_HOST, host, strlen(host), &n);
	wishes = host_merge_unpack(e->a, facts, n, &routes);
	for (size_t i = 0; i < n; i++)
		if (wishes[i]->tls || wishes[i]->tcp) {
			document_key(e->d, "made_by");
			explain_object_write(e, (enum object_kind)wishes[i]->object_kind, wishes[i]->object_key,
					     wishes[i]->tls ? wishes[i]->tls->field : "spec.tcpproxy");
			return;
		}
}

/* Returns whether the handshake can succeed. */
static bool write_chain(struct explain *e, const FilterChain *c, const struct chosen *chosen)
{
	bool client, done = true;
	const CommonTls *common = common_tls(e, c, &client);
	const char *secret = common ? secret_of(common) : NULL;

	document_key(e->d, "filter_chain");
	document_map(e->d);
	if (*c->name)
		explain_string(e, "name", c->name);
	if (chosen->name)
		explain_string(e, "server_name", chosen->name);
	if (e->request.tls)
		explain_string(e, "tls", common ? "terminated" : "passed through");
	if (secret) {
		explain_string(e, "secret", secret);
		done = explain_sent(e, RESOURCE_SECRET, secret) != NULL;
		document_key(e->d, "secret_made_by");
		explain_made_from(e, RESOURCE_SECRET, secret);
	}
	if (client)
		explain_string(e, "client_certificate", "required");
	if (is_shared(e, chosen->name)) {
		document_key(e->d, "shared");
		document_bool(e->d, true);
	}
	write_tls_owner(e, chosen->name ? chosen->name : *c->name ? c->name : "*");
	document_end(e->d);
	return done;
}

/* ---- what the chain does ---- */

static bool write_http(struct explain *e, const HttpManager *m)
{
	e->manager = m;
	explain_request_take(e, m);
	if (e->request.refused) {
		explain_nothing(e, "bad-request", 400, e->request.refused);
		return false;
	}
	return explain_route_write(e, m->route_specifier_case == ROUTES_RDS ? m->rds->route_config_name : "");
}

static bool write_tcp(struct explain *e, const TcpProxy *p)
{
	size_t n = p->cluster_specifier_case == TCP_WEIGHTED ? p->weighted_clusters->n_clusters : 0, endpoints;
	char **names = arena_new_of(e->a, char *, n + 1);
	uint32_t *weights = arena_new_of(e->a, uint32_t, n + 1);

	explain_string(e, "action", "tcp");
	for (size_t i = 0; i < n; i++) {
		names[i] = p->weighted_clusters->clusters[i]->name;
		weights[i] = p->weighted_clusters->clusters[i]->weight;
	}
	endpoints = n ? explain_clusters_write(e, names, weights, n) :
			explain_clusters_write(e, &p->cluster, NULL, 1);
	if (!endpoints)
		explain_string(e, "why", "no endpoint is there to take it: Envoy closes the connection");
	return endpoints > 0;
}

static bool write_filter(struct explain *e, const FilterChain *c)
{
	for (size_t i = 0; i < c->n_filters; i++) {
		const Google__Protobuf__Any *any = c->filters[i]->typed_config;
		const HttpManager *m = explain_any(
			e->a, any,
			&envoy__extensions__filters__network__http_connection_manager__v3__http_connection_manager__descriptor);
		const TcpProxy *p = explain_any(
			e->a, any, &envoy__extensions__filters__network__tcp_proxy__v3__tcp_proxy__descriptor);

		if (m)
			return write_http(e, m);
		if (p)
			return write_tcp(e, p);
	}
	explain_nothing(e, "refused", 0, "the filter chain is for neither HTTP nor TCP");
	return false;
}

static void write_listener(struct explain *e, const Listener *l)
{
	document_key(e->d, "listener");
	document_map(e->d);
	explain_string(e, "name", l->name);
	if (port_of(l))
		explain_string(e, "address", l->address->socket_address->address);
	explain_uint(e, "port", port_of(l));
	document_end(e->d);
}

bool explain_listener_write(struct explain *e)
{
	const Listener *l = choose(e);
	struct chosen chosen;
	const FilterChain *c;

	if (!l) {
		explain_nothing(e, "refused", 0,
				e->request.tls ? "there is no listener for TLS: no object brings a certificate" :
						 "there is no listener for plain HTTP");
		document_key(e->d, "absent");
		explain_absent_write(e, e->request.host);
		return false;
	}
	write_listener(e, l);
	c = choose_chain(e, l, &chosen);
	if (!c || !is_let_in(e, l, &chosen)) {
		explain_nothing(e, "tls-failure", 0,
				e->request.sni ? arena_printf(e->a, "no object serves %s with TLS, so the handshake fails",
							      e->request.sni) :
						 "without a server name (SNI) the handshake fails");
		document_key(e->d, "absent");
		explain_absent_write(e, e->request.sni ? e->request.sni : e->request.host);
		return false;
	}
	if (!write_chain(e, c, &chosen)) {
		explain_nothing(e, "tls-failure", 0, "there is no certificate, so the handshake fails");
		return false;
	}
	return write_filter(e, c);
}
