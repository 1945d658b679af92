/* A root HTTPProxy and the tree of those that it includes: what it wants of its host. Children say in
 * their own statuses what is wrong with them. Runs in the translator. */
#include <errno.h>
#include <string.h>

#include "common/hashmap.h"
#include "translator/certificate.h"
#include "translator/delegation.h"
#include "translator/host-name.h"
#include "translator/proxy-authorization.h"
#include "translator/proxy-filter.h"
#include "translator/proxy.h"

typedef Portolan__Model__HostRoute HostRoute;
typedef Portolan__Model__HostRoutes HostRoutes;
typedef Portolan__Model__HostTls HostTls;

/* Deeper is no tree that a person wrote. */
#define DEPTH_MAX 32
#define ROUTES_MAX 50000
#define INCLUDES_MAX 10000 /* followed below one root: two in each of 32 levels are billions */

struct root {
	struct proxy_node node;
	const char *host;
	HostTls *tls; /* NULL: plain HTTP only, or passed through */
	Portolan__Model__HostTcp *tcp;
	bool secure; /* TLS of either sort: plain HTTP is for redirects */
	struct proxy_filters filters;
	struct proxy_authorization authorization;
	unsigned depth, includes;
};

/* ---- includes ---- */

static const char *include_key(struct proxy_node *node, const K8s__ProxyInclude *i)
{
	return arena_printf(node->a, "%s/%s", *i->namespace_ ? i->namespace_ : node->namespace, i->name);
}

/* Not the root, which has its own reason for not being included. */
static bool includes_itself(const struct proxy_node *node, const char *key)
{
	for (const struct proxy_node *n = node; n->parent; n = n->parent)
		if (strcmp(n->key, key) == 0)
			return true;
	return false;
}

/* What an include that leads nowhere would have served is answered with 502. */
static void answer_502(struct proxy_node *node, const struct proxy_conditions *c, const char *field,
		       struct proxy_routes *ret)
{
	struct proxy_route out = { .owner = node->key, .field = field, .insecure = true };
	const char *reason, *why;

	if (!c->n || proxy_condition_merge(node->a, c, &out.match, &reason, &why) < 0)
		return;
	out.route = envoy_route_answer(node->a, 502, NULL);
	proxy_routes_add(node->a, ret, &out);
}

/* Of two includes with the same conditions the first counts; none at all may stand more than once. */
static bool repeats_include(size_t index, const struct proxy_match *match, struct proxy_match *seen)
{
	bool bare = strcmp(match->path, "/") == 0 && !match->n_headers && !match->n_queries;

	for (size_t i = 0; i < index && !bare; i++)
		if (seen[i].path && strcmp(seen[i].path, match->path) == 0 &&
		    strcmp(seen[i].text, match->text) == 0)
			return true;
	seen[index] = *match;
	return false;
}

static void gather(struct root *root, struct proxy_node *node, struct proxy_routes *ret);

static void include_child(struct root *root, struct proxy_node *node, const struct proxy_conditions *c,
			  const char *field, const char *key, struct proxy_routes *ret)
{
	struct proxy_node child = { .r = node->r, .a = node->a, .key = key, .parent = node, .conditions = c,
				   .host = root->host, .jwt = node->jwt, .authorization = node->authorization };
	const char *name, *why;

	child.proxy = read_message(node->r, OBJECT_HTTP_PROXY, key);
	if (!child.proxy ||
	    !units_class_is_ours(node->r, child.proxy->metadata,
				 child.proxy->spec ? child.proxy->spec->ingress_class_name : NULL, &why)) {
		units_error(node->r, OBJECT_HTTP_PROXY, node->key, "IncludeError/IncludeNotFound", field,
			    "there is no HTTPProxy %s", key);
		answer_502(node, c, field, ret);
		return;
	}
	if (child.proxy->spec && child.proxy->spec->virtualhost) {
		units_error(node->r, OBJECT_HTTP_PROXY, node->key, "IncludeError/RootIncludesRoot", field,
			    "HTTPProxy %s is a root itself, with a virtualhost", key);
		answer_502(node, c, field, ret);
		return;
	}
	if (!child.proxy->spec)
		return;
	emit_fact(node->r, FACT_INCLUDED, key, strlen(key), root->node.key, strlen(root->node.key), NULL, 0);
	units_split_key(node->r, key, &child.namespace, &name);
	root->depth++;
	gather(root, &child, ret);
	root->depth--;
}

