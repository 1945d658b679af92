/* Finds a connection's listener and filter chain; for TLS, the handshake's server name decides the
 * chain. Uses the form with a chain for each host: there each chain has its own names, and the
 * answers are the same in the shared form. */
#include <string.h>

#include "envoy/config/route/v3/scoped_route.pb-c.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb-c.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb-c.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb-c.h"
#include "translator/explain/explain-internal.h"
#include "translator/host/want-domain.h"
#include "translator/host/want.h"
#include "translator/kinds.h"
#include "translator/model/front-end.h"
#include "translator/model/host-name.h"

#define ROUTES_RDS   EnvoyHttpConnectionManager__ROUTE_SPECIFIER_RDS
#define TCP_WEIGHTED EnvoyTcpProxy__CLUSTER_SPECIFIER_WEIGHTED_CLUSTERS

static const EnvoyListener *unpack(struct arena *a, const struct item *i)
{
	return message_unpack(a, EnvoyListener, i);
}

/* ---- the listener ---- */

static bool is_tcp(const EnvoyListener *l)
{
	return !l->address || l->address->address_case != EnvoyAddress__ADDRESS_SOCKET_ADDRESS ||
	       l->address->socket_address->protocol == EnvoySocketAddress__PROTOCOL__TCP;
}

/* Whether plain connections have a chain of their own, beside those for TLS. */
static bool takes_both(const EnvoyListener *l)
{
	for (size_t i = 0; i < l->n_filter_chains; i++) {
		const EnvoyFilterChainMatch *m = l->filter_chains[i]->filter_chain_match;

		if (m && strcmp(m->transport_protocol, "raw_buffer") == 0)
			return true;
	}
	return false;
}

static bool is_tls(const EnvoyListener *l)
{
	for (size_t i = 0; i < l->n_listener_filters; i++)
		if (strcmp(l->listener_filters[i]->name, "envoy.filters.listener.tls_inspector") ==
		    0)
			return true;
	for (size_t i = 0; i < l->n_filter_chains; i++)
		if (l->filter_chains[i]->transport_socket)
			return true;
	return false;
}

static uint32_t port_of(const EnvoyListener *l)
{
	const EnvoyAddress *a = l->address;

	return a && a->address_case == EnvoyAddress__ADDRESS_SOCKET_ADDRESS
		       ? a->socket_address->port_value
		       : 0;
}

/* Whether l is the better choice than other: the one with the URL's port; without a port in the
 * URL, with the scheme's default; else one of Ingress and HTTPProxy, as a load balancer usually
 * maps 80 and 443 to Envoy's ports. */
static bool is_meant(const struct explain *e, const EnvoyListener *l, const EnvoyListener *other)
{
	uint32_t port = e->request.port ? e->request.port : e->request.tls ? 443 : 80;
	bool fits = port_of(l) == port, other_fits = port_of(other) == port;

	if (fits != other_fits)
		return fits;
	return strncmp(l->name, "ingress_", 8) == 0 && strncmp(other->name, "ingress_", 8) != 0;
}

static const EnvoyListener *choose(struct explain *e)
{
	const EnvoyListener *chosen = NULL;

	for (size_t i = 0; i < e->n_sent; i++) {
		const EnvoyListener *l;

		if (e->sent[i]->kind != RESOURCE_LISTENER)
			continue;
		l = unpack(e->a, e->sent[i]);
		if (!l || !is_tcp(l) || (is_tls(l) != e->request.tls && !takes_both(l)))
			continue;
		if (!chosen || is_meant(e, l, chosen))
			chosen = l;
	}
	return chosen;
}

/* ---- the filter chain ---- */

struct chosen {
	const struct item *part; /* NULL: the head */
	size_t index;
	const char *name; /* the server name that fits best; NULL: for all */
	unsigned fit;     /* 0: does not fit */
};

static void consider(struct explain *e, struct chosen *best, const EnvoyFilterChain *c,
		     const struct item *part, size_t index)
{
	const EnvoyFilterChainMatch *m = c->filter_chain_match;
	const char *transport = m ? m->transport_protocol : "";

	if (*transport && strcmp(transport, e->request.tls ? "tls" : "raw_buffer") != 0)
		return;
	if ((!m || !m->n_server_names) && !best->fit)
		*best = (struct chosen){ part, index, NULL, 1 };
	for (size_t i = 0; m && i < m->n_server_names; i++) {
		unsigned fit =
			e->request.sni ? explain_domain_fit(m->server_names[i], e->request.sni) : 0;

		if (fit > best->fit)
			*best = (struct chosen){ part, index,
						 arena_strdup(e->a, m->server_names[i]), fit };
	}
}

static const EnvoyFilterChain *choose_chain(struct explain *e, const EnvoyListener *l,
					    struct chosen *ret)
{
	struct item *const *parts;
	size_t n;

