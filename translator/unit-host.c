/* One host: all that objects want of it, merged into its routes for plain HTTP and, with a certificate,
 * into a filter chain and a route table of its own for HTTPS. Runs in the translator. */
#include <stdlib.h>
#include <string.h>

#include "translator/asks.h"
#include "translator/envoy-server-name.h"
#include "translator/host-merge.h"
#include "translator/units.h"

typedef Portolan__Model__HostRoute HostRoute;
typedef Portolan__Model__HostRoutes HostRoutes;

static HostRoutes **read_wishes(struct reader *r, const char *host, size_t *ret_n, size_t *routes)
{
	const struct item *const *facts = read_facts(r, FACT_HOST, host, strlen(host), ret_n);
	HostRoutes **all = host_merge_unpack(reader_arena(r), facts, *ret_n, routes);

	for (size_t i = 0; i < *ret_n; i++)
		reader_blame(r, (enum object_kind)all[i]->object_kind, all[i]->object_key);
	return all;
}

struct settling {
	struct reader *r;
	const char *host;
};

static void report_loser(void *ctx, const struct host_route *loser, const struct host_route *winner)
{
	const struct settling *s = ctx;
	/* Two default backends for all hosts are usual: the older serves. */
	bool itself = loser->of->object_kind == winner->of->object_kind &&
		      strcmp(loser->of->object_key, winner->of->object_key) == 0;
	const char *who = itself ? "an earlier path of the same object: " :
			  winner->of->object_kind == OBJECT_HTTP_PROXY ? "HTTPProxy " : "the older ";

	if (loser->borrowed || (loser->route->fallback && itself))
		return;
	units_warning(s->r, (enum object_kind)loser->of->object_kind, loser->of->object_key, "PathConflict",
		      loser->route->field, "host %s, path %s is served by %s%s instead", s->host,
		      loser->route->path, who, itself ? winner->route->field : winner->of->object_key);
	emit_verdict(s->r, (enum object_kind)loser->of->object_kind, loser->of->object_key,
		     PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL);
}

static void settle(struct reader *r, const char *host, struct host_merge *m)
{
	struct settling s = { r, host };

	host_merge_settle(m, report_loser, &s);
}

static const uint8_t *join(struct reader *r, const struct host_merge *l, bool https, size_t *ret_len)
{
	size_t len = 0, at = 0;
	uint8_t *out;

	for (size_t i = 0; i < l->n; i++)
		len += https ? l->all[i].route->https.len : l->all[i].route->http.len;
	out = arena_alloc(reader_arena(r), len);
	for (size_t i = 0; i < l->n; i++) {
		ProtobufCBinaryData d = https ? l->all[i].route->https : l->all[i].route->http;

		if (d.len)
			memcpy(out + at, d.data, d.len);
		at += d.len;
	}
	*ret_len = len;
	return out;
}

/* What an HTTPProxy wants of the whole virtual host: there is one at most, and it counts for all routes. */
static const uint8_t *with_options(struct reader *r, HostRoutes **wishes, size_t n, const uint8_t *routes,
				   size_t *len)
{
	for (size_t i = 0; i < n; i++) {
		ProtobufCBinaryData o = wishes[i]->options;
		uint8_t *all;

		if (!o.len)
			continue;
		all = arena_alloc(reader_arena(r), *len + o.len);
		memcpy(all, routes, *len);
		memcpy(all + *len, o.data, o.len);
		*len += o.len;
		return all;
	}
	return routes;
}

static void emit_http(struct reader *r, const char *host, const struct host_merge *l, HostRoutes **wishes,
		      size_t n)
{
	const uint8_t *routes;
	size_t len;

	routes = join(r, l, false, &len);
	if (!len)
		return;
	routes = with_options(r, wishes, n, routes, &len);
	emit_host_routes(r, host, routes, len);
}

