/* The table of routes: for each host its routes in Envoy's order, their backends, and how many
 * endpoints are ready. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/alloc.h"
#include "k8s/discovery.pb-c.h"
#include "translator/explain/explain-internal.h"
#include "translator/host/want-domain.h"
#include "translator/kinds.h"
#include "translator/model/listener.h"
#include "translator/resolve/endpoints.h"
#include "translator/resolve/pod-selector.h"

#define LIMIT_MAX 100000

struct service_count {
	const char *key; /* "namespace/service" */
	size_t v4, v6;   /* endpoints in slices of each family */
};

struct host_row {
	const char *name;   /* of a Gateway's listener with its port */
	const char *domain; /* without */
	unsigned fact;
	const char *key; /* of the fact */
	size_t key_len;
};

struct listing {
	struct explain *e;
	const char *search;
	const struct item *object; /* NULL: all */
	struct host_row *hosts;
	size_t n_hosts, cap_hosts;
	struct service_count *services;
	size_t n_services, cap_services;
};

/* ---- hosts ---- */

static void add_host(struct listing *l, const struct host_row *row)
{
	if (l->search && !strstr(row->name, l->search))
		return;
	GROW(l->hosts, l->n_hosts, l->cap_hosts);
	l->hosts[l->n_hosts++] = *row;
}

static void on_host(void *ctx, const char *key, size_t len)
{
	struct listing *l = ctx;
	const char *host = arena_strndup(l->e->a, key, len);

	add_host(l, &(struct host_row){ host, host, FACT_HOST, host, len });
}

/* Lists a listener's own name even if no route is attached. */
static bool has_routes(struct listing *l, const char *key, size_t len)
{
	const struct item *const *facts;
	size_t n;
	bool any = false;

	facts = graph_facts(l->e->world.graph, FACT_DOMAIN, key, len, &n);
	for (size_t i = 0; i < n && !any; i++) {
		const ModelDomainRoutes *m =
			message_unpack(l->e->scratch, ModelDomainRoutes, facts[i]);

		any = m && m->n_routes;
		arena_reset(l->e->scratch);
	}
	return any;
}

static void add_domain(struct listing *l, unsigned fact, const char *key, size_t len)
{
	struct arena *a = l->e->a;

	if (fact == FACT_DOMAIN && !has_routes(l, key, len))
		return;
	add_host(l, &(struct host_row){ explain_domain_label(l->e, fact, key, len),
					domain_key_parse(a, key, len).domain, fact,
					arena_strndup(a, key, len), len });
}

static void on_domain(void *ctx, const char *key, size_t len)
{
	add_domain(ctx, FACT_DOMAIN, key, len);
}

static void on_stream(void *ctx, const char *key, size_t len)
{
	add_domain(ctx, FACT_STREAM, key, len);
}

static int compare_hosts(const void *a, const void *b)
{
	const struct host_row *x = a, *y = b;
	int d = strcmp(x->name, y->name);

	return d ? d : strcmp(x->key, y->key);
}

/* ---- endpoints: all existing ones, not only those that Envoy gets ---- */

static struct service_count *service_find(struct listing *l, const char *key)
{
	for (size_t i = 0; i < l->n_services; i++)
		if (strcmp(l->services[i].key, key) == 0)
			return &l->services[i];
	return NULL;
}

static void count_slice(struct listing *l, const struct item *i)
{
	struct explain *e = l->e;
	const K8s__ObjectMeta *meta = endpoints_metadata(i, e->scratch);
	const char *service = meta ? endpoints_service(meta) : NULL;
	struct service_count *c = NULL;
	const K8s__EndpointSlice *s = NULL;

	if (service)
		c = service_find(l, arena_printf(e->scratch, "%s/%s", meta->namespace_, service));
	if (c)
		s = k8s__endpoint_slice__unpack(arena_pb(e->scratch), i->value_len, item_value(i));
	if (s && strcmp(s->address_type, "IPv6") == 0)
		c->v6 += s->n_endpoints;
	else if (s)
		c->v4 += s->n_endpoints;
	arena_reset(e->scratch);
}

static const EnvoyCluster *cluster_of(struct explain *e, const char *name)
{
	const struct item *i = explain_sent(e, RESOURCE_CLUSTER, name);

	return message_unpack(e->a, EnvoyCluster, i);
}

