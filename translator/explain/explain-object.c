/* All that an object has made: its routes with where they go, and the resources that it has a part
 * in. Runs in the translator. */
#include <event2/http.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/decode/status-document.h"
#include "translator/explain/explain-internal.h"
#include "translator/kinds.h"
#include "translator/model/front-end.h"

#define ROUTES_MAX    200
#define RESOURCES_MAX 200
#define GATHERED_MAX  4096

struct row {
	enum resource_kind kind;
	const char *name;
	const char *part; /* its key; NULL: the whole */
};

/* A host name of a Gateway's listener, or a stream. */
struct domain_row {
	const char *label;
	unsigned fact;
	const char *key;
	size_t key_len;
};

struct inquiry {
	struct explain *e;
	const struct item *object;
	const char **hosts;
	size_t n_hosts;
	struct domain_row *domains;
	size_t n_domains;
	struct row *rows;
	size_t n_rows;
	size_t n_routes; /* found */
};

/* ---- which object ---- */

int explain_object_find(struct explain *e, const char *name, const struct item **ret,
			const char **ret_why)
{
	const char *slash = strchr(name, '/');
	enum object_kind kind =
		slash ? object_kind_named(arena_strndup(e->a, name, (size_t)(slash - name))) : 0;
	const char *key = slash ? slash + 1 : "";

	*ret_why = "an object is KIND/NAMESPACE/NAME, as ingress/default/web, and a request's URL "
		   "begins with "
		   "http:// or https://";
	if (!kind || !*key || strlen(name) > EXPLAIN_URL_MAX)
		return HTTP_BADREQUEST;
	if (!strchr(key, '/'))
		key = arena_printf(e->a, "%s/%s", object_kind(kind)->namespaced ? "default" : "",
				   key);
	*ret_why = arena_printf(e->a, "there is no %s %s", object_kind(kind)->kind, key);
	*ret = state_get(e->world.objects, kind, key, strlen(key));
	return *ret ? HTTP_OK : HTTP_NOTFOUND;
}

/* ---- the hosts that it is part of ---- */

static void add_row(struct inquiry *q, enum resource_kind kind, const char *name, const char *part)
{
	for (size_t i = 0; i < q->n_rows; i++)
		if (q->rows[i].kind == kind && strcmp(q->rows[i].name, name) == 0 &&
		    strcmp(q->rows[i].part ? q->rows[i].part : "", part ? part : "") == 0)
			return;
	if (q->n_rows < GATHERED_MAX)
		q->rows[q->n_rows++] = (struct row){ kind, name, part };
}

static void add_host(struct inquiry *q, const char *key, size_t key_len)
{
	if (q->n_hosts < GATHERED_MAX)
		q->hosts[q->n_hosts++] = arena_strndup(q->e->a, key, key_len);
}

static void on_output(void *ctx, uint32_t kind, const char *key, size_t key_len)
{
	struct inquiry *q = ctx;
	struct arena *a = q->e->a;
	size_t len = strnlen(key, key_len);
	const char *name = arena_strndup(a, key, len);
	const char *part = len < key_len ? arena_strndup(a, key + len + 1, key_len - len - 1)
					 : NULL;

	if (kind == OUTPUT_HOST_ROUTES)
		add_row(q, RESOURCE_ROUTE, name, part);
	else if (kind >= RESOURCE_PART && kind < RESOURCE_PART + RESOURCE_KIND_MAX_)
		add_row(q, (enum resource_kind)(kind - RESOURCE_PART), name, part);
	else if (kind < RESOURCE_KIND_MAX_)
		add_row(q, (enum resource_kind)kind, name, NULL);
}

static void on_fact(void *ctx, unsigned fact, const char *key, size_t key_len)
{
	struct inquiry *q = ctx;

	if (fact == FACT_HOST)
		add_host(q, key, key_len);
	else if (q->n_domains < GATHERED_MAX)
		q->domains[q->n_domains++] =
			(struct domain_row){ explain_domain_label(q->e, fact, key, key_len), fact,
					     arena_strndup(q->e->a, key, key_len), key_len };
}

static const struct graph_consequence_ops ops = { on_fact, on_output };

