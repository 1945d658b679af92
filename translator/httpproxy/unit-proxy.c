/* A root HTTPProxy and the tree of those that it includes: its settings for its host. Children
 * report their faults in their own statuses. */
#include <errno.h>
#include <string.h>

#include "common/base/hashmap.h"
#include "translator/check/certificate.h"
#include "translator/host/want.h"
#include "translator/httpproxy/proxy-authorization.h"
#include "translator/httpproxy/proxy-filter.h"
#include "translator/httpproxy/proxy.h"
#include "translator/kinds.h"
#include "translator/model/host-name.h"
#include "translator/resolve/class.h"
#include "translator/resolve/config.h"
#include "translator/resolve/host-owner.h"
#include "translator/resolve/secret.h"
#include "translator/units.h"

/* People do not write deeper trees. */
#define DEPTH_MAX    32
#define ROUTES_MAX   50000
#define INCLUDES_MAX 10000     /* followed below one root: two in each of 32 levels are billions */
#define BYTES_MAX (128u << 20) /* that one tree takes: an include writes a child's routes again */

struct root {
	struct proxy_node node;
	const char *host;
	struct host_tls *tls; /* NULL: plain HTTP only, or passed through */
	struct host_tcp *tcp;
	bool secure; /* TLS of either sort: plain HTTP is for redirects */
	struct route_filters filters;
	struct proxy_authorization authorization;
	unsigned depth, includes;
	bool too_large; /* said once */
};

/* ---- includes ---- */

static const char *include_key(struct proxy_node *node, const K8s__ProxyInclude *i)
{
	return arena_printf(node->a, "%s/%s", *i->namespace_ ? i->namespace_ : node->namespace,
			    i->name);
}

/* Except the root, which has another reason for not being included. */
static bool includes_itself(const struct proxy_node *node, const char *key)
{
	for (const struct proxy_node *n = node; n->parent; n = n->parent)
		if (strcmp(n->key, key) == 0)
			return true;
	return false;
}

/* Requests for an include that leads nowhere are answered with 502. */
static void answer_502(struct proxy_node *node, const struct proxy_conditions *c, const char *field,
		       struct routes *ret)
{
	struct route out = { .origin = { .object = node->key, .field = field },
			     .kind = ROUTE_ANSWER,
			     .answer = { .status = 502 } };
	const char *reason, *why;

	if (!c->n || proxy_condition_merge(node->a, c, &out.match, &reason, &why) < 0)
		return;
	routes_add(node->a, ret, &out);
}

/* The first of two includes with the same conditions counts; an include without conditions may
 * occur more than once. */
static bool repeats_include(size_t index, const struct route_match *match, struct route_match *seen)
{
	bool bare = strcmp(match->path, "/") == 0 && !match->n_headers && !match->n_queries;

	for (size_t i = 0; i < index && !bare; i++)
		if (seen[i].path && strcmp(seen[i].path, match->path) == 0 &&
		    strcmp(seen[i].text, match->text) == 0)
			return true;
	seen[index] = *match;
	return false;
}

static void gather(struct root *root, struct proxy_node *node, struct routes *ret);

static void include_child(struct root *root, struct proxy_node *node,
			  const struct proxy_conditions *c, const char *field, const char *key,
			  struct routes *ret)
{
	struct proxy_node child = { .r = node->r,
				    .a = node->a,
				    .key = key,
				    .parent = node,
				    .conditions = c,
				    .host = root->host,
				    .jwt = node->jwt,
				    .authorization = node->authorization };
	const char *name, *why;

