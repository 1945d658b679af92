/* One host: all objects' settings for it, merged into its routes for plain HTTP and, with a
 * certificate, into a filter chain and a route table of its own for HTTPS. */
#include <stdlib.h>
#include <string.h>

#include "translator/envoy/envoy-http3.h"
#include "translator/envoy/envoy-server-name.h"
#include "translator/host/host-merge.h"
#include "translator/host/want.h"
#include "translator/kinds.h"
#include "translator/model/front-end.h"
#include "translator/policy/services.h"
#include "translator/resolve/config.h"
#include "translator/resolve/object.h"
#include "translator/units.h"

#define HTTPS      "ingress_https"
#define SHARED_MAX 64 /* objects of one host with a status that names the others */

static const struct item *const *read_host(void *ctx, const char *host, size_t *ret_n)
{
	return read_facts(ctx, FACT_HOST, host, strlen(host), ret_n);
}

static void report_loser(struct reader *r, const char *host, const struct host_loss *loss)
{
	const struct host_route *loser = &loss->loser, *winner = &loss->winner;
	/* Two default backends for all hosts are usual: the older serves. */
	bool itself = loser->of->object_kind == winner->of->object_kind &&
		      strcmp(loser->of->object_key, winner->of->object_key) == 0;
	const char *who = itself ? "an earlier path of the same object: "
				 : front_end((enum object_kind)winner->of->object_kind)->winner;

	if (loser->borrowed || (loser->route->fallback && itself))
		return;
	object_warning(r, (enum object_kind)loser->of->object_kind, loser->of->object_key,
		       "PathConflict", loser->route->field,
		       "host %s, path %s is served by %s%s instead", host, loser->route->path, who,
		       itself ? winner->route->field : winner->of->object_key);
	emit_verdict(r, (enum object_kind)loser->of->object_kind, loser->of->object_key,
		     PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL);
}

static bool same_namespace(const ModelHostRoutes *a, const ModelHostRoutes *b)
{
	size_t n = strcspn(a->object_key, "/");

	return n == strcspn(b->object_key, "/") && memcmp(a->object_key, b->object_key, n) == 0;
}

/* Objects of several namespaces on one host are usual, but their authors should know. */
static void report_shared(struct reader *r, const char *host, ModelHostRoutes *const *specs,
			  size_t n)
{
	for (size_t i = 0; i < n && *host != '*'; i++) {
		size_t first = 0, others = 0;

		for (size_t k = 0; k < n; k++)
			if (!same_namespace(specs[i], specs[k]) && !others++)
				first = k;
		if (others && front_end((enum object_kind)specs[i]->object_kind)->shares_hosts)
			emit_problem(r, (enum object_kind)specs[i]->object_kind,
				     specs[i]->object_key, PORTOLAN__IPC__SEVERITY__SEVERITY_INFO,
				     "HostShared", "spec.rules", "host %s is shared with %s %s%s",
				     host, object_kind(specs[first]->object_kind)->kind,
				     specs[first]->object_key,
				     others > 1 ? arena_printf(reader_arena(r),
							       " and %zu more of other namespaces",
							       others - 1)
						: " of another namespace");
	}
}

static const uint8_t *join(struct reader *r, const struct host_merge *l, bool https,
			   size_t *ret_len)
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

/* The objects' settings for the whole virtual host; they count for all routes. The oldest object's
 * come last: of two settings for one filter Envoy takes the later one. */
static const uint8_t *with_options(struct reader *r, ModelHostRoutes **specs, size_t n,
				   const uint8_t *routes, size_t *len)
{
	size_t more = 0;
	uint8_t *all;

	for (size_t i = 0; i < n; i++)
		more += specs[i]->options.len;
	if (!more)
		return routes;
	all = arena_alloc(reader_arena(r), *len + more);
	memcpy(all, routes, *len);
	for (size_t i = n; i > 0; i--) {
		ProtobufCBinaryData o = specs[i - 1]->options;

		if (o.len)
			memcpy(all + *len, o.data, o.len);
		*len += o.len;
	}
	return all;
}

static void emit_http(struct reader *r, const char *host, const struct host_merge *l,
		      ModelHostRoutes **specs, size_t n)
{
	const uint8_t *routes;
	size_t len;

	routes = join(r, l, false, &len);
	if (!len)
		return;
	routes = with_options(r, specs, n, routes, &len);
	emit_part_output(r, OUTPUT_HOST_ROUTES, HOST_ROUTES_TABLE, host, routes, len);
}

static void emit_chain(struct reader *r, const char *listener, const char *host,
		       Envoy__Config__Listener__V3__FilterChain *chain)
{
	uint8_t *packed, *element;
	size_t len;

	packed = reader_pack(r, &chain->base, &len);
	envoy_element(reader_arena(r), ENVOY_LISTENER_CHAINS, packed, len, &element, &len);
	emit_part(r, RESOURCE_LISTENER, listener, host, element, len);
}

