/* One HTTPRoute or GRPCRoute: its attachments, its routes for the listeners' host names, and its
 * status. */
#include <string.h>

#include "translator/gateway/route-advice.h"
#include "translator/gateway/route-work.h"
#include "translator/host/want-domain.h"
#include "translator/kinds.h"
#include "translator/resolve/object.h"
#include "translator/units.h"

struct rules {
	const K8s__HTTPRouteRule **all;
	K8s__GRPCRouteRule *const *grpc; /* NULL: of an HTTPRoute */
	size_t n;
};

static void plan_name(struct route_work *w, const struct rules *rules,
		      const struct attached_name *name)
{
	const Portolan__Model__ParentListener *l = w->at->listener;
	struct domain_spec spec = { .table = l->table,
				    .listener_host = l->host,
				    .domain = name->domain,
				    .kind = w->head.kind,
				    .object = w->head.key };
	struct placed_routes routes = { 0 };
	struct domain_route *all;

	for (size_t i = 0; i < rules->n; i++)
		rule_plan(w, rules->all[i], rules->grpc ? rules->grpc[i] : NULL, i, name, &routes);
	all = arena_new_of(w->a, struct domain_route, routes.n + 1);
	for (size_t i = 0; i < routes.n; i++)
		all[i] = (struct domain_route){ &routes.all[i].route, routes.all[i].order,
						routes.all[i].order_len };
	spec.routes = all;
	spec.n_routes = routes.n;
	if (routes.n && !w->held)
		want_domain(w->r, &spec);
}

/* References are resolved even if the route is served nowhere (S-RT-4). */
static void look_at_references(struct route_work *w, const struct rules *rules)
{
	const struct attached_name any = { "*", "*" };
	Portolan__Model__ParentListener no_listener = PORTOLAN__MODEL__PARENT_LISTENER__INIT;
	Portolan__Model__Parent no_parent = PORTOLAN__MODEL__PARENT__INIT;
	struct attachment nowhere = { .parent = &no_parent, .listener = &no_listener };
	struct placed_routes ignored = { 0 };

	no_parent.gateway = (char *)"";
	w->at = &nowhere;
	for (size_t i = 0; i < rules->n; i++)
		rule_plan(w, rules->all[i], rules->grpc ? rules->grpc[i] : NULL, i, &any, &ignored);
	w->at = NULL;
}

static struct route_parent *plan(struct route_work *w, const struct rules *rules, size_t *ret_n)
{
	struct route_parent *parents;
	size_t n, planned = 0;

	parents = attach_find(w->r, &w->head, &n);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < parents[i].n_attachments; k++) {
			w->at = &parents[i].attachments[k];
			for (size_t m = 0; m < w->at->n_names; m++, planned++)
				plan_name(w, rules, &w->at->names[m]);
		}
	if (n && !planned)
		look_at_references(w, rules);
	*ret_n = n;
	return parents;
}

static bool is_all(const char *word)
{
	return word && strcmp(word, "All") == 0;
}

static void read_http(struct route_work *w, const K8s__HTTPRoute *route, struct rules *ret)
{
	static const K8s__HTTPRouteRule any = K8S__HTTPROUTE_RULE__INIT;
	const K8s__HTTPRouteRule **only = arena_new_of(w->a, const K8s__HTTPRouteRule *, 1);

	w->meta = route->metadata;
	w->head.refs = route->spec->parent_refs;
	w->head.n_refs = route->spec->n_parent_refs;
	w->head.use_default_gateways = is_all(route->spec->use_default_gateways);
	w->head.hosts = route->spec->hostnames;
	w->head.n_hosts = route->spec->n_hostnames;
	/* Without rules, one rule matches all requests (V-DEF-2). */
	*only = &any;
	*ret = (struct rules){ .all = only, .n = 1 };
	if (route->spec->n_rules)
		*ret = (struct rules){
			.all = (const K8s__HTTPRouteRule **)route->spec->rules,
			.n = route->spec->n_rules,
		};
}

static void read_grpc(struct route_work *w, const K8s__GRPCRoute *route, struct rules *ret)
{
	w->grpc = true;
	w->meta = route->metadata;
	w->head.refs = route->spec->parent_refs;
	w->head.n_refs = route->spec->n_parent_refs;
	w->head.use_default_gateways = is_all(route->spec->use_default_gateways);
	w->head.hosts = route->spec->hostnames;
	w->head.n_hosts = route->spec->n_hostnames;
	*ret = (struct rules){ .n = route->spec->n_rules, .grpc = route->spec->rules };
	ret->all = arena_new_of(w->a, const K8s__HTTPRouteRule *, ret->n + 1);
	for (size_t i = 0; i < ret->n; i++)
		ret->all[i] = rule_of_grpc(w->a, route->spec->rules[i]);
}

/* False if the route has no spec. */
static bool read_route(struct route_work *w, enum object_kind kind, const void *object,
		       struct rules *ret)
{
	const K8s__HTTPRoute *http = object;
	const K8s__GRPCRoute *grpc = object;

	if (kind == OBJECT_HTTP_ROUTE && http && http->spec)
		read_http(w, http, ret);
	else if (kind == OBJECT_GRPC_ROUTE && grpc && grpc->spec)
		read_grpc(w, grpc, ret);
	else
		return false;
	return true;
}

static struct route_work begin(struct reader *r, enum object_kind kind, const char *key)
{
	struct route_work w = { .r = r, .a = reader_arena(r) };
	const char *name;

	w.head.kind = kind;
	w.head.key = key;
	w.head.has_hosts = true;
	object_split_key(r, key, &w.head.namespace, &name);
	return w;
}

/* The version of before is served while backends are waited for (guard/route-patience.h). */
static void serve_before(struct reader *r, enum object_kind kind, const char *key,
			 const struct item *before)
{
	struct route_work w = begin(r, kind, key);
	struct rules rules;
	size_t n;

	w.head.silent = true;
	if (before->value_len &&
	    read_route(&w, kind,
		       protobuf_c_message_unpack(object_kind(kind)->descriptor, arena_pb(w.a),
						 before->value_len, item_value(before)),
		       &rules))
		(void)plan(&w, &rules, &n);
}

static void translate(struct reader *r, enum object_kind kind, const char *key)
{
	struct route_work w = begin(r, kind, key);
	const char *fact = arena_printf(w.a, "%u %s", kind, key);
	const struct item *const *held;
	struct route_parent *parents;
	struct rules rules;
	size_t n, n_held;

	if (!read_route(&w, kind, read_message(r, kind, key), &rules))
		return;
	held = read_facts(r, FACT_PATIENCE, fact, strlen(fact), &n_held);
	w.held = n_held > 0;
	parents = plan(&w, &rules, &n);
	if (w.waits)
		emit_fact(r, FACT_WAITING, fact, strlen(fact), "", 0, NULL, 0);
	if (w.held)
		serve_before(r, kind, key, held[0]);
	/* Nothing of it is served: that is not "partially" (S-RT-7). */
	if (w.flaws.dropped && !w.has_valid_rule)
		flaw_set(&w.flaws.accepted, "UnsupportedValue",
			 arena_printf(w.a, "No rule is valid. %s", w.flaws.dropped));
	route_advise(&w, rules.all, rules.grpc, rules.n, parents, n);
	route_status_emit(r, &w.head, parents, n, &w.flaws);
}

void unit_http_route(struct reader *r, const char *key, size_t key_len _unused_)
{
	translate(r, OBJECT_HTTP_ROUTE, key);
}

void unit_grpc_route(struct reader *r, const char *key, size_t key_len _unused_)
{
	translate(r, OBJECT_GRPC_ROUTE, key);
}
