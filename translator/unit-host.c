/* One host: all that objects want of it, merged into its routes for plain HTTP and, with a certificate,
 * into a filter chain and a route table of its own for HTTPS. Runs in the translator. */
#include <stdlib.h>
#include <string.h>

#include "translator/units.h"

typedef Portolan__Model__HostRoute HostRoute;
typedef Portolan__Model__HostRoutes HostRoutes;

/* A route with what decides between it and others. */
struct candidate {
	const HostRoute *route;
	const HostRoutes *of;
	size_t order; /* oldest object first, then as written */
	bool borrowed; /* from the host "*", to be tried after the host's own */
};

struct list {
	struct candidate *all;
	size_t n;
};

static HostRoutes **read_wishes(struct reader *r, const char *host, size_t *ret_n, size_t *ret_routes)
{
	const struct item *const *facts;
	HostRoutes **all;

	facts = read_facts(r, FACT_HOST, host, strlen(host), ret_n);
	all = arena_new_of(reader_arena(r), HostRoutes *, *ret_n + 1);
	for (size_t i = 0; i < *ret_n; i++) {
		all[i] = portolan__model__host_routes__unpack(arena_pb(reader_arena(r)),
							      facts[i]->value_len, item_value(facts[i]));
		reader_blame(r, (enum object_kind)all[i]->object_kind, all[i]->object_key);
		*ret_routes += all[i]->n_routes;
	}
	return all;
}

/* More conditions first; the text makes an order of those that are left, the same always. */
static int compare_conditions(const HostRoute *x, const HostRoute *y)
{
	if (x->headers != y->headers)
		return x->headers > y->headers ? -1 : 1;
	if (x->queries != y->queries)
		return x->queries > y->queries ? -1 : 1;
	return strcmp(x->conditions ? x->conditions : "", y->conditions ? y->conditions : "");
}

static int compare(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	int d;

	if (x->borrowed != y->borrowed)
		return x->borrowed ? 1 : -1;
	if (x->route->fallback != y->route->fallback)
		return x->route->fallback ? 1 : -1;
	d = envoy_path_compare((enum path_kind)x->route->path_kind, x->route->path,
			       (enum path_kind)y->route->path_kind, y->route->path);
	d = d ? d : compare_conditions(x->route, y->route);
	if (d)
		return d;
	if (x->route->rank != y->route->rank)
		return x->route->rank < y->route->rank ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

static bool same_match(const struct candidate *a, const struct candidate *b)
{
	return a->borrowed == b->borrowed && a->route->fallback == b->route->fallback &&
	       a->route->path_kind == b->route->path_kind && strcmp(a->route->path, b->route->path) == 0 &&
	       compare_conditions(a->route, b->route) == 0;
}

static void append(struct list *l, HostRoutes **wishes, size_t n, bool borrowed)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < wishes[i]->n_routes; k++) {
			l->all[l->n] = (struct candidate){ wishes[i]->routes[k], wishes[i], l->n, borrowed };
			l->n++;
		}
}

static void report_loser(struct reader *r, const char *host, const struct candidate *loser,
			 const struct candidate *winner)
{
	/* Two default backends for all hosts are usual: the older serves. */
	bool itself = loser->of->object_kind == winner->of->object_kind &&
		      strcmp(loser->of->object_key, winner->of->object_key) == 0;
	const char *who = itself ? "an earlier path of the same object: " :
			  winner->of->object_kind == OBJECT_HTTP_PROXY ? "HTTPProxy " : "the older ";

	if (loser->borrowed || (loser->route->fallback && itself))
		return;
	units_warning(r, (enum object_kind)loser->of->object_kind, loser->of->object_key, "PathConflict",
		      loser->route->field, "host %s, path %s is served by %s%s instead", host,
		      loser->route->path, who, itself ? winner->route->field : winner->of->object_key);
	emit_verdict(r, (enum object_kind)loser->of->object_kind, loser->of->object_key,
		     PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL);
}

/* In the order in which Envoy tries them; of equal matches the first stays. */
static void settle(struct reader *r, const char *host, struct list *l)
{
	size_t kept = 0;

	if (l->n)
		qsort(l->all, l->n, sizeof(*l->all), compare);
	for (size_t i = 0; i < l->n; i++)
		if (kept && same_match(&l->all[kept - 1], &l->all[i]))
			report_loser(r, host, &l->all[i], &l->all[kept - 1]);
		else
			l->all[kept++] = l->all[i];
	l->n = kept;
}

static const uint8_t *join(struct reader *r, const struct list *l, bool https, size_t *ret_len)
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

static void emit_http(struct reader *r, const char *host, const struct list *l, HostRoutes **wishes, size_t n)
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

static void emit_https(struct reader *r, const char *host, const struct list *l,
		       const Portolan__Model__HostTls *tls, HostRoutes **wishes, size_t n)
{
	struct arena *a = reader_arena(r);
	const char *table = arena_printf(a, "https/%s", host);
	uint8_t *head, *own, *rest, *all;
	size_t head_len, own_len, rest_len, len;
	const uint8_t *routes = join(r, l, true, &len);

	if (!len)
		return;
	routes = with_options(r, wishes, n, routes, &len);
	head = reader_pack(r, &envoy_routes(a, table)->base, &head_len);
	envoy_virtual_host(a, host, &host, 1, routes, len, &own, &own_len);
	envoy_element(a, ENVOY_ROUTES_HOSTS, own, own_len, &own, &own_len);
	envoy_misdirected(a, &rest, &rest_len);
	all = arena_alloc(a, head_len + own_len + rest_len);
	memcpy(all, head, head_len);
	memcpy(all + head_len, own, own_len);
	memcpy(all + head_len + own_len, rest, rest_len);
	emit_resource(r, RESOURCE_ROUTE, table, all, head_len + own_len + rest_len);
	emit_chain(r, host, envoy_tls_chain(a, reader_settings(r), host, tls, table));
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
		emit_chain(r, host, envoy_tcp_chain(reader_arena(r), reader_settings(r), host, wishes[i]->tls,
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
	struct list own = { 0 }, all = { 0 };
	const Portolan__Model__HostTls *tls;

	wishes = read_wishes(r, key, &n, &routes);
	/* A name with more labels than the star stands for belongs to the hosts without a name, but
	 * Envoy looks in one virtual host only. */
	if (wildcard)
		any = read_wishes(r, "*", &n_any, &routes);
	own.all = arena_new_of(reader_arena(r), struct candidate, routes + 1);
	append(&own, wishes, n, false);
	settle(r, key, &own);
	all.all = arena_new_of(reader_arena(r), struct candidate, routes + 1);
	memcpy(all.all, own.all, own.n * sizeof(*own.all));
	all.n = own.n;
	if (wildcard)
		append(&all, any, n_any, true);
	settle(r, key, &all);
	emit_http(r, key, &all, wishes, n);
	if (emit_tcp(r, key, wishes, n))
		return;
	tls = choose_tls(r, key, wishes, n);
	if (tls)
		emit_https(r, key, &own, tls, wishes, n);
}