	child.proxy = read_message(node->r, OBJECT_HTTP_PROXY, key);
	if (!child.proxy ||
	    !class_is_ours(node->r, child.proxy->metadata,
			   child.proxy->spec ? child.proxy->spec->ingress_class_name : NULL,
			   &why)) {
		object_error(node->r, OBJECT_HTTP_PROXY, node->key, "IncludeError/IncludeNotFound",
			     field, "%s", object_missing(node->r, OBJECT_HTTP_PROXY, key));
		answer_502(node, c, field, ret);
		return;
	}
	if (child.proxy->spec && child.proxy->spec->virtualhost) {
		object_error(node->r, OBJECT_HTTP_PROXY, node->key, "IncludeError/RootIncludesRoot",
			     field, "HTTPProxy %s is a root itself, with a virtualhost", key);
		answer_502(node, c, field, ret);
		return;
	}
	if (!child.proxy->spec || (!child.proxy->spec->n_routes && !child.proxy->spec->n_includes))
		proxy_warning(
			node, "IncludeWarning/NothingIncluded", field,
			"HTTPProxy %s has neither routes nor includes: nothing is served by it",
			key);
	if (!child.proxy->spec)
		return;
	emit_fact(node->r, FACT_INCLUDED, key, strlen(key), root->node.key, strlen(root->node.key),
		  NULL, 0);
	object_split_key(node->r, key, &child.namespace, &name);
	root->depth++;
	gather(root, &child, ret);
	root->depth--;
}

static bool is_too_large(struct root *root)
{
	if (arena_used(root->node.a) <= BYTES_MAX)
		return false;
	if (!root->too_large)
		object_error(root->node.r, OBJECT_HTTP_PROXY, root->node.key,
			     "IncludeError/TooLarge", "spec.includes",
			     "the routes below it are more than %u MiB: the rest is left out",
			     BYTES_MAX >> 20);
	root->too_large = true;
	return true;
}

static bool may_go_on(struct root *root)
{
	if (is_too_large(root))
		return false;
	if (root->includes++ == INCLUDES_MAX)
		object_error(root->node.r, OBJECT_HTTP_PROXY, root->node.key,
			     "IncludeError/TooManyIncludes", "spec.includes",
			     "there are more than %d includes below it: the rest is left out",
			     INCLUDES_MAX);
	return root->includes <= INCLUDES_MAX;
}

static void include(struct root *root, struct proxy_node *node, size_t index,
		    struct route_match *seen, struct routes *ret)
{
	const K8s__ProxyInclude *i = node->proxy->spec->includes[index];
	struct proxy_conditions *c = arena_new_of(node->a, struct proxy_conditions, 1);
	const char *field = arena_printf(node->a, "spec.includes[%zu]", index);
	const char *key = include_key(node, i), *reason, *why;
	struct route_match match;

	*c = (struct proxy_conditions){ i->conditions, i->n_conditions, node->conditions };
	if (proxy_condition_check_path(node->a, c, true, &why) < 0) {
		object_error(node->r, OBJECT_HTTP_PROXY, node->key,
			     "IncludeError/PathMatchConditionsNotValid", field, "%s", why);
		return;
	}
	if (proxy_condition_merge(node->a, c, &match, &reason, &why) < 0) {
		object_error(node->r, OBJECT_HTTP_PROXY, node->key,
			     arena_printf(node->a, "RouteError/%s", reason), field, "%s", why);
		return;
	}
	if (repeats_include(index, &match, seen)) {
		object_error(node->r, OBJECT_HTTP_PROXY, node->key,
			     "IncludeError/DuplicateMatchConditions", field,
			     "an earlier include has the same conditions");
		return;
	}
	if (includes_itself(node, key)) {
		object_error(node->r, OBJECT_HTTP_PROXY, key, "IncludeError/IncludeCreatesCycle",
			     NULL, "HTTPProxy %s includes it again, below itself", node->key);
		return;
	}
	if (root->depth >= DEPTH_MAX) {
		object_error(node->r, OBJECT_HTTP_PROXY, node->key,
			     "IncludeError/IncludeCreatesCycle", field,
			     "%s is more than %d includes deep", key, DEPTH_MAX);
		return;
	}
	proxy_conditions_advise(node, c, &match, field);
	include_child(root, node, c, field, key, ret);
}

