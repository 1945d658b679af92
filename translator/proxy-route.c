/* One route of an HTTPProxy as Envoy's. Runs in the translator. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "common/strbuf.h"
#include "envoy/extensions/internal_redirect/previous_routes/v3/previous_routes_config.pb-c.h"
#include "common/go-duration.h"
#include "translator/host-name.h"
#include "translator/proxy-cookie.h"
#include "translator/proxy-authorization.h"
#include "translator/proxy-filter.h"
#include "translator/proxy.h"

typedef Envoy__Config__Route__V3__Route Route;
typedef Envoy__Config__Route__V3__RouteAction Action;
typedef Envoy__Config__Route__V3__RouteAction__HashPolicy HashPolicy;

#define AFFINITY_COOKIE "X-Contour-Session-Affinity"
#define BODY_MAX 4096 /* Envoy's max_direct_response_body_size_bytes */

void proxy_routes_add(struct arena *a, struct proxy_routes *l, const struct proxy_route *route)
{
	if (l->n == l->cap) {
		struct proxy_route *more = arena_new_of(a, struct proxy_route, l->cap ? 2 * l->cap : 8);

		if (l->n)
			memcpy(more, l->all, l->n * sizeof(*more));
		l->cap = l->cap ? 2 * l->cap : 8;
		l->all = more;
	}
	l->all[l->n++] = *route;
}

/* ---- forwarding ---- */

static int set_timeouts(struct proxy_node *node, const K8s__ProxyTimeouts *t, const char *field, Action *ret)
{
	struct go_duration response, idle, connection;

	if (!t)
		return 0;
	if (go_duration_parse(t->response, &response) < 0 || go_duration_parse(t->idle, &idle) < 0 ||
	    go_duration_parse(t->idle_connection, &connection) < 0) {
		proxy_error(node, "RouteError/TimeoutPolicyNotValid",
			    arena_printf(node->a, "%s.timeoutPolicy", field),
			    "a time is written as 300ms, 5s, 1h30m or infinity");
		return -EINVAL;
	}
	if (response.set)
		ret->timeout = envoy_duration(node->a, response.usec);
	if (idle.set)
		ret->idle_timeout = envoy_duration(node->a, idle.usec);
	return 0;
}

static int check_retries(struct proxy_node *node, const K8s__ProxyRetry *wish, const char *field,
			 struct go_duration *ret_try)
{
	for (size_t i = 0; i < wish->n_retry_on; i++)
		if (!envoy_knows_retry(wish->retry_on[i], strlen(wish->retry_on[i]))) {
			proxy_error(node, "RouteError/RetryPolicyNotValid",
				    arena_printf(node->a, "%s.retryPolicy.retryOn[%zu]", field, i),
				    "\"%s\" is nothing to retry on; 5xx, gateway-error, reset, connect-failure "
				    "and others are",
				    wish->retry_on[i]);
			return -EINVAL;
		}
	if (go_duration_parse(wish->per_try_timeout, ret_try) < 0) {
		proxy_error(node, "RouteError/RetryPolicyNotValid",
			    arena_printf(node->a, "%s.retryPolicy.perTryTimeout", field),
			    "a time is written as 300ms, 5s, 1h30m or infinity");
		return -EINVAL;
	}
	return 0;
}

static uint32_t retries(const K8s__ProxyRetry *wish)
{
	if (!wish->has_count || wish->count == 0)
		return 1;
	return wish->count < 0 ? 0 : (uint32_t)MIN(wish->count, (int64_t)UINT32_MAX);
}