/* "namespace/service" of the endpoints' name, which may go on with ports; NULL: not a Service's. */
static const char *service_named(struct explain *e, const char *name)
{
	const char *slash, *end;

	static const char *const before[] = { UDP_ENDPOINTS, SELECTED_PODS };

	for (size_t i = 0; i < ARRAY_SIZE(before); i++)
		if (strncmp(name, before[i], strlen(before[i])) == 0)
			name += strlen(before[i]);
	slash = strchr(name, '/');
	end = slash ? strchr(slash + 1, '/') : NULL;
	return !slash ? NULL : end ? arena_strndup(e->a, name, (size_t)(end - name)) : name;
}

static const char *service_of(struct explain *e, const EnvoyCluster *c)
{
	return c && c->type == EnvoyCluster__DISCOVERY_TYPE__EDS && c->eds_cluster_config
		       ? service_named(e, c->eds_cluster_config->service_name)
		       : NULL;
}

static void want_service(struct listing *l, const char *key)
{
	if (!key || service_find(l, key))
		return;
	GROW(l->services, l->n_services, l->cap_services);
	l->services[l->n_services++] = (struct service_count){ .key = key };
}

static void want_services(struct listing *l, const char *cluster)
{
	const EnvoyCluster *c = cluster_of(l->e, cluster);
	const EnvoyClusterLoadAssignment *joined = explain_joined(l->e, c);

	if (!joined)
		want_service(l, service_of(l->e, c));
	for (size_t i = 0; joined && i < joined->n_endpoints; i++)
		want_service(l, service_named(l->e, joined->endpoints[i]->locality->zone));
}

static size_t count_sent(struct explain *e, const EnvoyCluster *c)
{
	const struct item *i =
		explain_sent(e, RESOURCE_ENDPOINT, c->eds_cluster_config->service_name);
	const EnvoyClusterLoadAssignment *a = message_unpack(e->a, EnvoyClusterLoadAssignment, i);
	size_t n = 0;

	for (size_t k = 0; a && k < a->n_endpoints; k++)
		n += a->endpoints[k]->n_lb_endpoints;
	return n;
}

/* Why no Envoy has the cluster and its endpoints, or NULL. */
static const char *cluster_refused(struct explain *e, const char *name, const EnvoyCluster *c)
{
	const char *why = explain_refusal_of_all(e, RESOURCE_CLUSTER, name);

	if (why || !c || !c->eds_cluster_config)
		return why;
	return explain_refusal_of_all(e, RESOURCE_ENDPOINT, c->eds_cluster_config->service_name);
}

static void write_backend(struct listing *l, const char *name, const uint32_t *weight,
			  const char *service, size_t ready, const char *refused)
{
	struct explain *e = l->e;
	const struct service_count *count = service ? service_find(l, service) : NULL;
	size_t all = count ? MAX(count->v4, count->v6) : 0;

	document_map(e->d);
	explain_string(e, "name", name);
	if (weight)
		explain_uint(e, "weight", *weight);
	if (service)
		explain_string(e, "service", service);
	if (count) {
		explain_uint(e, "ready", refused ? 0 : ready);
		explain_uint(e, "all", MAX(ready, all));
	}
	if (refused)
		explain_string(e, "refused", refused);
	document_end(e->d);
}

static void write_cluster(struct listing *l, const char *name, const uint32_t *weight)
{
	struct explain *e = l->e;
	const EnvoyCluster *c = cluster_of(e, name);
	const EnvoyClusterLoadAssignment *joined = explain_joined(e, c);
	const char *service = joined ? NULL : service_of(e, c);
	const char *refused = cluster_refused(e, name, c);

	if (!joined)
		write_backend(l, name, weight, service, service ? count_sent(e, c) : 0, refused);
	for (size_t i = 0; joined && i < joined->n_endpoints; i++) {
		const EnvoyLocalityLbEndpoints *one = joined->endpoints[i];
		uint32_t share = one->load_balancing_weight ? one->load_balancing_weight->value : 0;

		write_backend(l, one->locality->zone, &share, service_named(e, one->locality->zone),
			      one->n_lb_endpoints, refused);
	}
}

/* ---- routes ---- */

static bool is_asked(const struct listing *l, const ModelHostRoutes *w, const char *owner)
{
	return !l->object || (w->object_kind == l->object->kind &&
			      strcmp(owner ? owner : w->object_key, item_key(l->object)) == 0);
}