static void emit_chain(struct reader *r, const char *host, Envoy__Config__Listener__V3__FilterChain *chain)
{
	uint8_t *packed, *element;
	size_t len;

	packed = reader_pack(r, &chain->base, &len);
	envoy_element(reader_arena(r), ENVOY_LISTENER_CHAINS, packed, len, &element, &len);
	emit_part(r, RESOURCE_LISTENER, "ingress_https", host, element, len);
}

/* Where hosts share a chain: which routes a connection with this server name has. */
static void emit_scope(struct reader *r, const char *host, const char *table)
{
	size_t len;
	uint8_t *packed = reader_pack(r, &envoy_scope(reader_arena(r), host, table)->base, &len);

	emit_resource(r, RESOURCE_SCOPED_ROUTE, host, packed, len);
}

/* A host that cannot share a chain. What is left of connections to the shared one, if it could before, is told to
 * come again. */
static void emit_own_chain(struct reader *r, const char *host, Envoy__Config__Listener__V3__FilterChain *chain)
{
	struct arena *a = reader_arena(r);
	uint8_t *packed, *element, *match, *both;
	size_t len, match_len;

	emit_chain(r, host, chain);
	if (!units_hosts_are_shared(r))
		return;
	chain->filter_chain_match = NULL;
	packed = reader_pack(r, &chain->base, &len);
	envoy_element(a, ENVOY_LISTENER_CHAINS, packed, len, &element, &len);
	envoy_server_name_match(a, host, true, &match, &match_len);
	both = arena_alloc(a, len + match_len);
	memcpy(both, element, len);
	memcpy(both + len, match, match_len);
	emit_part(r, RESOURCE_NEWER_LISTENER, "ingress_https", host, both, len + match_len);
	if (*host != '*')
		emit_scope(r, host, UNITS_MISDIRECTED);
}

static bool is_below_wildcard(struct reader *r, const char *host)
{
	const char *dot = strchr(host, '.');
	const char *wildcard = dot ? arena_printf(reader_arena(r), "*%s", dot) : NULL;
	size_t n = 0;

	if (wildcard)
		(void)read_facts(r, FACT_HOST, wildcard, strlen(wildcard), &n);
	return n > 0;
}

/* Nothing of it is in the listener, unless a wildcard, which is, would take its connections. */
static void emit_shared(struct reader *r, const char *host, const Portolan__Model__HostTls *tls, const char *table)
{
	uint8_t *match;
	size_t len;

	emit_scope(r, host, table);
	emit_fact(r, FACT_SERVER_NAME, host, strlen(host), "", 0, tls->secret, strlen(tls->secret) + 1);
	if (!is_below_wildcard(r, host))
		return;
	envoy_server_name_match(reader_arena(r), host, false, &match, &len);
	emit_part(r, RESOURCE_NEWER_LISTENER, "ingress_https", host, match, len);
}

static void emit_tls_chain(struct reader *r, const char *host, const Portolan__Model__HostTls *tls, const char *table)
{
	struct arena *a = reader_arena(r);
	const struct settings *s = reader_settings(r);
	Envoy__Config__Listener__V3__FilterChain *chain = envoy_tls_chain(a, s, host, tls, table);

	if (!units_hosts_are_shared(r) || *host == '*' || !envoy_chain_is_ordinary(a, s, host, tls, asks_gather(r, NULL))) {
		emit_own_chain(r, host, chain);
		return;
	}
	emit_chain(r, host, chain);
	emit_shared(r, host, tls, table);
}

static Envoy__Config__Route__V3__RouteConfiguration *https_routes(struct reader *r, const char *table)
{
	Envoy__Config__Route__V3__RouteConfiguration *c = envoy_routes(reader_arena(r), table);
	static const char *const header = SERVER_NAME_HEADER;

	if (units_hosts_are_shared(r)) {
		c->n_request_headers_to_remove = 1;
		c->request_headers_to_remove = (char **)(uintptr_t)&header;
	}
	return c;
}