static int set_retries(struct proxy_node *node, const K8s__ProxyRetry *wish, const char *field, Action *ret)
{
	_cleanup_strbuf_ struct strbuf on = STRBUF_INIT;
	Envoy__Config__Route__V3__RetryPolicy *p;
	struct go_duration try;

	if (!wish)
		return 0;
	if (check_retries(node, wish, field, &try) < 0)
		return -EINVAL;
	p = ENVOY_NEW(node->a, Envoy__Config__Route__V3__RetryPolicy,
		      ENVOY__CONFIG__ROUTE__V3__RETRY_POLICY__INIT);
	for (size_t i = 0; i < wish->n_retry_on; i++)
		strbuf_printf(&on, "%s%s", i ? "," : "", wish->retry_on[i]);
	p->retry_on = arena_strdup(node->a, on.len ? on.s : "5xx");
	p->num_retries = envoy_uint32(node->a, retries(wish));
	if (try.set && !try.infinite)
		p->per_try_timeout = envoy_duration(node->a, try.usec);
	p->n_retriable_status_codes = wish->n_retriable_status_codes;
	p->retriable_status_codes = wish->retriable_status_codes;
	ret->retry_policy = p;
	return 0;
}

static HashPolicy *hash_cookie(struct arena *a)
{
	HashPolicy *h = ENVOY_NEW(a, HashPolicy, ENVOY__CONFIG__ROUTE__V3__ROUTE_ACTION__HASH_POLICY__INIT);

	h->policy_specifier_case =
		ENVOY__CONFIG__ROUTE__V3__ROUTE_ACTION__HASH_POLICY__POLICY_SPECIFIER_COOKIE;
	h->cookie = ENVOY_NEW(a, Envoy__Config__Route__V3__RouteAction__HashPolicy__Cookie,
			      ENVOY__CONFIG__ROUTE__V3__ROUTE_ACTION__HASH_POLICY__COOKIE__INIT);
	h->cookie->name = (char *)AFFINITY_COOKIE;
	h->cookie->path = (char *)"/";
	h->cookie->ttl = envoy_duration(a, 0); /* until the browser closes */
	return h;
}

static HashPolicy *hash_of(struct arena *a, const K8s__ProxyRequestHash *wish)
{
	HashPolicy *h = ENVOY_NEW(a, HashPolicy, ENVOY__CONFIG__ROUTE__V3__ROUTE_ACTION__HASH_POLICY__INIT);
	const K8s__ProxyHeaderHash *header = wish->header_hash_options;
	const K8s__ProxyQueryHash *query = wish->query_parameter_hash_options;

	if ((header != NULL) + (query != NULL) + (wish->hash_source_ip != 0) != 1)
		return NULL;
	h->terminal = wish->terminal;
	if (header) {
		if (!*header->header_name || strpbrk(header->header_name, " \t\r\n:"))
			return NULL;
		h->policy_specifier_case =
			ENVOY__CONFIG__ROUTE__V3__ROUTE_ACTION__HASH_POLICY__POLICY_SPECIFIER_HEADER;
		h->header = ENVOY_NEW(a, Envoy__Config__Route__V3__RouteAction__HashPolicy__Header,
				      ENVOY__CONFIG__ROUTE__V3__ROUTE_ACTION__HASH_POLICY__HEADER__INIT);
		h->header->header_name = header->header_name;
	} else if (query) {
		if (!*query->parameter_name)
			return NULL;
		h->policy_specifier_case =
			ENVOY__CONFIG__ROUTE__V3__ROUTE_ACTION__HASH_POLICY__POLICY_SPECIFIER_QUERY_PARAMETER;
		h->query_parameter =
			ENVOY_NEW(a, Envoy__Config__Route__V3__RouteAction__HashPolicy__QueryParameter,
				  ENVOY__CONFIG__ROUTE__V3__ROUTE_ACTION__HASH_POLICY__QUERY_PARAMETER__INIT);
		h->query_parameter->name = query->parameter_name;
	} else {
		h->policy_specifier_case =
			ENVOY__CONFIG__ROUTE__V3__ROUTE_ACTION__HASH_POLICY__POLICY_SPECIFIER_CONNECTION_PROPERTIES;
		h->connection_properties =
			ENVOY_NEW(a, Envoy__Config__Route__V3__RouteAction__HashPolicy__ConnectionProperties,
				  ENVOY__CONFIG__ROUTE__V3__ROUTE_ACTION__HASH_POLICY__CONNECTION_PROPERTIES__INIT);
		h->connection_properties->source_ip = true;
	}
	return h;
}