static bool may_go_on(struct root *root)
{
	if (root->includes++ == INCLUDES_MAX)
		units_error(root->node.r, OBJECT_HTTP_PROXY, root->node.key, "IncludeError/TooManyIncludes",
			    "spec.includes", "there are more than %d includes below it: the rest is left out",
			    INCLUDES_MAX);
	return root->includes <= INCLUDES_MAX;
}

static void include(struct root *root, struct proxy_node *node, size_t index, struct proxy_match *seen,
		    struct proxy_routes *ret)
{
	const K8s__ProxyInclude *i = node->proxy->spec->includes[index];
	struct proxy_conditions *c = arena_new_of(node->a, struct proxy_conditions, 1);
	const char *field = arena_printf(node->a, "spec.includes[%zu]", index);
	const char *key = include_key(node, i), *reason, *why;
	struct proxy_match match;

	*c = (struct proxy_conditions){ i->conditions, i->n_conditions, node->conditions };
	if (proxy_condition_check_path(c, true, &why) < 0) {
		units_error(node->r, OBJECT_HTTP_PROXY, node->key, "IncludeError/PathMatchConditionsNotValid",
			    field, "%s", why);
		return;
	}
	if (proxy_condition_merge(node->a, c, &match, &reason, &why) < 0) {
		units_error(node->r, OBJECT_HTTP_PROXY, node->key,
			    arena_printf(node->a, "RouteError/%s", reason), field, "%s", why);
		return;
	}
	if (repeats_include(index, &match, seen)) {
		units_error(node->r, OBJECT_HTTP_PROXY, node->key, "IncludeError/DuplicateMatchConditions",
			    field, "an earlier include has the same conditions");
		return;
	}
	if (includes_itself(node, key)) {
		units_error(node->r, OBJECT_HTTP_PROXY, key, "IncludeError/IncludeCreatesCycle", NULL,
			    "HTTPProxy %s includes it again, below itself", node->key);
		return;
	}
	if (root->depth >= DEPTH_MAX) {
		units_error(node->r, OBJECT_HTTP_PROXY, node->key, "IncludeError/IncludeCreatesCycle", field,
			    "%s is more than %d includes deep", key, DEPTH_MAX);
		return;
	}
	include_child(root, node, c, field, key, ret);
}

/* The routes of the includes, then its own. An error in one of its routes takes all of them away, those of
 * its includes as well; parents and siblings go on. */
static void gather(struct root *root, struct proxy_node *node, struct proxy_routes *ret)
{
	const K8s__HTTPProxySpec *spec = node->proxy->spec;
	struct proxy_match *seen = arena_new_of(node->a, struct proxy_match, spec->n_includes + 1);
	struct proxy_routes own = { 0 };

	for (size_t i = 0; i < spec->n_includes && own.n < ROUTES_MAX && may_go_on(root); i++)
		include(root, node, i, seen, &own);
	for (size_t i = 0; i < spec->n_routes && own.n < ROUTES_MAX; i++)
		proxy_route_plan(node, i, &own);
	if (node->bad) {
		emit_verdict(node->r, OBJECT_HTTP_PROXY, node->key, PORTOLAN__IPC__VERDICT__VERDICT_REJECTED);
		return;
	}
	proxy_rewrite_expand(node->a, &own);
	for (size_t i = 0; i < own.n; i++)
		proxy_routes_add(node->a, ret, &own.all[i]);
}

/* ---- TLS ---- */

static uint32_t tls_version(const char *text)
{
	return strcmp(text, "1.3") == 0 ? 3 : strcmp(text, "1.2") == 0 ? 2 : 0;
}