/* The routes of the includes, then its own. An error in one of its own routes removes all of them
 * and those of its includes; parents and siblings go on. */
static void gather(struct root *root, struct proxy_node *node, struct routes *ret)
{
	const K8s__HTTPProxySpec *spec = node->proxy->spec;
	struct route_match *seen = arena_new_of(node->a, struct route_match, spec->n_includes + 1);
	struct routes own = { 0 };

	for (size_t i = 0; i < spec->n_includes && own.n < ROUTES_MAX && may_go_on(root); i++)
		include(root, node, i, seen, &own);
	for (size_t i = 0; i < spec->n_routes && own.n < ROUTES_MAX && !is_too_large(root); i++)
		proxy_route_plan(node, i, &own);
	if (node->bad) {
		emit_verdict(node->r, OBJECT_HTTP_PROXY, node->key,
			     PORTOLAN__IPC__VERDICT__VERDICT_REJECTED);
		return;
	}
	proxy_rewrite_expand(node->a, &own);
	for (size_t i = 0; i < own.n; i++)
		routes_add(node->a, ret, &own.all[i]);
}

/* ---- TLS ---- */

static uint32_t tls_version(const char *text)
{
	return strcmp(text, "1.3") == 0 ? 3 : strcmp(text, "1.2") == 0 ? 2 : 0;
}

static int plan_secret(struct root *root, const K8s__ProxyTLS *tls)
{
	const char *field = "spec.virtualhost.tls.secretName";
	struct proxy_node *node = &root->node;
	struct secret_found use;
	int r = secret_use(node->r, tls->secret_name, node->namespace, &use);

	if (r < 0) {
		proxy_error(node,
			    r == -EACCES ? "TLSError/DelegationNotPermitted"
					 : "TLSError/SecretNotValid",
			    field, "%s", use.why);
		return -EINVAL;
	}
	secret_report_kept(node->r, OBJECT_HTTP_PROXY, node->key, "TLSError/SecretNotValid", field,
			   use.key, use.facts);
	if (!certificate_covers(use.facts->names, use.facts->n_names, root->host))
		proxy_warning(
			node, "TLSWarning/CertificateName", field,
			"the certificate in Secret %s is not for host %s; clients will refuse it",
			use.key, root->host);
	root->tls = arena_new_of(node->a, struct host_tls, 1);
	*root->tls = (struct host_tls){ .secret = use.key, .field = field };
	return 0;
}

static void check_version(struct proxy_node *node, const char *text, const char *field)
{
	if (*text && !tls_version(text))
		proxy_warning(node, "TLSWarning/VersionUnknown",
			      arena_printf(node->a, "spec.virtualhost.tls.%s", field),
			      "ignored: \"%s\" is no version; known are 1.2 and 1.3", text);
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
			    tls->client_validation
				    ? "spec.virtualhost.tls.clientValidation"
				    : "spec.virtualhost.tls.enableFallbackCertificate",
			    "what is passed through is not looked at");
		return -EINVAL;
	}
	if (tls->passthrough && !node->proxy->spec->tcpproxy)
		proxy_warning(
			node, "TLSWarning/NothingToPassTo", "spec.virtualhost.tls.passthrough",
			"without spec.tcpproxy nothing is served over TLS, and routes that are "
			"redirected to HTTPS lead nowhere");
	if (tls->passthrough)
		return 0;
	if (plan_secret(root, tls) < 0)
		return -EINVAL;
	check_version(node, tls->minimum_protocol_version, "minimumProtocolVersion");
	check_version(node, tls->maximum_protocol_version, "maximumProtocolVersion");
	min = tls_version(tls->minimum_protocol_version);
	max = tls_version(tls->maximum_protocol_version);
	if (min && max && min > max) {
		proxy_error(node, "TLSError/TLSConfigNotValid",
			    "spec.virtualhost.tls.minimumProtocolVersion",
			    "the minimum is above the maximum");
		return -EINVAL;
	}
	bound = config_tls_bound(node->r, min, max);
	if (bound)
		proxy_warning(node, "TLSWarning/VersionBound", "spec.virtualhost.tls", "%s", bound);
	root->tls->min_version = min;
	root->tls->max_version = max;
	if (proxy_fallback_plan(node, root->tls) < 0)
		return -EINVAL;
	return proxy_client_plan(node, tls->client_validation, root->tls);
}