static void emit_https(struct reader *r, const char *host, const struct host_merge *l,
		       const Portolan__Model__HostTls *tls, HostRoutes **wishes, size_t n)
{
	struct arena *a = reader_arena(r);
	const char *table = arena_printf(a, "https/%s", host);
	uint8_t *head, *own, *rest, *all;
	size_t head_len, own_len, rest_len, len, n_others;
	const char **others = units_hosts_below(r, host, &n_others);
	const uint8_t *routes = join(r, l, true, &len);

	if (!len)
		return;
	routes = with_options(r, wishes, n, routes, &len);
	head = reader_pack(r, &https_routes(r, table)->base, &head_len);
	envoy_virtual_host(a, host, &host, 1, routes, len, &own, &own_len);
	envoy_element(a, ENVOY_ROUTES_HOSTS, own, own_len, &own, &own_len);
	others[n_others++] = "*";
	envoy_misdirected(a, tls->asks && tls->asks->authorization, others, n_others, &rest, &rest_len);
	all = arena_alloc(a, head_len + own_len + rest_len);
	memcpy(all, head, head_len);
	memcpy(all + head_len, own, own_len);
	memcpy(all + head_len + own_len, rest, rest_len);
	emit_resource(r, RESOURCE_ROUTE, table, all, head_len + own_len + rest_len);
	if (tls->fallback) {
		emit_part(r, RESOURCE_ROUTE, "ingress_fallbackcert", host, own, own_len);
		emit_fact(r, FACT_FALLBACK, "", 0, host, strlen(host), tls->fallback, strlen(tls->fallback) + 1);
	}
	emit_tls_chain(r, host, tls, table);
}

/* The oldest object that brings a certificate decides. */
static const Portolan__Model__HostTls *choose_tls(struct reader *r, const char *host,
						  HostRoutes **wishes, size_t n)
{
	const HostRoutes *winner = NULL;

	for (size_t i = 0; i < n; i++) {
		if (!wishes[i]->tls)
			continue;
		if (!winner)
			winner = wishes[i];
		else if (strcmp(winner->tls->secret, wishes[i]->tls->secret) != 0)
			units_warning(r, (enum object_kind)wishes[i]->object_kind, wishes[i]->object_key,
				      "CertificateConflict", wishes[i]->tls->field,
				      "host %s is served with Secret %s of the older %s instead", host,
				      winner->tls->secret, winner->object_key);
	}
	return winner ? winner->tls : NULL;
}

/* A host whose connections are not HTTP, but passed on; its routes are for plain HTTP. */
static bool emit_tcp(struct reader *r, const char *host, HostRoutes **wishes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!wishes[i]->tcp)
			continue;
		emit_own_chain(r, host,
			       envoy_tcp_chain(reader_arena(r), reader_settings(r), host, wishes[i]->tls,
					       wishes[i]->tcp));
		return true;
	}
	return false;
}

void unit_host(struct reader *r, const char *key, size_t key_len _unused_)
{
	bool wildcard = strncmp(key, "*.", 2) == 0;
	HostRoutes **wishes, **any = NULL;
	size_t n, n_any = 0, routes = 0;
	struct host_merge own, all;
	const Portolan__Model__HostTls *tls;
	Portolan__Model__HostTls complete;

	wishes = read_wishes(r, key, &n, &routes);
	/* A name with more labels than the star stands for belongs to the hosts without a name, but
	 * Envoy looks in one virtual host only. */
	if (wildcard)
		any = read_wishes(r, "*", &n_any, &routes);
	host_merge_init(&own, reader_arena(r), routes);
	host_merge_add(&own, wishes, n, false);
	settle(r, key, &own);
	host_merge_init(&all, reader_arena(r), routes);
	memcpy(all.all, own.all, own.n * sizeof(*own.all));
	all.n = own.n;
	if (wildcard)
		host_merge_add(&all, any, n_any, true);
	settle(r, key, &all);
	emit_http(r, key, &all, wishes, n);
	if (emit_tcp(r, key, wishes, n))
		return;
	tls = choose_tls(r, key, wishes, n);
	if (!tls)
		return;
	complete = *tls;
	complete.asks = asks_gather(r, tls);
	emit_https(r, key, &own, &complete, wishes, n);
}