/* A cluster that its routes go to, with its endpoints, though it was made of a Service. */
static void add_cluster(struct inquiry *q, const char *name)
{
	struct arena *a = q->e->a;
	const struct item *i = explain_sent(q->e, RESOURCE_CLUSTER, name);
	const EnvoyCluster *c = message_unpack(a, EnvoyCluster, i);

	if (!c)
		return;
	add_row(q, RESOURCE_CLUSTER, name, NULL);
	if (c->type == EnvoyCluster__DISCOVERY_TYPE__EDS && c->eds_cluster_config)
		add_row(q, RESOURCE_ENDPOINT, c->eds_cluster_config->service_name, NULL);
}

/* ---- routes ---- */

static bool is_own(const struct inquiry *q, const ModelHostRoutes *w, const ModelHostRoute *r)
{
	const char *key = item_key(q->object);

	return w->object_kind == q->object->kind &&
	       (strcmp(r && r->owner ? r->owner : w->object_key, key) == 0 ||
		(r && r->also && strcmp(r->also, key) == 0));
}

static bool goes_to(const struct inquiry *q, const char *cluster)
{
	for (size_t i = 0; i < q->n_rows; i++)
		if (q->rows[i].kind == RESOURCE_CLUSTER && strcmp(q->rows[i].name, cluster) == 0)
			return true;
	return false;
}

static size_t clusters_of(const EnvoyRoute *r, struct arena *a, const char ***ret)
{
	const EnvoyWeightedCluster *w;

	if (r->action_case != EnvoyRoute__ACTION_ROUTE)
		return 0;
	if (r->route->cluster_specifier_case !=
	    EnvoyRouteAction__CLUSTER_SPECIFIER_WEIGHTED_CLUSTERS) {
		*ret = arena_memdup(a, &r->route->cluster, sizeof(*ret));
		return 1;
	}
	w = r->route->weighted_clusters;
	*ret = arena_new_of(a, const char *, w->n_clusters + 1);
	for (size_t i = 0; i < w->n_clusters; i++)
		(*ret)[i] = w->clusters[i]->name;
	return w->n_clusters;
}

const char *explain_route_action(const EnvoyRoute *r)
{
	switch (r->action_case) {
	case EnvoyRoute__ACTION_REDIRECT:
		return "redirect";
	case EnvoyRoute__ACTION_DIRECT_RESPONSE:
		return "direct-response";
	default:
		return "forward";
	}
}

const EnvoyRoute *explain_route_unpack(struct arena *a, ProtobufCBinaryData element)
{
	const EnvoyVirtualHost *v = envoy__config__route__v3__virtual_host__unpack(
		arena_pb(a), element.len, element.data);

	return v && v->n_routes ? v->routes[0] : NULL;
}

const char *explain_route_scheme(const struct explain_origins *o, const ModelHostRoute *r)
{
	bool tls = false;

	for (size_t i = 0; i < o->host.n_specs; i++)
		tls |= o->host.specs[i]->tls != NULL;
	return !tls || !r->https.len ? "http" : r->http.len ? "http and https" : "https";
}

static void write_route(struct inquiry *q, const char *host, const struct explain_origins *o,
			const ModelHostRoutes *w, const ModelHostRoute *r, const EnvoyRoute *route)
{
	struct explain *e = q->e;
	const char **clusters;
	size_t n = clusters_of(route, e->a, &clusters);

	document_map(e->d);
	explain_string(e, "host", host);
	explain_string(e, "scheme", explain_route_scheme(o, r));
	explain_string(e, "match", explain_match_text(e->a, route->match));
	document_key(e->d, "made_by");
	explain_object_write(e, (enum object_kind)w->object_kind,
			     r->owner ? r->owner : w->object_key, r->field);
	explain_string(e, "action", explain_route_action(route));
	if (route->action_case == EnvoyRoute__ACTION_DIRECT_RESPONSE)
		explain_uint(e, "status", route->direct_response->status);
	for (size_t i = 0; i < o->host.n_losses; i++)
		if (o->host.losses[i].loser.route == r)
			explain_string(e, "lost_to", explain_loss_text(e, &o->host.losses[i]));
	if (n) {
		document_key(e->d, "clusters");
		document_list(e->d);
		for (size_t i = 0; i < n; i++)
			document_string(e->d, clusters[i]);
		document_end(e->d);
	}
	document_end(e->d);
}

/* It is the author of routes: those of others that go where its own do are not its. */
static bool makes_routes(const struct inquiry *q)
{
	const struct front_end *f = front_end((enum object_kind)q->object->kind);

	return f && !f->listens;
}