static int plan_secret(struct root *root, const K8s__ProxyTLS *tls)
{
	struct proxy_node *node = &root->node;
	const Portolan__Model__SecretResult *facts;
	const char *key, *why;

	if (delegation_resolve(node->r, tls->secret_name, node->namespace, &key, &why) < 0) {
		proxy_error(node, "TLSError/DelegationNotPermitted", "spec.virtualhost.tls.secretName", "%s",
			    why);
		return -EINVAL;
	}
	facts = units_secret(node->r, key);
	if (!facts->usable) {
		proxy_error(node, "TLSError/SecretNotValid", "spec.virtualhost.tls.secretName",
			    "Secret %s: %s", key, facts->message);
		return -EINVAL;
	}
	units_secret_kept(node->r, OBJECT_HTTP_PROXY, node->key, "TLSError/SecretNotValid",
			  "spec.virtualhost.tls.secretName", key, facts);
	if (!certificate_covers(facts->names, facts->n_names, root->host))
		proxy_warning(node, "TLSWarning/CertificateName", "spec.virtualhost.tls.secretName",
			      "the certificate in Secret %s is not for host %s; clients will refuse it", key,
			      root->host);
	root->tls = ENVOY_NEW(node->a, HostTls, PORTOLAN__MODEL__HOST_TLS__INIT);
	root->tls->secret = (char *)key;
	root->tls->field = (char *)"spec.virtualhost.tls.secretName";
	return 0;
}

static int plan_tls(struct root *root, const K8s__ProxyTLS *tls)
{
	struct proxy_node *node = &root->node;
	const char *bound;
	uint32_t min, max;

	if (!tls)
		return 0;
	root->secure = true;
	if ((*tls->secret_name != 0) == (tls->passthrough != 0)) {
		proxy_error(node, "TLSError/TLSConfigNotValid", "spec.virtualhost.tls",
			    "it needs exactly one of secretName and passthrough");
		return -EINVAL;
	}
	if (tls->passthrough && (tls->client_validation || tls->enable_fallback_certificate)) {
		proxy_error(node, "TLSError/TLSIncompatibleFeatures",
			    tls->client_validation ? "spec.virtualhost.tls.clientValidation" :
						     "spec.virtualhost.tls.enableFallbackCertificate",
			    "what is passed through is not looked at");
		return -EINVAL;
	}
	if (tls->passthrough)
		return 0;
	if (plan_secret(root, tls) < 0)
		return -EINVAL;
	min = tls_version(tls->minimum_protocol_version);
	max = tls_version(tls->maximum_protocol_version);
	if (min && max && min > max) {
		proxy_error(node, "TLSError/TLSConfigNotValid",
			    "spec.virtualhost.tls.minimumProtocolVersion",
			    "the minimum is above the maximum");
		return -EINVAL;
	}
	bound = units_tls_bound(node->r, min, max);
	if (bound)
		proxy_warning(node, "TLSWarning/VersionBound", "spec.virtualhost.tls", "%s", bound);
	root->tls->has_min_version = min != 0;
	root->tls->min_version = min;
	root->tls->has_max_version = max != 0;
	root->tls->max_version = max;
	if (proxy_fallback_plan(node, root->tls) < 0)
		return -EINVAL;
	return proxy_client_plan(node, tls->client_validation, root->tls);
}

/* ---- the host's fact ---- */

static ProtobufCBinaryData encode(struct root *root, Envoy__Config__Route__V3__Route *route)
{
	ProtobufCBinaryData d;
	size_t len;
	uint8_t *packed = reader_pack(root->node.r, &route->base, &len);

	envoy_element(root->node.a, ENVOY_HOST_ROUTES, packed, len, &d.data, &d.len);
	return d;
}

static HostRoute *finish(struct root *root, const struct proxy_route *from)
{
	struct arena *a = root->node.a;
	HostRoute *out = ENVOY_NEW(a, HostRoute, PORTOLAN__MODEL__HOST_ROUTE__INIT);
	Envoy__Config__Route__V3__Route *route = from->route, *plain;

	route->match = envoy_route_match(a, root->host, from->match.kind, from->match.path);
	proxy_condition_encode(a, &from->match, route->match);
	if (from->replacement && route->action_case == ENVOY__CONFIG__ROUTE__V3__ROUTE__ACTION_ROUTE) {
		/* Split routes share their action, but not what the prefix becomes. */
		route->route = arena_memdup(a, route->route, sizeof(*route->route));
		route->route->prefix_rewrite = (char *)from->replacement;
	}
	out->has_path_kind = out->has_headers = out->has_queries = 1;
	out->path_kind = from->match.kind;
	out->path = (char *)from->match.path;
	out->headers = (uint32_t)from->match.n_headers;
	out->queries = (uint32_t)from->match.n_queries;
	out->conditions = (char *)from->match.text;
	out->field = (char *)from->field;
	if (strcmp(from->owner, root->node.key) != 0)
		out->owner = (char *)from->owner;
	out->has_https = root->tls && !root->tcp;
	if (out->has_https)
		out->https = encode(root, route);
	plain = route;
	if (root->secure && !from->insecure) {
		plain = envoy_route_to_https(a);
		proxy_authorization_exempt(&root->node, plain);
	}
	plain->match = route->match;
	out->has_http = 1;
	out->http = encode(root, plain);
	return out;
}