/* The same thing hashed by an earlier policy. */
static bool is_repeated(const K8s__ProxyLoadBalancer *lb, size_t index)
{
	const K8s__ProxyRequestHash *y = lb->request_hash_policies[index];

	for (size_t i = 0; i < index; i++) {
		const K8s__ProxyRequestHash *x = lb->request_hash_policies[i];

		if (x->header_hash_options && y->header_hash_options &&
		    strcasecmp(x->header_hash_options->header_name, y->header_hash_options->header_name) == 0)
			return true;
		if (x->query_parameter_hash_options && y->query_parameter_hash_options &&
		    strcmp(x->query_parameter_hash_options->parameter_name,
			   y->query_parameter_hash_options->parameter_name) == 0)
			return true;
		if (x->hash_source_ip && y->hash_source_ip)
			return true;
	}
	return false;
}

static void set_affinity(struct proxy_node *node, const K8s__ProxyLoadBalancer *lb, const char *field,
			 Action *ret)
{
	size_t n = lb ? lb->n_request_hash_policies : 0;

	if (!lb || (strcmp(lb->strategy, "Cookie") != 0 && strcmp(lb->strategy, "RequestHash") != 0))
		return;
	ret->hash_policy = arena_new_of(node->a, HashPolicy *, n + 1);
	if (strcmp(lb->strategy, "Cookie") == 0) {
		ret->hash_policy[ret->n_hash_policy++] = hash_cookie(node->a);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		HashPolicy *h = is_repeated(lb, i) ? NULL : hash_of(node->a, lb->request_hash_policies[i]);

		if (h)
			ret->hash_policy[ret->n_hash_policy++] = h;
		else
			proxy_warning(node, "SpecError/IgnoredField",
				      arena_printf(node->a, "%s.loadBalancerPolicy.requestHashPolicies[%zu]",
						   field, i),
				      "ignored: it needs exactly one of a header, a query parameter and "
				      "hashSourceIP, and none twice");
	}
	if (!ret->n_hash_policy)
		proxy_warning(node, "SpecError/IgnoredField",
			      arena_printf(node->a, "%s.loadBalancerPolicy", field),
			      "no requestHashPolicies are left, so the strategy is RoundRobin");
}

static int set_headers(struct proxy_node *node, const K8s__ProxyRoute *route, const char *field, Route *ret)
{
	struct header_policy request, response;
	const char *why;

	if (proxy_headers_parse(node, route->request_headers_policy, false, NULL, NULL, &request, &why) < 0) {
		proxy_error(node, "RouteError/RequestHeadersPolicyInvalid",
			    arena_printf(node->a, "%s.requestHeadersPolicy", field), "%s", why);
		return -EINVAL;
	}
	if (proxy_headers_parse(node, route->response_headers_policy, true, NULL, NULL, &response, &why) < 0) {
		proxy_error(node, "RouteError/ResponseHeaderPolicyInvalid",
			    arena_printf(node->a, "%s.responseHeadersPolicy", field), "%s", why);
		return -EINVAL;
	}
	ret->n_request_headers_to_add = request.n_set;
	ret->request_headers_to_add = request.set;
	ret->n_request_headers_to_remove = request.n_remove;
	ret->request_headers_to_remove = request.remove;
	ret->n_response_headers_to_add = response.n_set;
	ret->response_headers_to_add = response.set;
	ret->n_response_headers_to_remove = response.n_remove;
	ret->response_headers_to_remove = response.remove;
	if (request.host) {
		ret->route->host_rewrite_specifier_case =
			ENVOY__CONFIG__ROUTE__V3__ROUTE_ACTION__HOST_REWRITE_SPECIFIER_HOST_REWRITE_LITERAL;
		ret->route->host_rewrite_literal = (char *)request.host;
	} else if (request.host_header) {
		ret->route->host_rewrite_specifier_case =
			ENVOY__CONFIG__ROUTE__V3__ROUTE_ACTION__HOST_REWRITE_SPECIFIER_HOST_REWRITE_HEADER;
		ret->route->host_rewrite_header = (char *)request.host_header;
	}
	return 0;
}