/* ---- the host's fact ---- */

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

static void tell_repeated(struct reader *r, const struct route *loser, const struct route *winner)
{
	if (strcmp(loser->origin.object, winner->origin.object) == 0 &&
	    strcmp(loser->origin.field, winner->origin.field) == 0)
		return;
	object_warning(r, OBJECT_HTTP_PROXY, loser->origin.object, "RouteError/SameConditions",
		       loser->origin.field,
		       "path %s: HTTPProxy %s, %s, has the same conditions and takes the requests",
		       loser->match.path, winner->origin.object, winner->origin.field);
}

/* The later of two routes with the same match stays: a proxy's own routes come after its
 * includes'. */
static size_t without_repeats(struct reader *r, const struct routes *l, const struct route **ret)
{
	struct arena *a = reader_arena(r);
	struct place *places = arena_new_of(a, struct place, l->n + 1), *before;
	struct hashmap by_match = HASHMAP_INIT(place_key);
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct route_match *m = &l->all[i].match;

		places[n] =
			(struct place){ arena_printf(a, "%d%s\x01%s", m->kind, m->path, m->text),
					n };
		before = hashmap_get_str(&by_match, places[n].match);
		if (before)
			tell_repeated(r, ret[before->at], &l->all[i]);
		ret[before ? before->at : n] = &l->all[i];
		if (before)
			continue;
		(void)hashmap_put(&by_match, &places[n]);
		n++;
	}
	hashmap_done(&by_match);
	return n;
}

static bool rewrites_cookies(const struct route *r)
{
	bool found = r->filters.cookies.n > 0;

	for (size_t i = 0; r->kind == ROUTE_FORWARD && i < r->forward.n_targets; i++)
		found |= r->forward.targets[i].cookies.n > 0;
	return found;
}

static void emit_host(struct root *root, const struct routes *l)
{
	struct arena *a = root->node.a;
	const struct route **kept = arena_new_of(a, const struct route *, l->n + 1);
	/* The sign goes before all digits: HTTPProxies before all Ingresses. */
	struct host_spec spec = { .host = root->host,
				  .kind = OBJECT_HTTP_PROXY,
				  .object = root->node.key,
				  .sort = arena_printf(a, "!%s", root->node.key),
				  .one_label = true,
				  .plain_only = !root->tls || root->tcp,
				  .filters = root->filters,
				  .tls = root->tls,
				  .tcp = root->tcp };
	size_t n = without_repeats(root->node.r, l, kept);

	spec.routes.all = arena_new_of(a, struct route, n + 1);
	for (size_t i = 0; i < n; i++) {
		struct route *route = &spec.routes.all[spec.routes.n++];

		*route = *kept[i];
		if (!root->secure)
			route->plain = PLAIN_SERVED;
		if (root->tls)
			root->tls->cookies |= rewrites_cookies(route);
	}
	if (root->tls)
		root->tls->authorization = root->authorization.own;
	want_host(root->node.r, &spec);
}

/* ---- the root ---- */

static int check_owner(struct root *root)
{
	struct proxy_node *node = &root->node;
	struct host_owner owner;
	size_t n;

	if (host_owner_find(node->r, root->host, &owner)) {
		if (strcmp(owner.key, node->key) == 0)
			return 0;
		proxy_error(node, "VirtualHostError/DuplicateVhost", "spec.virtualhost.fqdn",
			    "host %s is served by the older HTTPProxy %s", root->host, owner.key);
		return -EINVAL;
	}
	n = host_claims(node->r, root->host);
	if (n <= 1)
		return 0;
	proxy_error(node, "VirtualHostError/DuplicateVhost", "spec.virtualhost.fqdn",
		    "host %s is claimed by %zu HTTPProxies, so it is served by none of them",
		    root->host, n);
	return -EINVAL;
}