/* A match, and which of the routes that are kept has it. */
struct place {
	const char *match;
	size_t at;
};

static const void *place_key(const void *entry, size_t *ret_len)
{
	const struct place *p = entry;

	*ret_len = strlen(p->match);
	return p->match;
}

/* The later of two routes with the same match stays: a proxy's own routes come behind its includes'. */
static size_t without_repeats(struct arena *a, const struct proxy_routes *l, const struct proxy_route **ret)
{
	struct place *places = arena_new_of(a, struct place, l->n + 1), *before;
	struct hashmap by_match = HASHMAP_INIT(place_key);
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct proxy_match *m = &l->all[i].match;

		places[n] = (struct place){ arena_printf(a, "%d%s\x01%s", m->kind, m->path, m->text), n };
		before = hashmap_get_str(&by_match, places[n].match);
		ret[before ? before->at : n] = &l->all[i];
		if (before)
			continue;
		(void)hashmap_put(&by_match, &places[n]);
		n++;
	}
	hashmap_done(&by_match);
	return n;
}

static void emit_host(struct root *root, const struct proxy_routes *l)
{
	struct arena *a = root->node.a;
	const struct proxy_route **kept = arena_new_of(a, const struct proxy_route *, l->n + 1);
	HostRoutes routes = PORTOLAN__MODEL__HOST_ROUTES__INIT;
	const char *sort = arena_printf(a, "!%s", root->node.key); /* before all Ingresses */
	size_t n = without_repeats(a, l, kept);
	bool cookies = false;

	routes.has_object_kind = 1;
	routes.object_kind = OBJECT_HTTP_PROXY;
	routes.object_key = (char *)root->node.key;
	routes.tcp = root->tcp;
	if (root->filters.n || root->filters.n_limits) {
		routes.has_options = 1;
		routes.options = proxy_filter_host(root->node.r, &root->filters);
	}
	routes.n_routes = n;
	routes.routes = arena_new_of(a, HostRoute *, n + 1);
	for (size_t i = 0; i < n; i++) {
		struct proxy_route copy = *kept[i];

		copy.route = arena_memdup(a, copy.route, sizeof(*copy.route));
		routes.routes[i] = finish(root, &copy);
		cookies |= copy.rewrites_cookies;
	}
	if (root->tls && cookies)
		root->tls->has_cookies = root->tls->cookies = 1;
	routes.tls = root->tls;
	if (root->tls && root->authorization.own) {
		root->tls->asks = ENVOY_NEW(a, Portolan__Model__HostAsks, PORTOLAN__MODEL__HOST_ASKS__INIT);
		root->tls->asks->authorization = root->authorization.own;
	}
	units_want_host(root->node.r, root->host, sort, &routes);
}

/* ---- the root ---- */

static int check_root(struct root *root, const K8s__HTTPProxySpec *spec)
{
	struct proxy_node *node = &root->node;
	const char *why;
	size_t n;

	if (!*spec->virtualhost->fqdn) {
		proxy_error(node, "VirtualHostError/FQDNNotSpecified", "spec.virtualhost.fqdn",
			    "it must not be empty");
		return -EINVAL;
	}
	if (!units_may_hold_roots(node->r, node->namespace)) {
		proxy_error(node, "RootNamespaceError/RootProxyNotAllowedInNamespace", "metadata.namespace",
			    "namespace %s may hold no root HTTPProxies: rootNamespaces of the configuration has "
			    "those that may",
			    node->namespace);
		return -EINVAL;
	}
	root->host = host_name_normal(node->a, spec->virtualhost->fqdn, &why);
	if (!root->host) {
		proxy_error(node, "VirtualHostError/FQDNNotSpecified", "spec.virtualhost.fqdn",
			    "host \"%s\": %s", spec->virtualhost->fqdn, why);
		return -EINVAL;
	}
	if (!spec->n_routes && !spec->n_includes && !spec->tcpproxy) {
		proxy_error(node, "SpecError/NothingDefined", "spec",
			    "it has neither routes nor includes nor a tcpproxy");
		return -EINVAL;
	}
	node->host = root->host;
	(void)read_facts(node->r, FACT_CLAIM, root->host, strlen(root->host), &n);
	if (n > 1) {
		proxy_error(node, "VirtualHostError/DuplicateVhost", "spec.virtualhost.fqdn",
			    "host %s is claimed by %zu HTTPProxies, so it is served by none of them",
			    root->host, n);
		return -EINVAL;
	}
	return 0;
}