static bool has_asked(struct listing *l, const char *host)
{
	struct explain_origins o;

	explain_origins_read(l->e, host, false, &o);
	for (size_t i = 0; i < o.routes->n; i++)
		if (is_asked(l, o.routes->all[i].of, o.routes->all[i].route->owner))
			return true;
	for (size_t i = 0; i < o.host.n_specs; i++)
		if (o.host.specs[i]->tcp && is_asked(l, o.host.specs[i], NULL))
			return true;
	return false;
}

typedef void (*cluster_fn)(struct listing *l, const char *name, const uint32_t *weight);

static void each_cluster(struct listing *l, const EnvoyRoute *r, cluster_fn fn)
{
	const EnvoyWeightedCluster *w;

	if (r->action_case != EnvoyRoute__ACTION_ROUTE)
		return;
	if (r->route->cluster_specifier_case !=
	    EnvoyRouteAction__CLUSTER_SPECIFIER_WEIGHTED_CLUSTERS) {
		fn(l, r->route->cluster, NULL);
		return;
	}
	w = r->route->weighted_clusters;
	for (size_t i = 0; i < w->n_clusters; i++)
		fn(l, w->clusters[i]->name,
		   w->clusters[i]->weight ? &w->clusters[i]->weight->value : NULL);
}

static void want(struct listing *l, const char *name, const uint32_t *weight _unused_)
{
	want_services(l, name);
}

static const EnvoyRoute *route_of(struct explain *e, const ModelHostRoute *r)
{
	return explain_route_unpack(e->a, r->https.len ? r->https : r->http);
}

static void want_host(struct listing *l, const char *host)
{
	struct explain_origins o;

	explain_origins_read(l->e, host, false, &o);
	for (size_t i = 0; i < o.routes->n; i++) {
		const EnvoyRoute *r = route_of(l->e, o.routes->all[i].route);

		if (r)
			each_cluster(l, r, want);
	}
	for (size_t i = 0; i < o.host.n_specs; i++)
		for (size_t k = 0; o.host.specs[i]->tcp && k < o.host.specs[i]->tcp->n_clusters;
		     k++)
			want_services(l, o.host.specs[i]->tcp->clusters[k]);
}

static void write_owner(struct explain *e, const ModelHostRoutes *w, const char *owner,
			const char *field)
{
	document_key(e->d, "made_by");
	explain_object_write(e, (enum object_kind)w->object_kind, owner ? owner : w->object_key,
			     field);
}

static void write_route(struct listing *l, const struct explain_origins *o,
			const struct host_route *h)
{
	struct explain *e = l->e;
	const EnvoyRoute *r = route_of(e, h->route);

	if (!r)
		return;
	document_map(e->d);
	explain_string(e, "scheme", explain_route_scheme(o, h->route));
	explain_string(e, "path", h->route->path ? h->route->path : "");
	explain_string(e, "match", explain_match_text(e->a, r->match));
	explain_string(e, "action", explain_route_action(r));
	if (r->action_case == EnvoyRoute__ACTION_DIRECT_RESPONSE)
		explain_uint(e, "status", r->direct_response->status);
	document_key(e->d, "clusters");
	document_list(e->d);
	each_cluster(l, r, write_cluster);
	document_end(e->d);
	write_owner(e, h->of, h->route->owner, h->route->field);
	document_end(e->d);
}

static void write_tcp(struct listing *l, const ModelHostRoutes *w)
{
	struct explain *e = l->e;

	document_map(e->d);
	explain_string(e, "scheme", "tls");
	explain_string(e, "path", "");
	explain_string(e, "match", "any TLS connection for this name");
	explain_string(e, "action", w->tls && w->tls->secret ? "tcp" : "passthrough");
	document_key(e->d, "clusters");
	document_list(e->d);
	for (size_t i = 0; i < w->tcp->n_clusters; i++)
		write_cluster(l, w->tcp->clusters[i],
			      i < w->tcp->n_weights ? &w->tcp->weights[i] : NULL);
	document_end(e->d);
	write_owner(e, w, NULL, NULL);
	document_end(e->d);
}

static const char *secret_of(const struct explain_origins *o)
{
	for (size_t i = 0; i < o->host.n_specs; i++)
		if (o->host.specs[i]->tls && o->host.specs[i]->tls->secret)
			return o->host.specs[i]->tls->secret;
	return NULL;
}

/* Why no Envoy serves the host over TLS. */
static const char *tls_refused(struct explain *e, const char *secret)
{
	return secret ? explain_refusal_of_all(e, RESOURCE_SECRET, secret) : NULL;
}

