/* All that an object has made: its routes with where they go, and the resources that it has a part in. Runs
 * in the translator. */
#include <event2/http.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/status-document.h"
#include "translator/explain-internal.h"

typedef Portolan__Model__HostRoute HostRoute;
typedef Portolan__Model__HostRoutes HostRoutes;

#define ROUTES_MAX 200
#define RESOURCES_MAX 200
#define GATHERED_MAX 4096

struct row {
	enum resource_kind kind;
	const char *name;
	const char *part; /* its key; NULL: the whole */
};

struct inquiry {
	struct explain *e;
	const struct item *object;
	const char **hosts;
	size_t n_hosts;
	struct row *rows;
	size_t n_rows;
	size_t n_routes; /* found */
};

/* ---- which object ---- */

/* The HTTP status, with *ret_why if it is not 200. */
static int find(struct explain *e, const char *name, const struct item **ret, const char **ret_why)
{
	const char *slash = strchr(name, '/');
	enum object_kind kind = slash ? object_kind_named(arena_strndup(e->a, name, (size_t)(slash - name))) : 0;
	const char *key = slash ? slash + 1 : "";

	*ret_why = "an object is KIND/NAMESPACE/NAME, as ingress/default/web, and a request's URL begins with "
		   "http:// or https://";
	if (!kind || !*key || strlen(name) > EXPLAIN_URL_MAX)
		return HTTP_BADREQUEST;
	if (!strchr(key, '/') && object_kind(kind)->namespaced)
		key = arena_printf(e->a, "default/%s", key);
	*ret_why = arena_printf(e->a, "there is no %s %s", object_kind(kind)->kind, key);
	*ret = state_get(e->t->objects, kind, key, strlen(key));
	return *ret ? HTTP_OK : HTTP_NOTFOUND;
}

/* ---- what it has a part in ---- */

static void add_row(struct inquiry *q, enum resource_kind kind, const char *name, const char *part)
{
	for (size_t i = 0; i < q->n_rows; i++)
		if (q->rows[i].kind == kind && strcmp(q->rows[i].name, name) == 0 &&
		    strcmp(q->rows[i].part ? q->rows[i].part : "", part ? part : "") == 0)
			return;
	if (q->n_rows < GATHERED_MAX)
		q->rows[q->n_rows++] = (struct row){ kind, name, part };
}

static void on_host(void *ctx, const char *key, size_t key_len)
{
	struct inquiry *q = ctx;

	if (q->n_hosts < GATHERED_MAX)
		q->hosts[q->n_hosts++] = arena_strndup(q->e->a, key, key_len);
}

static void on_output(void *ctx, uint32_t kind, const char *key, size_t key_len)
{
	struct inquiry *q = ctx;
	struct arena *a = q->e->a;
	size_t len = strnlen(key, key_len);
	const char *name = arena_strndup(a, key, len);
	const char *part = len < key_len ? arena_strndup(a, key + len + 1, key_len - len - 1) : NULL;

	if (kind == OUTPUT_HOST_ROUTES)
		add_row(q, RESOURCE_ROUTE, name, part);
	else if (kind >= RESOURCE_PART && kind < RESOURCE_PART + RESOURCE_KIND_MAX_)
		add_row(q, (enum resource_kind)(kind - RESOURCE_PART), name, part);
	else if (kind < RESOURCE_KIND_MAX_)
		add_row(q, (enum resource_kind)kind, name, NULL);
}

static const struct graph_consequence_ops ops = { on_host, on_output };

/* A cluster that its routes go to, with its endpoints, though it was made of a Service. */
static void add_cluster(struct inquiry *q, const char *name)
{
	struct arena *a = q->e->a;
	const struct item *i = explain_sent(q->e, RESOURCE_CLUSTER, name);
	const Envoy__Config__Cluster__V3__Cluster *c =
		i ? envoy__config__cluster__v3__cluster__unpack(arena_pb(a), i->value_len, item_value(i)) : NULL;

	if (!c)
		return;
	add_row(q, RESOURCE_CLUSTER, name, NULL);
	if (c->type == ENVOY__CONFIG__CLUSTER__V3__CLUSTER__DISCOVERY_TYPE__EDS && c->eds_cluster_config)
		add_row(q, RESOURCE_ENDPOINT, c->eds_cluster_config->service_name, NULL);
}

/* ---- routes ---- */

static bool is_own(const struct inquiry *q, const HostRoutes *w, const HostRoute *r)
{
	return w->object_kind == q->object->kind &&
	       strcmp(r && r->owner ? r->owner : w->object_key, item_key(q->object)) == 0;
}

static bool goes_to(const struct inquiry *q, const char *cluster)
{
	for (size_t i = 0; i < q->n_rows; i++)
		if (q->rows[i].kind == RESOURCE_CLUSTER && strcmp(q->rows[i].name, cluster) == 0)
			return true;
	return false;
}