/* Where hosts share a chain: which routes a connection with this server name has. */
static void emit_scope(struct reader *r, const char *host, const char *table)
{
	size_t len;
	uint8_t *packed = reader_pack(r, &envoy_scope(reader_arena(r), host, table)->base, &len);

	emit_resource(r, RESOURCE_SCOPED_ROUTE, host, packed, len);
}

/* A host that cannot share a chain. If it could before, clients still on the shared chain are
 * asked to connect again. */
static void emit_own_chain(struct reader *r, const char *host,
			   Envoy__Config__Listener__V3__FilterChain *chain)
{
	struct arena *a = reader_arena(r);
	uint8_t *packed, *element, *match, *both;
	size_t len, match_len;

	emit_chain(r, HTTPS, host, chain);
	if (!config_hosts_are_shared(r))
		return;
	chain->filter_chain_match = NULL;
	packed = reader_pack(r, &chain->base, &len);
	envoy_element(a, ENVOY_LISTENER_CHAINS, packed, len, &element, &len);
	envoy_server_name_match(a, host, true, &match, &match_len);
	both = arena_alloc(a, len + match_len);
	memcpy(both, element, len);
	memcpy(both + len, match, match_len);
	emit_part(r, RESOURCE_NEWER_LISTENER, HTTPS, host, both, len + match_len);
	if (*host != '*')
		emit_scope(r, host, TABLE_MISDIRECTED);
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

/* The listener has no chain for it, unless a wildcard's chain would take its connections. */
static void emit_shared(struct reader *r, const char *host, const ModelHostTls *tls,
			const char *table)
{
	uint8_t *match;
	size_t len;

	emit_scope(r, host, table);
	emit_fact(r, FACT_SERVER_NAME, host, strlen(host), "", 0, tls->secret,
		  strlen(tls->secret) + 1);
	if (!is_below_wildcard(r, host))
		return;
	envoy_server_name_match(reader_arena(r), host, false, &match, &len);
	emit_part(r, RESOURCE_NEWER_LISTENER, HTTPS, host, match, len);
}

static void emit_tls_chain(struct reader *r, const char *host, const ModelHostTls *tls,
			   const char *table)
{
	struct arena *a = reader_arena(r);
	const struct settings *s = reader_settings(r);
	Envoy__Config__Listener__V3__FilterChain *chain = envoy_tls_chain(a, s, host, tls, table);

	if (envoy_http3_serves(s, tls))
		emit_chain(r, "ingress_http3", host, envoy_http3_chain(a, s, host, tls, table));
	if (!config_hosts_are_shared(r) || *host == '*' ||
	    !envoy_chain_is_ordinary(a, s, host, tls, services_gather(r, NULL))) {
		emit_own_chain(r, host, chain);
		return;
	}
	emit_chain(r, HTTPS, host, chain);
	emit_shared(r, host, tls, table);
}

static Envoy__Config__Route__V3__RouteConfiguration *https_routes(struct reader *r,
								  const char *table,
								  const ModelHostTls *tls)
{
	Envoy__Config__Route__V3__RouteConfiguration *c = envoy_routes(reader_arena(r), table);
	static const char *const header = SERVER_NAME_HEADER;

	if (envoy_http3_serves(reader_settings(r), tls))
		envoy_http3_offer(reader_arena(r), reader_settings(r), c);
	if (config_hosts_are_shared(r)) {
		c->n_request_headers_to_remove = 1;
		c->request_headers_to_remove = (char **)(uintptr_t)&header;
	}
	return c;
}

/* For clients that name no host, or one without a certificate. */
static void emit_unnamed(struct reader *r, const char *host, const char *secret, const uint8_t *own,
			 size_t len)
{
	emit_part(r, RESOURCE_ROUTE, "ingress_fallbackcert", host, own, len);
	emit_fact(r, FACT_FALLBACK, "", 0, host, strlen(host), secret, strlen(secret) + 1);
}

static void emit_https(struct reader *r, const char *host, const struct host_merge *l,
		       const ModelHostTls *tls, ModelHostRoutes **specs, size_t n)
{
	struct arena *a = reader_arena(r);
	const char *table = host_table(a, host, tls);
	uint8_t *head, *own, *rest = NULL, *all;
	size_t head_len, own_len, rest_len = 0, len, n_others;
	const char **others = want_hosts_below(r, host, &n_others);
	const uint8_t *routes = join(r, l, true, &len);

	if (!len)
		return;
	routes = with_options(r, specs, n, routes, &len);
	head = reader_pack(r, &https_routes(r, table, tls)->base, &head_len);
	envoy_virtual_host(a, host, &host, 1, routes, len, &own, &own_len);
	envoy_element(a, ENVOY_ROUTES_HOSTS, own, own_len, &own, &own_len);
	if (tls->unnamed) {
		emit_unnamed(r, host, tls->secret, own, own_len);
		return;
	}
	if (strcmp(host, "*") != 0)
		others[n_others++] = "*";
	if (n_others)
		envoy_misdirected(a, tls->services && tls->services->authorization, others,
				  n_others, &rest, &rest_len);
	all = arena_alloc(a, head_len + own_len + rest_len);
	memcpy(all, head, head_len);
	memcpy(all + head_len, own, own_len);
	if (rest_len)
		memcpy(all + head_len + own_len, rest, rest_len);
	emit_resource(r, RESOURCE_ROUTE, table, all, head_len + own_len + rest_len);
	if (tls->fallback)
		emit_unnamed(r, host, tls->fallback, own, own_len);
	emit_tls_chain(r, host, tls, table);
}

/* The oldest object that brings a certificate decides. */
static const ModelHostTls *choose_tls(struct reader *r, const char *host, ModelHostRoutes **specs,
				      size_t n)
{
	const ModelHostRoutes *winner = NULL;

	for (size_t i = 0; i < n; i++) {
		if (!specs[i]->tls)
			continue;
		if (!winner || (winner->tls->unnamed && !specs[i]->tls->unnamed))
			winner = specs[i];
		else if (!specs[i]->tls->unnamed &&
			 strcmp(winner->tls->secret, specs[i]->tls->secret) != 0)
			object_warning(r, (enum object_kind)specs[i]->object_kind,
				       specs[i]->object_key, "CertificateConflict",
				       specs[i]->tls->field,
				       "host %s is served with Secret %s of the older %s instead",
				       host, winner->tls->secret, winner->object_key);
	}
	return winner ? winner->tls : NULL;
}

/* Routes that only HTTPS serves, on a host without: of an object whose author has asked for that.
 */
static void report_no_certificate(struct reader *r, const char *host, ModelHostRoutes *const *specs,
				  size_t n)
{
	for (size_t i = 0; i < n; i++) {
		enum object_kind kind = (enum object_kind)specs[i]->object_kind;
		const ModelHostRoute *absent = NULL, *moved = NULL;

		for (size_t k = 0; k < specs[i]->n_routes; k++) {
			const ModelHostRoute *one = specs[i]->routes[k];

			if (!one->has_http && !one->same)
				absent = absent ? absent : one;
			else if (one->has_https && !one->same)
				moved = moved ? moved : one;
		}
		if (!front_end(kind)->shares_hosts || (!absent && !moved))
			continue;
		object_warning(
			r, kind, specs[i]->object_key, "NoCertificate",
			(absent ? absent : moved)->field,
			absent ? "host %s is not served: over plain HTTP it must not be, and "
				 "no object brings a certificate for it"
			       : "host %s is redirected to HTTPS where nothing answers: no "
				 "object brings a certificate for it",
			host);
		if (absent)
			emit_verdict(r, kind, specs[i]->object_key,
				     PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL);
	}
}

/* A host with connections that are not HTTP, but passed on; its routes are for plain HTTP. */
static bool emit_tcp(struct reader *r, const char *host, ModelHostRoutes **specs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!specs[i]->tcp)
			continue;
		emit_own_chain(r, host,
			       envoy_tcp_chain(reader_arena(r), reader_settings(r), host,
					       specs[i]->tls, specs[i]->tcp));
		return true;
	}
	return false;
}