static int set_filters(struct proxy_node *node, const K8s__ProxyRoute *route, struct proxy_route *ret)
{
	const char *field = ret->field;
	struct proxy_filters f = { 0 };

	if (proxy_rate_limit_route(node, route->rate_limit_policy ? route->rate_limit_policy->global : NULL,
				   arena_printf(node->a, "%s.rateLimitPolicy.global", field),
				   ret->route->action_case == ENVOY__CONFIG__ROUTE__V3__ROUTE__ACTION_ROUTE, &f) < 0)
		return -EINVAL;
	if (proxy_filter_limit(node, route->rate_limit_policy, node->host, "RouteError/RateLimitPolicyNotValid",
			       arena_printf(node->a, "%s.rateLimitPolicy", field), &f) < 0 ||
	    proxy_filter_addresses(node, route->ip_allow_policy, route->n_ip_allow_policy,
				   route->ip_deny_policy, route->n_ip_deny_policy, field, &f) < 0 ||
	    proxy_jwt_route(node, route, ret, &f) < 0)
		return -EINVAL;
	proxy_filter_cookies(node->a, &ret->cookies, &f);
	proxy_filter_route(node->a, &f, ret->route);
	return proxy_authorization_route(node, route->auth_policy, ret);
}

static bool is_redirect(uint32_t status)
{
	return (status >= 301 && status <= 303) || status == 307 || status == 308;
}

static Envoy__Config__Core__V3__TypedExtensionConfig *predicate(struct arena *a, const char *name,
								 const char *type)
{
	Envoy__Extensions__InternalRedirect__PreviousRoutes__V3__PreviousRoutesConfig nothing =
		ENVOY__EXTENSIONS__INTERNAL_REDIRECT__PREVIOUS_ROUTES__V3__PREVIOUS_ROUTES_CONFIG__INIT;
	/* The other has no fields, either. */
	Envoy__Config__Core__V3__TypedExtensionConfig *p =
		ENVOY_NEW(a, Envoy__Config__Core__V3__TypedExtensionConfig,
			  ENVOY__CONFIG__CORE__V3__TYPED_EXTENSION_CONFIG__INIT);

	p->name = (char *)name;
	p->typed_config = envoy_any(a, type, &nothing.base);
	return p;
}

static int set_internal_redirect(struct proxy_node *node, const K8s__ProxyInternalRedirect *wish,
				 const char *field, Action *ret)
{
	Envoy__Config__Route__V3__InternalRedirectPolicy *p;
	bool safe;

	if (!wish)
		return 0;
	p = ENVOY_NEW(node->a, Envoy__Config__Route__V3__InternalRedirectPolicy,
		      ENVOY__CONFIG__ROUTE__V3__INTERNAL_REDIRECT_POLICY__INIT);
	for (size_t i = 0; i < wish->n_redirect_response_codes; i++)
		if (!is_redirect(wish->redirect_response_codes[i])) {
			proxy_error(node, "RouteError/InternalRedirectPolicyNotValid",
				    arena_printf(node->a, "%s.internalRedirectPolicy", field),
				    "redirectResponseCodes are among 301, 302, 303, 307, 308");
			return -EINVAL;
		}
	if (wish->max_internal_redirects)
		p->max_internal_redirects = envoy_uint32(node->a, wish->max_internal_redirects);
	p->n_redirect_response_codes = wish->n_redirect_response_codes;
	p->redirect_response_codes = wish->redirect_response_codes;
	safe = strcmp(wish->allow_cross_scheme_redirect, "SafeOnly") == 0;
	p->allow_cross_scheme_redirect = safe || strcmp(wish->allow_cross_scheme_redirect, "Always") == 0;
	p->predicates = arena_new_of(node->a, Envoy__Config__Core__V3__TypedExtensionConfig *, 2);
	if (safe)
		p->predicates[p->n_predicates++] = predicate(
			node->a, "envoy.internal_redirect_predicates.safe_cross_scheme",
			"envoy.extensions.internal_redirect.safe_cross_scheme.v3.SafeCrossSchemeConfig");
	if (wish->deny_repeated_route_redirect)
		p->predicates[p->n_predicates++] = predicate(
			node->a, "envoy.internal_redirect_predicates.previous_routes",
			"envoy.extensions.internal_redirect.previous_routes.v3.PreviousRoutesConfig");
	ret->internal_redirect_policy = p;
	return 0;
}