static size_t clusters_of(const Envoy__Config__Route__V3__Route *r, struct arena *a, const char ***ret)
{
	const Envoy__Config__Route__V3__WeightedCluster *w;

	if (r->action_case != ENVOY__CONFIG__ROUTE__V3__ROUTE__ACTION_ROUTE)
		return 0;
	if (r->route->cluster_specifier_case !=
	    ENVOY__CONFIG__ROUTE__V3__ROUTE_ACTION__CLUSTER_SPECIFIER_WEIGHTED_CLUSTERS) {
		*ret = arena_memdup(a, &r->route->cluster, sizeof(*ret));
		return 1;
	}
	w = r->route->weighted_clusters;
	*ret = arena_new_of(a, const char *, w->n_clusters + 1);
	for (size_t i = 0; i < w->n_clusters; i++)
		(*ret)[i] = w->clusters[i]->name;
	return w->n_clusters;
}

static const char *action_word(const Envoy__Config__Route__V3__Route *r)
{
	switch (r->action_case) {
	case ENVOY__CONFIG__ROUTE__V3__ROUTE__ACTION_REDIRECT:
		return "redirect";
	case ENVOY__CONFIG__ROUTE__V3__ROUTE__ACTION_DIRECT_RESPONSE:
		return "direct-response";
	default:
		return "forward";
	}
}

static const Envoy__Config__Route__V3__Route *unpack(struct arena *a, ProtobufCBinaryData element)
{
	const Envoy__Config__Route__V3__VirtualHost *v =
		envoy__config__route__v3__virtual_host__unpack(arena_pb(a), element.len, element.data);

	return v && v->n_routes ? v->routes[0] : NULL;
}

static const char *scheme_of(const struct explain_origins *o, const HostRoute *r)
{
	bool tls = false;

	for (size_t i = 0; i < o->n_wishes; i++)
		tls |= o->wishes[i]->tls != NULL;
	return !tls || !r->https.len ? "http" : r->http.len ? "http and https" : "https";
}

static void write_route(struct inquiry *q, const char *host, const struct explain_origins *o, const HostRoutes *w,
			const HostRoute *r, const Envoy__Config__Route__V3__Route *route)
{
	struct explain *e = q->e;
	const char **clusters;
	size_t n = clusters_of(route, e->a, &clusters);

	document_map(e->d);
	explain_string(e, "host", host);
	explain_string(e, "scheme", scheme_of(o, r));
	explain_string(e, "match", explain_match_text(e->a, route->match));
	document_key(e->d, "made_by");
	explain_object_write(e, (enum object_kind)w->object_kind, r->owner ? r->owner : w->object_key, r->field);
	explain_string(e, "action", action_word(route));
	if (route->action_case == ENVOY__CONFIG__ROUTE__V3__ROUTE__ACTION_DIRECT_RESPONSE)
		explain_uint(e, "status", route->direct_response->status);
	for (size_t i = 0; i < o->n_losses; i++)
		if (o->losses[i].loser->route == r)
			explain_string(e, "lost_to", explain_loss_text(e, &o->losses[i]));
	if (n) {
		document_key(e->d, "clusters");
		document_list(e->d);
		for (size_t i = 0; i < n; i++)
			document_string(e->d, clusters[i]);
		document_end(e->d);
	}
	document_end(e->d);
}

/* Its own, and those that go to a cluster which it has made. */
static void consider_route(struct inquiry *q, const char *host, const struct explain_origins *o,
			   const HostRoutes *w, const HostRoute *r)
{
	bool routes_own = q->object->kind == OBJECT_INGRESS || q->object->kind == OBJECT_HTTP_PROXY;
	const Envoy__Config__Route__V3__Route *route = unpack(q->e->a, r->https.len ? r->https : r->http);
	const char **clusters;
	size_t n = route ? clusters_of(route, q->e->a, &clusters) : 0;
	bool mine = is_own(q, w, r);

	for (size_t i = 0; i < n; i++) {
		if (mine)
			add_cluster(q, clusters[i]);
		mine |= !routes_own && goes_to(q, clusters[i]);
	}
	if (route && mine && q->n_routes++ < ROUTES_MAX)
		write_route(q, host, o, w, r, route);
}

static void write_host(struct inquiry *q, const char *host)
{
	struct explain_origins o;

	explain_origins_read(q->e, host, false, &o);
	for (size_t i = 0; i < o.n_wishes; i++) {
		const HostRoutes *w = o.wishes[i];

		if (w->tls && is_own(q, w, NULL))
			add_row(q, RESOURCE_SECRET, w->tls->secret, NULL);
		for (size_t k = 0; w->tcp && is_own(q, w, NULL) && k < w->tcp->n_clusters; k++)
			add_cluster(q, w->tcp->clusters[k]);
		for (size_t k = 0; k < w->n_routes; k++)
			consider_route(q, host, &o, w, w->routes[k]);
	}
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

	http = find(e, name, &q.object, &why);
	if (http != HTTP_OK)
		return explain_refuse(e, http, why);
	q.hosts = arena_new_of(e->a, const char *, GATHERED_MAX);
	q.rows = arena_new_of(e->a, struct row, GATHERED_MAX);
	document_key(e->d, "object");
	explain_object_write(e, (enum object_kind)q.object->kind, item_key(q.object), NULL);
	status = state_get(e->t->statuses, q.object->kind, q.object->data, q.object->key_len);
	if (status) {
		document_key(e->d, "status");
		status_document_one(e->d, status);
	}
	document_key(e->d, "complete");
	document_bool(e->d, graph_consequences(e->t->graph, q.object, &ops, &q));
	write_routes(&q);
	write_resources(&q);
	return HTTP_OK;
}