static void blame(struct reader *r, ModelHostRoutes **specs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		reader_blame(r, (enum object_kind)specs[i]->object_kind, specs[i]->object_key);
}

/* Whoever brings the certificate: a route with access rules needs the filter that knows them. */
static bool have_access(ModelHostRoutes *const *specs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (specs[i]->access)
			return true;
	return false;
}

void unit_host(struct reader *r, const char *key, size_t key_len _unused_)
{
	struct host_settled host;
	const ModelHostTls *tls;
	ModelHostTls complete;

	host_settle(reader_arena(r), key, read_host, r, &host);
	blame(r, host.specs, host.n_specs);
	blame(r, host.any, host.n_any);
	report_shared(r, key, host.specs, MIN(host.n_specs, (size_t)SHARED_MAX));
	for (size_t i = 0; i < host.n_losses; i++)
		report_loser(r, key, &host.losses[i]);
	emit_http(r, key, &host.all, host.specs, host.n_specs);
	if (emit_tcp(r, key, host.specs, host.n_specs))
		return;
	tls = choose_tls(r, key, host.specs, host.n_specs);
	if (!tls) {
		report_no_certificate(r, key, host.specs, host.n_specs);
		return;
	}
	complete = *tls;
	/* A host of the shared chain needs no chain of its own. */
	complete.unnamed = tls->unnamed && !config_hosts_are_shared(r);
	complete.services = services_gather(r, tls);
	complete.access = have_access(host.specs, host.n_specs) ||
			  have_access(host.any, host.n_any);
	complete.has_access = complete.access;
	emit_https(r, key, &host.own, &complete, host.specs, host.n_specs);
}