	*ret = (struct chosen){ 0 };
	for (size_t i = 0; i < l->n_filter_chains; i++)
		consider(e, ret, l->filter_chains[i], NULL, i);
	parts = explain_sent_parts(e, RESOURCE_LISTENER, l->name, &n);
	for (size_t i = 0; i < n; i++) {
		const EnvoyListener *part = unpack(e->scratch, parts[i]);

		for (size_t k = 0; part && k < part->n_filter_chains; k++)
			consider(e, ret, part->filter_chains[k], parts[i], k);
		arena_reset(e->scratch);
	}
	if (!ret->fit)
		return NULL;
	return (ret->part ? unpack(e->a, ret->part) : l)->filter_chains[ret->index];
}

/* Newer Envoys get TLS hosts in the shared form: it admits only names of hosts, and a star covers
 * one label. */
static bool is_let_in(const struct explain *e, const EnvoyListener *l, const struct chosen *chosen)
{
	const char *sni = e->request.sni, *name = chosen->name;

	if (!sni || !explain_sent(e, RESOURCE_NEWER_LISTENER, l->name))
		return true;
	if (!name)
		return false;
	return *name != '*' || strcspn(sni, ".") == strlen(sni) - strlen(name + 1);
}

/* *ret_client: whether clients are asked for a certificate: "required"; "optional" where routes or
 * backends decide; or NULL. */
static const EnvoyCommonTlsContext *common_tls(struct explain *e, const EnvoyFilterChain *c,
					       const char **ret_client)
{
	const GoogleAny *any = c->transport_socket ? c->transport_socket->typed_config : NULL;
	const EnvoyDownstreamTlsContext *tls =
		explain_any(e->a, any, &EnvoyDownstreamTlsContext__descriptor);
	const EnvoyCommonTlsContext *common = tls ? tls->common_tls_context : NULL;

	*ret_client = tls && tls->require_client_certificate &&
				      tls->require_client_certificate->value
			      ? "required"
		      : common && common->validation_context_type_case ? "optional"
								       : NULL;
	return common;
}

static const char *secret_of(const EnvoyCommonTlsContext *common)
{
	return common->n_tls_certificate_sds_secret_configs
		       ? common->tls_certificate_sds_secret_configs[0]->name
		       : NULL;
}

/* Newer Envoys get the host in the shared form, which serves it in the same way. */
static bool is_shared(struct explain *e, const char *host)
{
	const struct item *i = host ? explain_sent(e, RESOURCE_SCOPED_ROUTE, host) : NULL;
	const EnvoyScopedRouteConfiguration *s =
		message_unpack(e->scratch, EnvoyScopedRouteConfiguration, i);

	return s && strcmp(s->route_configuration_name, TABLE_MISDIRECTED) != 0;
}

static void write_tls_owner(struct explain *e, const char *host)
{
	const struct item *const *facts;
	ModelHostRoutes **specs;
	size_t n, routes = 0;

	facts = graph_facts(e->world.graph, FACT_HOST, host, strlen(host), &n);
	specs = host_merge_unpack(e->a, facts, n, &routes);
	for (size_t i = 0; i < n; i++)
		if (specs[i]->tls || specs[i]->tcp) {
			const struct explain_origin o = {
				.kind = (enum object_kind)specs[i]->object_kind,
				.key = specs[i]->object_key,
				.field = specs[i]->tls ? specs[i]->tls->field : "spec.tcpproxy",
			};

			document_key(e->d, "made_by");
			explain_origin_write(e, &o);
			return;
		}
}

/* ---- what Envoys refuse ---- */

static const char *secret_refused(struct explain *e, const EnvoySdsSecretConfig *s,
				  const char *effect)
{
	return s ? explain_refusal_of(e, RESOURCE_SECRET, s->name, NULL, 0, effect) : NULL;
}

/* Envoy makes one thing of all: where it gets a bad one first, the handshake fails. Otherwise it
 * shows the others, whatever the name. */
static const char *certificates_refused(struct explain *e, const EnvoyCommonTlsContext *c,
					const char *effect)
{
	size_t n = c->n_tls_certificate_sds_secret_configs, n_refused = 0;
	const char *why = NULL;

	for (size_t i = 0; i < n; i++) {
		const char *refused = secret_refused(
			e, c->tls_certificate_sds_secret_configs[i],
			n > 1 ? "the handshake fails, or shows the other certificates" : effect);

		n_refused += refused != NULL;
		why = why ? why : refused;
	}
	return n_refused == n ? why : NULL;
}