static int forward(struct proxy_node *node, const K8s__ProxyRoute *route, struct proxy_route *ret)
{
	const char *field = ret->field;
	Route *r = ret->route;

	r->action_case = ENVOY__CONFIG__ROUTE__V3__ROUTE__ACTION_ROUTE;
	r->route = ENVOY_NEW(node->a, Action, ENVOY__CONFIG__ROUTE__V3__ROUTE_ACTION__INIT);
	if (set_timeouts(node, route->timeout_policy, field, r->route) < 0 ||
	    set_retries(node, route->retry_policy, field, r->route) < 0 ||
	    set_headers(node, route, field, r) < 0 ||
	    proxy_rewrite_choose(node, route, &ret->match, field, &ret->replacement) < 0)
		return -EINVAL;
	set_affinity(node, route->load_balancer_policy, field, r->route);
	if (route->enable_websockets)
		envoy_allow_websocket(node->a, r->route);
	if (set_internal_redirect(node, route->internal_redirect_policy, field, r->route) < 0 ||
	    proxy_cookie_parse(node, route->cookie_rewrite_policies, route->n_cookie_rewrite_policies, field,
			       &ret->cookies) < 0)
		return -EINVAL;
	ret->rewrites_cookies = ret->cookies.n > 0;
	proxy_upstream_plan(node, route, ret);
	return node->bad ? -EINVAL : 0;
}

/* ---- answering ---- */

static int redirect(struct proxy_node *node, const K8s__ProxyRedirect *wish, const char *field, Route *ret)
{
	static const struct {
		int32_t status;
		Envoy__Config__Route__V3__RedirectAction__RedirectResponseCode code;
	} codes[] = {
		{ 301, ENVOY__CONFIG__ROUTE__V3__REDIRECT_ACTION__REDIRECT_RESPONSE_CODE__MOVED_PERMANENTLY },
		{ 302, ENVOY__CONFIG__ROUTE__V3__REDIRECT_ACTION__REDIRECT_RESPONSE_CODE__FOUND },
		{ 303, ENVOY__CONFIG__ROUTE__V3__REDIRECT_ACTION__REDIRECT_RESPONSE_CODE__SEE_OTHER },
		{ 307, ENVOY__CONFIG__ROUTE__V3__REDIRECT_ACTION__REDIRECT_RESPONSE_CODE__TEMPORARY_REDIRECT },
		{ 308, ENVOY__CONFIG__ROUTE__V3__REDIRECT_ACTION__REDIRECT_RESPONSE_CODE__PERMANENT_REDIRECT },
	};
	Envoy__Config__Route__V3__RedirectAction *r =
		ENVOY_NEW(node->a, Envoy__Config__Route__V3__RedirectAction,
			  ENVOY__CONFIG__ROUTE__V3__REDIRECT_ACTION__INIT);
	int32_t status = wish->has_status_code ? wish->status_code : 302;
	const char *why = "statusCode is none of 301, 302, 303, 307, 308", *host = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i].status == status) {
			r->response_code = codes[i].code;
			why = NULL;
		}
	if (wish->path && *wish->path && wish->prefix && *wish->prefix)
		why = "there may be one of path and prefix only";
	if (wish->has_port && (wish->port < 1 || wish->port > 65535))
		why = "port is not between 1 and 65535";
	if (wish->scheme && *wish->scheme && strcmp(wish->scheme, "http") && strcmp(wish->scheme, "https"))
		why = "scheme is neither http nor https";
	if (!why && wish->hostname && *wish->hostname) {
		host = host_name_normal(node->a, wish->hostname, &why);
		if (host && *host == '*')
			why = "hostname must not have a star";
	}
	if ((wish->path && strpbrk(wish->path, "\r\n")) || (wish->prefix && strpbrk(wish->prefix, "\r\n")))
		why = "path and prefix must not have line breaks";
	if (why) {
		proxy_error(node, "RouteError/RequestRedirectPolicy",
			    arena_printf(node->a, "%s.requestRedirectPolicy", field), "%s", why);
		return -EINVAL;
	}
	r->host_redirect = (char *)(host ? host : "");
	if (wish->scheme && *wish->scheme) {
		r->scheme_rewrite_specifier_case =
			ENVOY__CONFIG__ROUTE__V3__REDIRECT_ACTION__SCHEME_REWRITE_SPECIFIER_SCHEME_REDIRECT;
		r->scheme_redirect = wish->scheme;
	}
	r->port_redirect = wish->has_port ? (uint32_t)wish->port : 0;
	if (wish->path && *wish->path) {
		r->path_rewrite_specifier_case =
			ENVOY__CONFIG__ROUTE__V3__REDIRECT_ACTION__PATH_REWRITE_SPECIFIER_PATH_REDIRECT;
		r->path_redirect = wish->path;
	} else if (wish->prefix && *wish->prefix) {
		r->path_rewrite_specifier_case =
			ENVOY__CONFIG__ROUTE__V3__REDIRECT_ACTION__PATH_REWRITE_SPECIFIER_PREFIX_REWRITE;
		r->prefix_rewrite = wish->prefix;
	}
	ret->action_case = ENVOY__CONFIG__ROUTE__V3__ROUTE__ACTION_REDIRECT;
	ret->redirect = r;
	return 0;
}