/* Its own routes, and routes to a cluster that it has made. */
static void consider_route(struct inquiry *q, const char *host, const struct explain_origins *o,
			   const ModelHostRoutes *w, const ModelHostRoute *r)
{
	const EnvoyRoute *route = explain_route_unpack(q->e->a, r->https.len ? r->https : r->http);
	const char **clusters;
	size_t n = route ? clusters_of(route, q->e->a, &clusters) : 0;
	bool mine = is_own(q, w, r);

	for (size_t i = 0; i < n; i++) {
		if (mine)
			add_cluster(q, clusters[i]);
		mine |= !makes_routes(q) && goes_to(q, clusters[i]);
	}
	if (route && mine && q->n_routes++ < ROUTES_MAX)
		write_route(q, host, o, w, r, route);
}

static void write_host(struct inquiry *q, const char *host)
{
	struct explain_origins o;

	explain_origins_read(q->e, host, false, &o);
	for (size_t i = 0; i < o.host.n_specs; i++) {
		const ModelHostRoutes *w = o.host.specs[i];

		if (w->tls && is_own(q, w, NULL))
			add_row(q, RESOURCE_SECRET, w->tls->secret, NULL);
		for (size_t k = 0; w->tcp && is_own(q, w, NULL) && k < w->tcp->n_clusters; k++)
			add_cluster(q, w->tcp->clusters[k]);
		for (size_t k = 0; k < w->n_routes; k++)
			consider_route(q, host, &o, w, w->routes[k]);
	}
}

/* ---- host names of Gateways' listeners ---- */

static bool is_of(const struct inquiry *q, uint32_t kind, const char *key)
{
	const struct front_end *f = front_end((enum object_kind)q->object->kind);

	/* A Gateway: everything served at its listeners. */
	return (kind == q->object->kind && strcmp(key, item_key(q->object)) == 0) ||
	       (f && f->listens);
}

static void begin_domain_route(struct inquiry *q, const struct explain_domain *d, const char *match,
			       uint32_t kind, const char *key, const char *field)
{
	struct explain *e = q->e;

	document_map(e->d);
	explain_string(e, "host", d->label);
	explain_string(e, "scheme", explain_domain_scheme(d));
	explain_string(e, "match", match);
	document_key(e->d, "made_by");
	explain_object_write(e, (enum object_kind)kind, key, field);
}

static void list_clusters(struct inquiry *q, char *const *clusters, size_t n)
{
	if (!n)
		return;
	document_key(q->e->d, "clusters");
	document_list(q->e->d);
	for (size_t i = 0; i < n; i++)
		document_string(q->e->d, clusters[i]);
	document_end(q->e->d);
}

static void write_domain_route(struct inquiry *q, const struct explain_domain *d,
			       const struct domain_entry *r)
{
	struct explain *e = q->e;
	const EnvoyRoute *route = explain_route_unpack(e->a, r->route->route);
	bool mine = is_of(q, r->of->object_kind, r->of->object_key);
	const char *lost = explain_domain_lost_to(e, r);
	const char **clusters;
	size_t n = route ? clusters_of(route, e->a, &clusters) : 0;

	for (size_t i = 0; i < n; i++) {
		if (mine)
			add_cluster(q, clusters[i]);
		mine |= !makes_routes(q) && goes_to(q, clusters[i]);
	}
	if (!route || !mine || q->n_routes++ >= ROUTES_MAX)
		return;
	begin_domain_route(q, d, explain_match_text(e->a, route->match), r->of->object_kind,
			   r->of->object_key, r->route->field);
	explain_string(e, "action", explain_route_action(route));
	if (route->action_case == EnvoyRoute__ACTION_DIRECT_RESPONSE)
		explain_uint(e, "status", route->direct_response->status);
	if (lost)
		explain_string(e, "lost_to", lost);
	list_clusters(q, (char *const *)clusters, n);
	document_end(e->d);
}