const char *explain_secrets_refused(struct explain *e, const EnvoyCommonTlsContext *c,
				    const char *effect)
{
	const char *why[3] = { 0 };

	if (!c)
		return NULL;
	why[0] = certificates_refused(e, c, effect);
	why[1] = secret_refused(e, c->validation_context_sds_secret_config, effect);
	if (c->combined_validation_context)
		why[2] = secret_refused(
			e, c->combined_validation_context->validation_context_sds_secret_config,
			effect);
	return why[0] ? why[0] : why[1] ? why[1] : why[2];
}

/* Why no Envoy can finish a handshake, or NULL. */
static const char *handshake_refused(struct explain *e, const EnvoyCommonTlsContext *c,
				     const char *host)
{
	static const char effect[] = "the handshake fails";
	const char *why = explain_secrets_refused(e, c, effect);

	if (host)
		(void)explain_refusal_of(e, RESOURCE_SCOPED_ROUTE, host, NULL, 0,
					 "a request is answered with 404");
	return why ? arena_printf(e->a, "%s; so %s", why, effect) : NULL;
}

/* Why no Envoy listens, or NULL. */
static const char *listener_refused(struct explain *e, const char *name, const struct item *part)
{
	static const char effect[] = "no connection is taken";

	if (explain_sent(e, RESOURCE_NEWER_LISTENER, name))
		(void)explain_refusal_of(e, RESOURCE_NEWER_LISTENER, name, NULL, 0, effect);
	return explain_refusal_of(e, RESOURCE_LISTENER, name, part ? part->data : NULL,
				  part ? part->key_len : 0, effect);
}

/* ---- TLS ---- */

/* Returns why the handshake cannot succeed, or NULL. */
static const char *write_chain(struct explain *e, const EnvoyFilterChain *c,
			       const struct chosen *chosen)
{
	const char *why = NULL, *client;
	const EnvoyCommonTlsContext *common = common_tls(e, c, &client);
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
		if (!explain_sent(e, RESOURCE_SECRET, secret))
			why = "there is no certificate, so the handshake fails";
		document_key(e->d, "secret_made_by");
		explain_made_from(e, RESOURCE_SECRET, secret);
	}
	if (client)
		explain_string(e, "client_certificate", client);
	if (is_shared(e, chosen->name)) {
		document_key(e->d, "shared");
		document_bool(e->d, true);
	}
	write_tls_owner(e, chosen->name ? chosen->name : *c->name ? c->name : "*");
	document_end(e->d);
	return why ? why : handshake_refused(e, common, chosen->name);
}

/* ---- the action of the chain ---- */

static bool write_http(struct explain *e, const EnvoyHttpConnectionManager *m)
{
	e->manager = m;
	explain_request_take(e, m);
	if (e->request.moved && !e->request.refused) {
		explain_string(e, "action", "redirect");
		explain_uint(e, "status", 307);
		explain_string(e, "location", e->request.path);
		explain_string(e, "why",
			       "the path has escaped slashes (portolan.edge.escaped-slashes)");
		return true;
	}
	if (e->request.refused) {
		explain_nothing(e, "bad-request", 400, e->request.refused);
		return false;
	}
	return explain_route_write(
		e, m->route_specifier_case == ROUTES_RDS ? m->rds->route_config_name : "");
}

/* Who has a stream that nothing takes. */
enum stream_owner {
	STREAM_OF_NOBODY,   /* a listener that cannot be served */
	STREAM_OF_LISTENER, /* no route has it */
	STREAM_OF_ROUTE,
};

/* A Gateway's stream: the oldest route has it. */
static enum stream_owner write_stream_owners(struct explain *e, const struct chosen *chosen)
{
	const char *domain = chosen->name ? chosen->name : "*", *host = domain;
	enum stream_owner owner = STREAM_OF_NOBODY;
	const struct item *const *facts = NULL;
	size_t n = 0, lost = 0;

	if (!e->listener)
		return STREAM_OF_ROUTE;
	(void)explain_gateway_listener_write(e, e->listener, domain);
	for (; host && !n; host = host_name_above(e->a, host)) {
		struct domain_key k = { e->listener, host, domain };
		const char *key = domain_key_text(e->a, &k);

		facts = graph_facts(e->world.graph, FACT_STREAM, key, strlen(key), &n);
	}
	for (size_t i = 0; i < n; i++) {
		const ModelStreamTargets *s = message_unpack(e->a, ModelStreamTargets, facts[i]);

		if (!s || (i && front_end((enum object_kind)s->object_kind)->listens))
			continue;
		if (i == 0)
			owner = front_end((enum object_kind)s->object_kind)->listens
					? STREAM_OF_LISTENER
					: STREAM_OF_ROUTE;
		if (i == 0)
			document_key(e->d, "route");
		else if (!lost++) {
			document_key(e->d, "lost");
			document_list(e->d);
		}
		document_map(e->d);
		explain_string(e, "match", "any connection");
		document_key(e->d, "made_by");
		explain_object_write(e, (enum object_kind)s->object_kind, s->object_key, NULL);
		if (i)
			explain_string(e, "why", "an older route has the listener");
		document_end(e->d);
	}
	if (lost)
		document_end(e->d);
	return owner;
}