/* Writes why no Envoy serves the host, by TLS and without. */
static void write_refused(struct explain *e, const char *host, const char *secret,
			  const char *table)
{
	const char *why = tls_refused(e, secret);
	const char *plain = explain_refusal_of_host(e, RESOURCE_ROUTE, HOST_ROUTES_TABLE, host);

	if (!why && table)
		why = explain_refusal_of_all(e, RESOURCE_ROUTE, table);
	if (!why)
		why = explain_refusal_of_host(e, RESOURCE_LISTENER, "ingress_https", host);
	if (why)
		explain_string(e, "refused", why);
	if (plain)
		explain_string(e, "refused_plain", plain);
}

static const char *table_of(struct explain *e, const char *host, const struct explain_origins *o)
{
	for (size_t i = 0; i < o->host.n_specs; i++)
		if (o->host.specs[i]->tls)
			return host_table(e->a, host, o->host.specs[i]->tls);
	return NULL;
}

static void write_host(struct listing *l, const char *host)
{
	struct explain *e = l->e;
	struct explain_origins o;
	const char *secret;

	explain_origins_read(e, host, false, &o);
	secret = secret_of(&o);
	document_map(e->d);
	explain_string(e, "host", host);
	if (secret)
		explain_string(e, "certificate", secret);
	write_refused(e, host, secret, table_of(e, host, &o));
	document_key(e->d, "routes");
	document_list(e->d);
	for (size_t i = 0; i < o.host.n_specs; i++)
		if (o.host.specs[i]->tcp && is_asked(l, o.host.specs[i], NULL))
			write_tcp(l, o.host.specs[i]);
	for (size_t i = 0; i < o.routes->n; i++)
		if (is_asked(l, o.routes->all[i].of, o.routes->all[i].route->owner))
			write_route(l, &o, &o.routes->all[i]);
	document_end(e->d);
	document_end(e->d);
}

/* ---- host names of Gateways' listeners ---- */

static bool is_asked_of(const struct listing *l, uint32_t kind, const char *key)
{
	return !l->object || (kind == l->object->kind && strcmp(key, item_key(l->object)) == 0);
}

static bool has_asked_domain(struct listing *l, const struct host_row *row)
{
	struct explain_domain d;
	bool any = false;

	explain_domain_read(l->e, row->fact, row->key, row->key_len, &d);
	for (size_t i = 0; i < d.n_routes; i++)
		any |= is_asked_of(l, d.routes[i].of->object_kind, d.routes[i].of->object_key);
	for (size_t i = 0; i < d.n_streams; i++)
		any |= is_asked_of(l, d.streams[i]->object_kind, d.streams[i]->object_key);
	return any;
}

static void want_domain_services(struct listing *l, const struct host_row *row)
{
	struct explain_domain d;

	explain_domain_read(l->e, row->fact, row->key, row->key_len, &d);
	for (size_t i = 0; i < d.n_routes; i++) {
		const EnvoyRoute *r = explain_route_unpack(l->e->a, d.routes[i].route->route);

		if (r)
			each_cluster(l, r, want);
	}
	for (size_t i = 0; i < d.n_streams; i++)
		for (size_t k = 0; d.streams[i]->tcp && k < d.streams[i]->tcp->n_clusters; k++)
			want_service(l, d.streams[i]->tcp->clusters[k]);
}

static void write_domain_owner(struct explain *e, uint32_t kind, const char *key, const char *field)
{
	document_key(e->d, "made_by");
	explain_object_write(e, (enum object_kind)kind, key, field);
}

static void write_domain_route(struct listing *l, const struct explain_domain *d,
			       const struct domain_entry *x)
{
	struct explain *e = l->e;
	const EnvoyRoute *r = explain_route_unpack(e->a, x->route->route);
	const char *lost = explain_domain_lost_to(e, x);

	if (!r)
		return;
	document_map(e->d);
	explain_string(e, "scheme", explain_domain_scheme(d));
	explain_string(e, "path", "");
	explain_string(e, "match", explain_match_text(e->a, r->match));
	explain_string(e, "action", explain_route_action(r));
	if (r->action_case == EnvoyRoute__ACTION_DIRECT_RESPONSE)
		explain_uint(e, "status", r->direct_response->status);
	if (lost)
		explain_string(e, "lost_to", lost);
	document_key(e->d, "clusters");
	document_list(e->d);
	each_cluster(l, r, write_cluster);
	document_end(e->d);
	write_domain_owner(e, x->of->object_kind, x->of->object_key, x->route->field);
	document_end(e->d);
}