static int answer(struct proxy_node *node, const K8s__ProxyDirectResponse *wish, const char *field, Route **ret)
{
	if (wish->status_code < 200 || wish->status_code > 599 || strlen(wish->body) > BODY_MAX) {
		proxy_error(node, "RouteError/DirectResponsePolicyNotValid",
			    arena_printf(node->a, "%s.directResponsePolicy", field),
			    "statusCode must be between 200 and 599, and body at most 4096 bytes");
		return -EINVAL;
	}
	*ret = envoy_route_answer(node->a, (uint32_t)wish->status_code, wish->body);
	return 0;
}

/* ---- all of it ---- */

void proxy_route_plan(struct proxy_node *node, size_t index, struct proxy_routes *ret)
{
	const K8s__ProxyRoute *route = node->proxy->spec->routes[index];
	struct proxy_conditions own = { route->conditions, route->n_conditions, node->conditions };
	struct proxy_route out = { .owner = node->key,
				   .field = arena_printf(node->a, "spec.routes[%zu]", index),
				   .insecure = route->permit_insecure &&
					       !units_config(node->r)->httpproxy->disable_permit_insecure };
	const char *reason, *why;
	int r;

	if (proxy_condition_check_path(&own, false, &why) < 0) {
		proxy_error(node, "RouteError/PathMatchConditionsNotValid",
			    arena_printf(node->a, "%s.conditions", out.field), "%s", why);
		return;
	}
	if (proxy_condition_merge(node->a, &own, &out.match, &reason, &why) < 0) {
		proxy_error(node, arena_printf(node->a, "RouteError/%s", reason),
			    arena_printf(node->a, "%s.conditions", out.field), "%s", why);
		return;
	}
	if ((route->n_services > 0) + (route->request_redirect_policy != NULL) +
		    (route->direct_response_policy != NULL) !=
	    1) {
		proxy_error(node, "RouteError/RouteActionCountNotValid", out.field,
			    "it needs exactly one of services, requestRedirectPolicy and "
			    "directResponsePolicy");
		return;
	}
	out.route = ENVOY_NEW(node->a, Route, ENVOY__CONFIG__ROUTE__V3__ROUTE__INIT);
	if (route->request_redirect_policy)
		r = redirect(node, route->request_redirect_policy, out.field, out.route);
	else if (route->direct_response_policy)
		r = answer(node, route->direct_response_policy, out.field, &out.route);
	else
		r = forward(node, route, &out);
	if (r == 0 && set_filters(node, route, &out) == 0)
		proxy_routes_add(node->a, ret, &out);
}