static int check_root(struct root *root, const K8s__HTTPProxySpec *spec)
{
	struct proxy_node *node = &root->node;
	const char *why;

	if (!*spec->virtualhost->fqdn) {
		proxy_error(node, "VirtualHostError/FQDNNotSpecified", "spec.virtualhost.fqdn",
			    "it must not be empty");
		return -EINVAL;
	}
	if (!config_may_hold_roots(node->r, node->namespace)) {
		proxy_error(node, "RootNamespaceError/RootProxyNotAllowedInNamespace",
			    "metadata.namespace",
			    "namespace %s may hold no root HTTPProxies: rootNamespaces of the "
			    "configuration has "
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
	return check_owner(root);
}

static int plan_tcp(struct root *root, const K8s__HTTPProxySpec *spec)
{
	if (!spec->tcpproxy)
		return 0;
	if (!root->secure) {
		proxy_error(&root->node, "TCPProxyError/TLSMustBeConfigured", "spec.tcpproxy",
			    "connections are told apart by the name in their TLS handshake: it "
			    "needs tls");
		return -EINVAL;
	}
	if (proxy_tcp_check(&root->node, spec) < 0)
		return -EINVAL;
	root->tcp = arena_new_of(root->node.a, struct host_tcp, 1);
	*root->tcp = (struct host_tcp){ 0 };
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
			       "VirtualHostError/RateLimitPolicyNotValid",
			       "spec.virtualhost.rateLimitPolicy", &root->filters) < 0)
		return -EINVAL;
	return proxy_filter_addresses(node, v->ip_allow_policy, v->n_ip_allow_policy,
				      v->ip_deny_policy, v->n_ip_deny_policy, "spec.virtualhost",
				      &root->filters);
}

static void translate(struct root *root)
{
	const K8s__HTTPProxySpec *spec = root->node.proxy->spec;
	struct routes routes = { 0 };

	if (check_root(root, spec) < 0 || proxy_jwt_check(&root->node, spec) < 0 ||
	    proxy_authorization_plan(&root->node, spec, &root->authorization) < 0 ||
	    plan_tls(root, spec->virtualhost->tls) < 0 ||
	    proxy_jwt_plan(&root->node, spec->virtualhost, root->tls) < 0 ||
	    plan_tcp(root, spec) < 0 || plan_filters(root, spec->virtualhost) < 0) {
		emit_verdict(root->node.r, OBJECT_HTTP_PROXY, root->node.key,
			     PORTOLAN__IPC__VERDICT__VERDICT_REJECTED);
		return;
	}
	gather(root, &root->node, &routes);
	if (routes.n && !root->node.bad)
		proxy_jwt_look(&root->node);
	if (routes.n || (root->tcp && !root->node.bad))
		emit_host(root, &routes);
	emit_verdict(root->node.r, OBJECT_HTTP_PROXY, root->node.key,
		     PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED);
}

void unit_proxy(struct reader *r, const char *key, size_t key_len _unused_)
{
	struct root root = { .node = { .r = r, .a = reader_arena(r), .key = key } };
	const char *name, *why;

	root.node.proxy = read_message(r, OBJECT_HTTP_PROXY, key);
	if (!root.node.proxy || !root.node.proxy->spec || !root.node.proxy->spec->virtualhost)
		return;
	if (!class_is_ours(r, root.node.proxy->metadata, root.node.proxy->spec->ingress_class_name,
			   &why)) {
		class_leave(r, OBJECT_HTTP_PROXY, key, root.node.proxy->metadata,
			    root.node.proxy->spec->ingress_class_name, why);
		return;
	}
	object_split_key(r, key, &root.node.namespace, &name);
	root.node.authorization = &root.authorization;
	translate(&root);
}