static bool write_tcp(struct explain *e, const EnvoyTcpProxy *p, const struct chosen *chosen)
{
	static const char *const closed[] = {
		[STREAM_OF_NOBODY] = "its listener cannot be served: Envoy closes the connection",
		[STREAM_OF_LISTENER] =
			"no route of its listener takes it: Envoy closes the connection",
		[STREAM_OF_ROUTE] =
			"there is no backend that can be used: Envoy closes the connection",
	};
	enum stream_owner owner;
	static const char effect[] = "the connection is closed";
	size_t n = p->cluster_specifier_case == TCP_WEIGHTED ? p->weighted_clusters->n_clusters : 0;
	struct explain_targets t;
	char **names = arena_new_of(e->a, char *, n + 1);
	uint32_t *weights = arena_new_of(e->a, uint32_t, n + 1);

	owner = write_stream_owners(e, chosen);
	explain_string(e, "action", "tcp");
	for (size_t i = 0; i < n; i++) {
		names[i] = p->weighted_clusters->clusters[i]->name;
		weights[i] = p->weighted_clusters->clusters[i]->weight;
	}
	t = n ? explain_clusters_write(e, names, weights, n, effect)
	      : explain_clusters_write(e, &p->cluster, NULL, 1, effect);
	if (t.endpoints)
		return true;
	explain_string(e, "why",
		       t.refused ? t.refused
		       : t.there ? "no endpoint is there to take it: Envoy closes the connection"
				 : closed[owner]);
	document_key(e->d, "absent");
	explain_absent_write(e, e->request.sni ? e->request.sni : e->request.host, true);
	return false;
}

static bool write_filter(struct explain *e, const EnvoyFilterChain *c, const struct chosen *chosen)
{
	for (size_t i = 0; i < c->n_filters; i++) {
		const GoogleAny *any = c->filters[i]->typed_config;
		const EnvoyHttpConnectionManager *m =
			explain_any(e->a, any, &EnvoyHttpConnectionManager__descriptor);
		const EnvoyTcpProxy *p = explain_any(e->a, any, &EnvoyTcpProxy__descriptor);

		if (m)
			return write_http(e, m);
		if (p)
			return write_tcp(e, p, chosen);
	}
	explain_nothing(e, "refused", 0, "the filter chain is for neither HTTP nor TCP");
	return false;
}

static void write_listener(struct explain *e, const EnvoyListener *l)
{
	document_key(e->d, "listener");
	document_map(e->d);
	explain_string(e, "name", l->name);
	if (port_of(l))
		explain_string(e, "address", l->address->socket_address->address);
	explain_uint(e, "port", port_of(l));
	document_end(e->d);
}

/* Why there is no chain for the name. */
static const char *no_chain(struct explain *e, const char *listener)
{
	const char *sni = e->request.sni, *why = NULL;

	if (!sni)
		return "without a server name (SNI) the handshake fails";
	for (const char *host = sni; host && !why; host = host_name_above(e->a, host))
		why = explain_refusal_of_host(e, RESOURCE_LISTENER, listener, host);
	if (why)
		return arena_printf(e->a, "%s; so the handshake fails", why);
	return arena_printf(e->a, "no object serves %s with TLS, so the handshake fails", sni);
}

bool explain_listener_write(struct explain *e)
{
	const EnvoyListener *l = choose(e);
	struct chosen chosen;
	const EnvoyFilterChain *c;
	const char *why, *refused;

	if (!l) {
		explain_nothing(e, "refused", 0,
				e->request.tls ? "there is no listener for TLS: no object brings a "
						 "certificate that "
						 "can be used"
					       : "there is no listener for plain HTTP");
		document_key(e->d, "absent");
		explain_absent_write(e, e->request.host, e->request.tls);
		return false;
	}
	write_listener(e, l);
	e->listener = l->name;
	c = choose_chain(e, l, &chosen);
	if (!c || !is_let_in(e, l, &chosen)) {
		explain_nothing(e, "tls-failure", 0, no_chain(e, l->name));
		document_key(e->d, "absent");
		explain_absent_write(e, e->request.sni ? e->request.sni : e->request.host, true);
		return false;
	}
	why = write_chain(e, c, &chosen);
	refused = listener_refused(e, l->name, chosen.part);
	if (why || refused) {
		explain_nothing(e, refused ? "refused" : "tls-failure", 0, refused ? refused : why);
		return false;
	}
	return write_filter(e, c, &chosen);
}