static void write_stream(struct listing *l, const struct explain_domain *d,
			 const ModelStreamTargets *s)
{
	struct explain *e = l->e;

	document_map(e->d);
	explain_string(e, "scheme", explain_domain_scheme(d));
	explain_string(e, "path", "");
	explain_string(e, "match", "any connection");
	explain_string(e, "action",
		       d->protocol == LISTENER_TLS_PASSTHROUGH ? "passthrough" : "tcp");
	document_key(e->d, "clusters");
	document_list(e->d);
	for (size_t i = 0; s->tcp && i < s->tcp->n_clusters; i++)
		write_cluster(l, s->tcp->clusters[i],
			      i < s->tcp->n_weights ? &s->tcp->weights[i] : NULL);
	if (!s->tcp && s->cluster)
		write_cluster(l, s->cluster, NULL);
	document_end(e->d);
	write_domain_owner(e, s->object_kind, s->object_key, NULL);
	document_end(e->d);
}

static void write_domain(struct listing *l, const struct host_row *row)
{
	struct explain *e = l->e;
	struct explain_domain d;
	const char *refused;

	explain_domain_read(e, row->fact, row->key, row->key_len, &d);
	refused = tls_refused(e, d.certificate);
	document_map(e->d);
	explain_string(e, "host", row->name);
	if (d.certificate)
		explain_string(e, "certificate", d.certificate);
	if (refused)
		explain_string(e, "refused", refused);
	document_key(e->d, "routes");
	document_list(e->d);
	for (size_t i = 0; i < d.n_routes; i++)
		if (is_asked_of(l, d.routes[i].of->object_kind, d.routes[i].of->object_key))
			write_domain_route(l, &d, &d.routes[i]);
	/* The first has the listener. */
	for (size_t i = 0; i < d.n_streams && i < 1; i++)
		if (is_asked_of(l, d.streams[i]->object_kind, d.streams[i]->object_key))
			write_stream(l, &d, d.streams[i]);
	document_end(e->d);
	document_end(e->d);
}

static void write_hosts(struct listing *l, size_t from, size_t until)
{
	struct explain *e = l->e;
	const struct item *i;

	for (size_t k = from; k < until; k++)
		if (l->hosts[k].fact == FACT_HOST)
			want_host(l, l->hosts[k].name);
		else
			want_domain_services(l, &l->hosts[k]);
	for (size_t pos = 0; l->n_services && (i = state_next(e->world.objects, &pos));)
		if (i->kind == OBJECT_ENDPOINT_SLICE)
			count_slice(l, i);
	document_key(e->d, "hosts");
	document_list(e->d);
	for (size_t k = from; k < until; k++)
		if (l->hosts[k].fact == FACT_HOST)
			write_host(l, l->hosts[k].name);
		else
			write_domain(l, &l->hosts[k]);
	document_end(e->d);
}

static bool is_wanted(struct listing *l, const struct explain_routes_question *q,
		      const struct host_row *row)
{
	if (q->host)
		return strcasecmp(row->name, q->host) == 0 || strcasecmp(row->domain, q->host) == 0;
	return row->fact == FACT_HOST ? has_asked(l, row->name) : has_asked_domain(l, row);
}

void explain_routes(struct explain *e, const struct explain_routes_question *q)
{
	struct listing l = { .e = e, .search = q->search, .object = q->object };
	size_t from, until, limit = MIN(q->limit, (size_t)LIMIT_MAX);

	graph_fact_keys(e->world.graph, FACT_HOST, on_host, &l);
	graph_fact_keys(e->world.graph, FACT_DOMAIN, on_domain, &l);
	graph_fact_keys(e->world.graph, FACT_STREAM, on_stream, &l);
	if (l.n_hosts)
		qsort(l.hosts, l.n_hosts, sizeof(*l.hosts), compare_hosts);
	if (q->host || q->object) {
		size_t n = 0;

		for (size_t i = 0; i < l.n_hosts; i++)
			if (is_wanted(&l, q, &l.hosts[i]))
				l.hosts[n++] = l.hosts[i];
		l.n_hosts = n;
	}
	from = MIN(q->offset, l.n_hosts);
	until = MIN(from + limit, l.n_hosts);
	explain_uint(e, "hosts_total", l.n_hosts);
	explain_uint(e, "offset", from);
	write_hosts(&l, from, until);
	free(l.hosts);
	free(l.services);
}