static void write_stream(struct inquiry *q, const struct explain_domain *d, size_t at)
{
	struct explain *e = q->e;
	const ModelStreamTargets *s = d->streams[at];
	bool mine = is_of(q, s->object_kind, s->object_key);
	size_t n = s->tcp ? s->tcp->n_clusters : s->cluster ? 1 : 0;
	char *const *clusters = s->tcp ? s->tcp->clusters : &s->cluster;

	for (size_t i = 0; i < n; i++) {
		if (mine)
			add_cluster(q, clusters[i]);
		mine |= !makes_routes(q) && goes_to(q, clusters[i]);
	}
	if (!mine || q->n_routes++ >= ROUTES_MAX)
		return;
	begin_domain_route(q, d, "any connection", s->object_kind, s->object_key, NULL);
	explain_string(e, "action", "forward");
	if (at)
		explain_string(
			e, "lost_to",
			arena_printf(
				e->a, "%s %s is older and has the listener",
				object_kind((enum object_kind)d->streams[0]->object_kind)->kind,
				d->streams[0]->object_key));
	list_clusters(q, clusters, n);
	document_end(e->d);
}

static void write_domain(struct inquiry *q, const struct domain_row *row)
{
	struct explain_domain d;

	explain_domain_read(q->e, row->fact, row->key, row->key_len, &d);
	for (size_t i = 0; i < d.n_routes; i++)
		write_domain_route(q, &d, &d.routes[i]);
	for (size_t i = 0; i < d.n_streams; i++)
		write_stream(q, &d, i);
}

static int compare_domains(const void *a, const void *b)
{
	const struct domain_row *x = a, *y = b;
	int d = strcmp(x->label, y->label);

	return d ? d : strcmp(x->key, y->key);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void write_routes(struct inquiry *q)
{
	if (q->n_hosts)
		qsort(q->hosts, q->n_hosts, sizeof(*q->hosts), compare_names);
	document_key(q->e->d, "routes");
	document_list(q->e->d);
	for (size_t i = 0; i < q->n_hosts; i++)
		write_host(q, q->hosts[i]);
	if (q->n_domains)
		qsort(q->domains, q->n_domains, sizeof(*q->domains), compare_domains);
	for (size_t i = 0; i < q->n_domains; i++)
		write_domain(q, &q->domains[i]);
	document_end(q->e->d);
	explain_uint(q->e, "routes_total", q->n_routes);
}

/* ---- resources ---- */

static int compare_rows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int d;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	d = strcmp(x->name, y->name);
	return d ? d : strcmp(x->part ? x->part : "", y->part ? y->part : "");
}

static void write_resource(struct explain *e, const struct row *r)
{
	const struct item *head = explain_sent(e, r->kind, r->name);

	document_map(e->d);
	explain_string(e, "kind", resource_kind(r->kind)->name);
	explain_string(e, "name", r->name);
	if (r->part)
		explain_string(e, "part", r->part);
	if (head)
		explain_string(e, "version", item_meta(head));
	document_end(e->d);
}

static void write_resources(struct inquiry *q)
{
	struct explain *e = q->e;
	size_t n = 0;

	if (q->n_rows)
		qsort(q->rows, q->n_rows, sizeof(*q->rows), compare_rows);
	document_key(e->d, "resources");
	document_list(e->d);
	for (size_t i = 0; i < q->n_rows; i++)
		if (resource_kind(q->rows[i].kind) && n++ < RESOURCES_MAX)
			write_resource(e, &q->rows[i]);
	document_end(e->d);
	explain_uint(e, "resources_total", n);
}

int explain_object(struct explain *e, const char *name)
{
	struct inquiry q = { .e = e };
	const struct item *status;
	const char *why;
	int http;

	http = explain_object_find(e, name, &q.object, &why);
	if (http != HTTP_OK)
		return explain_refuse(e, http, why);
	q.hosts = arena_new_of(e->a, const char *, GATHERED_MAX);
	q.domains = arena_new_of(e->a, struct domain_row, GATHERED_MAX);
	q.rows = arena_new_of(e->a, struct row, GATHERED_MAX);
	document_key(e->d, "object");
	explain_object_write(e, (enum object_kind)q.object->kind, item_key(q.object), NULL);
	status = state_get(e->world.statuses, q.object->kind, q.object->data, q.object->key_len);
	if (status) {
		document_key(e->d, "status");
		status_document_one(e->d, status, e->world.objects);
	}
	explain_gateway_object_write(e, q.object);
	document_key(e->d, "complete");
	document_bool(e->d, graph_consequences(e->world.graph, q.object, &ops, &q));
	write_routes(&q);
	write_resources(&q);
	return HTTP_OK;
}