static int plan_tcp(struct root *root, const K8s__HTTPProxySpec *spec)
{
	if (!spec->tcpproxy)
		return 0;
	if (!root->secure) {
		proxy_error(&root->node, "TCPProxyError/TLSMustBeConfigured", "spec.tcpproxy",
			    "connections are told apart by the name in their TLS handshake: it needs tls");
		return -EINVAL;
	}
	root->tcp = ENVOY_NEW(root->node.a, Portolan__Model__HostTcp, PORTOLAN__MODEL__HOST_TCP__INIT);
	return proxy_tcp_plan(&root->node, root->node.key, root->tcp);
}

static int plan_filters(struct root *root, const K8s__ProxyVirtualHost *v)
{
	struct proxy_node *node = &root->node;

	if (proxy_rate_limit_host(node, v->rate_limit_policy ? v->rate_limit_policy->global : NULL,
				  &root->filters) < 0)
		return -EINVAL;
	if (proxy_filter_cors(node, v->cors_policy, &root->filters) < 0 ||
	    proxy_filter_limit(node, v->rate_limit_policy, root->host,
			       "VirtualHostError/RateLimitPolicyNotValid", "spec.virtualhost.rateLimitPolicy",
			       &root->filters) < 0)
		return -EINVAL;
	return proxy_filter_addresses(node, v->ip_allow_policy, v->n_ip_allow_policy, v->ip_deny_policy,
				      v->n_ip_deny_policy, "spec.virtualhost", &root->filters);
}

static void translate(struct root *root)
{
	const K8s__HTTPProxySpec *spec = root->node.proxy->spec;
	struct proxy_routes routes = { 0 };

	if (check_root(root, spec) < 0 || proxy_jwt_check(&root->node, spec) < 0 ||
	    proxy_authorization_plan(&root->node, spec, &root->authorization) < 0 ||
	    plan_tls(root, spec->virtualhost->tls) < 0 ||
	    proxy_jwt_plan(&root->node, spec->virtualhost, root->tls) < 0 || plan_tcp(root, spec) < 0 ||
	    plan_filters(root, spec->virtualhost) < 0) {
		emit_verdict(root->node.r, OBJECT_HTTP_PROXY, root->node.key,
			     PORTOLAN__IPC__VERDICT__VERDICT_REJECTED);
		return;
	}
	gather(root, &root->node, &routes);
	if (routes.n || (root->tcp && !root->node.bad))
		emit_host(root, &routes);
	emit_verdict(root->node.r, OBJECT_HTTP_PROXY, root->node.key, PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED);
}

void unit_proxy(struct reader *r, const char *key, size_t key_len _unused_)
{
	struct root root = { .node = { .r = r, .a = reader_arena(r), .key = key } };
	const char *name, *why;

	root.node.proxy = read_message(r, OBJECT_HTTP_PROXY, key);
	if (!root.node.proxy || !root.node.proxy->spec || !root.node.proxy->spec->virtualhost)
		return;
	if (!units_class_is_ours(r, root.node.proxy->metadata, root.node.proxy->spec->ingress_class_name,
				 &why)) {
		emit_problem(r, OBJECT_HTTP_PROXY, key, PORTOLAN__IPC__SEVERITY__SEVERITY_INFO, "OtherClass",
			     "spec.ingressClassName", "%s", why);
		emit_verdict(r, OBJECT_HTTP_PROXY, key, PORTOLAN__IPC__VERDICT__VERDICT_IGNORED);
		return;
	}
	units_split_key(r, key, &root.node.namespace, &name);
	root.node.authorization = &root.authorization;
	translate(&root);
}
