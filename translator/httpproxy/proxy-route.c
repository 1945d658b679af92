/* One route of an HTTPProxy. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "common/base/go-duration.h"
#include "common/base/strbuf.h"
#include "translator/httpproxy/proxy-authorization.h"
#include "translator/httpproxy/proxy-cookie.h"
#include "translator/httpproxy/proxy-filter.h"
#include "translator/httpproxy/proxy.h"
#include "translator/model/host-name.h"
#include "translator/model/path.h"
#include "translator/model/route.h"
#include "translator/resolve/config.h"
#include "translator/resolve/path-unmatched.h"

#define AFFINITY_COOKIE "X-Contour-Session-Affinity"
#define BODY_MAX        4096 /* Envoy's max_direct_response_body_size_bytes */

/* ---- forwarding ---- */

static int set_timeouts(struct proxy_node *node, const K8s__ProxyTimeouts *t, const char *field,
			struct route_timeouts *ret)
{
	struct go_duration connection;
	int r;

	if (!t)
		return 0;
	r = go_duration_parse(t->response, &ret->request);
	r = r < 0 ? r : go_duration_parse(t->idle, &ret->idle);
	r = r < 0 ? r : go_duration_parse(t->idle_connection, &connection);
	if (r < 0)
		proxy_error(node, "RouteError/TimeoutPolicyNotValid",
			    arena_printf(node->a, "%s.timeoutPolicy", field), "%s",
			    go_duration_why(r));
	return r;
}

static int check_retries(struct proxy_node *node, const K8s__ProxyRetry *desired, const char *field,
			 struct go_duration *ret_try)
{
	int r;

	for (size_t i = 0; i < desired->n_retry_on; i++)
		if (!retry_word_is_known(desired->retry_on[i], strlen(desired->retry_on[i]))) {
			proxy_error(node, "RouteError/RetryPolicyNotValid",
				    arena_printf(node->a, "%s.retryPolicy.retryOn[%zu]", field, i),
				    "\"%s\" is nothing to retry on; 5xx, gateway-error, reset, "
				    "connect-failure "
				    "and others are",
				    desired->retry_on[i]);
			return -EINVAL;
		}
	r = go_duration_parse(desired->per_try_timeout, ret_try);
	if (r < 0)
		proxy_error(node, "RouteError/RetryPolicyNotValid",
			    arena_printf(node->a, "%s.retryPolicy.perTryTimeout", field), "%s",
			    go_duration_why(r));
	return r;
}

static uint32_t retry_count(const K8s__ProxyRetry *desired)
{
	if (!desired->has_count || desired->count == 0)
		return 1;
	return desired->count < 0 ? 0 : (uint32_t)MIN(desired->count, (int64_t)UINT32_MAX);
}

static int set_retries(struct proxy_node *node, const K8s__ProxyRetry *from, const char *field,
		       struct forward *ret)
{
	_cleanup_strbuf_ struct strbuf on = STRBUF_INIT;
	struct retries *r;

	if (!from)
		return 0;
	r = arena_new_of(node->a, struct retries, 1);
	*r = (struct retries){ .has_count = true,
			       .count = retry_count(from),
			       .codes = from->retriable_status_codes,
			       .n_codes = from->n_retriable_status_codes };
	if (check_retries(node, from, field, &r->per_try) < 0)
		return -EINVAL;
	for (size_t i = 0; i < from->n_retry_on; i++)
		strbuf_printf(&on, "%s%s", i ? "," : "", from->retry_on[i]);
	r->on = on.len ? arena_strdup(node->a, on.s) : "5xx";
	ret->retries = r;
	return 0;
}

/* -EINVAL: it has none of the three, or more than one. */
static int parse_hash(const K8s__ProxyRequestHash *from, struct hash_key *ret)
{
	const K8s__ProxyHeaderHash *header = from->header_hash_options;
	const K8s__ProxyQueryHash *query = from->query_parameter_hash_options;

	*ret = (struct hash_key){ .by = HASH_BY_ADDRESS, .terminal = from->terminal };
	if ((header != NULL) + (query != NULL) + (from->hash_source_ip != 0) != 1)
		return -EINVAL;
	if (header) {
		ret->by = HASH_BY_HEADER;
		ret->name = header->header_name;
		return match_is_readable_header(header->header_name) ? 0 : -EINVAL;
	}
	if (query) {
		ret->by = HASH_BY_QUERY;
		ret->name = query->parameter_name;
		return *query->parameter_name ? 0 : -EINVAL;
	}
	return 0;
}

/* The same thing hashed by an earlier policy. */
static bool is_repeated(const K8s__ProxyLoadBalancer *lb, size_t index)
{
	const K8s__ProxyRequestHash *y = lb->request_hash_policies[index];

	for (size_t i = 0; i < index; i++) {
		const K8s__ProxyRequestHash *x = lb->request_hash_policies[i];

		if (x->header_hash_options && y->header_hash_options &&
		    strcasecmp(x->header_hash_options->header_name,
			       y->header_hash_options->header_name) == 0)
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

static void set_affinity(struct proxy_node *node, const K8s__ProxyLoadBalancer *lb,
			 const char *field, struct forward *ret)
{
	size_t n = lb ? lb->n_request_hash_policies : 0;

	if (!lb ||
	    (strcmp(lb->strategy, "Cookie") != 0 && strcmp(lb->strategy, "RequestHash") != 0))
		return;
	ret->hash = arena_new_of(node->a, struct hash_key, n + 1);
	if (strcmp(lb->strategy, "Cookie") == 0) {
		ret->hash[ret->n_hash++] =
			(struct hash_key){ HASH_BY_COOKIE, .name = AFFINITY_COOKIE, .path = "/" };
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (!is_repeated(lb, i) &&
		    parse_hash(lb->request_hash_policies[i], &ret->hash[ret->n_hash]) == 0) {
			ret->n_hash++;
			continue;
		}
		proxy_warning(node, "SpecError/IgnoredField",
			      arena_printf(node->a,
					   "%s.loadBalancerPolicy.requestHashPolicies[%zu]", field,
					   i),
			      "ignored: it needs exactly one of a header, a query parameter and "
			      "hashSourceIP, and none twice");
	}
	if (!ret->n_hash)
		proxy_warning(node, "SpecError/IgnoredField",
			      arena_printf(node->a, "%s.loadBalancerPolicy", field),
			      "no requestHashPolicies are left, so the strategy is RoundRobin");
}

static int set_headers(struct proxy_node *node, const K8s__ProxyRoute *route, const char *field,
		       struct route *ret)
{
	const struct header_context c = { node->namespace, NULL, NULL };
	const char *why;

	if (header_policy_parse(node->a, &c, route->request_headers_policy, false, &ret->request,
				&why) < 0) {
		proxy_error(node, "RouteError/RequestHeadersPolicyInvalid",
			    arena_printf(node->a, "%s.requestHeadersPolicy", field), "%s", why);
		return -EINVAL;
	}
	if (header_policy_parse(node->a, &c, route->response_headers_policy, true, &ret->response,
				&why) < 0) {
		proxy_error(node, "RouteError/ResponseHeaderPolicyInvalid",
			    arena_printf(node->a, "%s.responseHeadersPolicy", field), "%s", why);
		return -EINVAL;
	}
	return 0;
}

static bool has_target(const struct route *r)
{
	for (size_t i = 0; r->kind == ROUTE_FORWARD && i < r->forward.n_targets; i++)
		if (r->forward.targets[i].cluster)
			return true;
	return false;
}

static int set_filters(struct proxy_node *node, const K8s__ProxyRoute *route, struct route *ret)
{
	const char *field = ret->origin.field;
	struct route_filters *f = &ret->filters;

	if (proxy_rate_limit_route(
		    node, route->rate_limit_policy ? route->rate_limit_policy->global : NULL,
		    arena_printf(node->a, "%s.rateLimitPolicy.global", field), has_target(ret),
		    f) < 0)
		return -EINVAL;
	if (proxy_filter_limit(node, route->rate_limit_policy, node->host,
			       "RouteError/RateLimitPolicyNotValid",
			       arena_printf(node->a, "%s.rateLimitPolicy", field), f) < 0 ||
	    proxy_filter_addresses(node, route->ip_allow_policy, route->n_ip_allow_policy,
				   route->ip_deny_policy, route->n_ip_deny_policy, field, f) < 0 ||
	    proxy_jwt_route(node, route, ret) < 0)
		return -EINVAL;
	return proxy_authorization_route(node, route->auth_policy, ret);
}

static bool is_redirect(uint32_t status)
{
	return (status >= 301 && status <= 303) || status == 307 || status == 308;
}

static int set_internal_redirect(struct proxy_node *node, const K8s__ProxyInternalRedirect *from,
				 const char *field, struct forward *ret)
{
	struct internal_redirect *r;
	const char *cross;

	if (!from)
		return 0;
	cross = from->allow_cross_scheme_redirect;
	for (size_t i = 0; i < from->n_redirect_response_codes; i++)
		if (!is_redirect(from->redirect_response_codes[i])) {
			proxy_error(node, "RouteError/InternalRedirectPolicyNotValid",
				    arena_printf(node->a, "%s.internalRedirectPolicy", field),
				    "redirectResponseCodes are among 301, 302, 303, 307, 308");
			return -EINVAL;
		}
	if (*cross && strcmp(cross, "Always") != 0 && strcmp(cross, "Never") != 0 &&
	    strcmp(cross, "SafeOnly") != 0)
		proxy_warning(node, "SpecError/IgnoredField",
			      arena_printf(node->a,
					   "%s.internalRedirectPolicy.allowCrossSchemeRedirect",
					   field),
			      "\"%.64s\" is unknown, so it is Never; known are Always, Never and "
			      "SafeOnly",
			      cross);
	r = arena_new_of(node->a, struct internal_redirect, 1);
	*r = (struct internal_redirect){
		.max = from->max_internal_redirects,
		.codes = from->redirect_response_codes,
		.n_codes = from->n_redirect_response_codes,
		.cross_scheme = strcmp(cross, "Always") == 0,
		.safe_cross_scheme = strcmp(cross, "SafeOnly") == 0,
		.no_repeats = from->deny_repeated_route_redirect,
	};
	ret->internal_redirect = r;
	return 0;
}

static int forward(struct proxy_node *node, const K8s__ProxyRoute *route, struct route *ret)
{
	const char *field = ret->origin.field;
	struct forward *f = &ret->forward;

	ret->kind = ROUTE_FORWARD;
	if (set_timeouts(node, route->timeout_policy, field, &f->timeouts) < 0 ||
	    set_retries(node, route->retry_policy, field, f) < 0 ||
	    set_headers(node, route, field, ret) < 0 ||
	    proxy_rewrite_choose(node, route, &ret->match, field, &f->rewrite) < 0)
		return -EINVAL;
	proxy_upstream_check_strategy(node, route->load_balancer_policy, "SpecError/IgnoredField",
				      arena_printf(node->a, "%s.loadBalancerPolicy", field));
	set_affinity(node, route->load_balancer_policy, field, f);
	f->websocket = route->enable_websockets;
	if (set_internal_redirect(node, route->internal_redirect_policy, field, f) < 0 ||
	    proxy_cookie_parse(node, route->cookie_rewrite_policies,
			       route->n_cookie_rewrite_policies, field, &ret->filters.cookies) < 0)
		return -EINVAL;
	proxy_upstream_plan(node, route, ret);
	return node->bad ? -EINVAL : 0;
}

/* ---- answering ---- */

/* A sentence that names the fault, or NULL; *ret_host: the host in its normal form, or NULL. */
static const char *check_redirect(struct arena *a, const K8s__ProxyRedirect *from,
				  const char **ret_host)
{
	const char *why = NULL;

	*ret_host = NULL;
	if (from->has_status_code && !is_redirect((uint32_t)from->status_code))
		why = "statusCode is not one of 301, 302, 303, 307, 308";
	if (from->path && *from->path && from->prefix && *from->prefix)
		why = "there may be one of path and prefix only";
	if (from->has_port && (from->port < 1 || from->port > 65535))
		why = "port is not between 1 and 65535";
	if (from->scheme && *from->scheme && strcmp(from->scheme, "http") &&
	    strcmp(from->scheme, "https"))
		why = "scheme is neither http nor https";
	if (!why && from->hostname && *from->hostname) {
		*ret_host = host_name_normal(a, from->hostname, &why);
		if (*ret_host && **ret_host == '*')
			why = "hostname must not have a star";
	}
	if ((from->path && strpbrk(from->path, "\r\n")) ||
	    (from->prefix && strpbrk(from->prefix, "\r\n")))
		why = "path and prefix must not have line breaks";
	return why;
}

static int redirect(struct proxy_node *node, const K8s__ProxyRedirect *from, struct route *ret)
{
	struct redirect *r = &ret->redirect;
	const char *host, *why = check_redirect(node->a, from, &host);

	if (why) {
		proxy_error(node, "RouteError/RequestRedirectPolicy",
			    arena_printf(node->a, "%s.requestRedirectPolicy", ret->origin.field),
			    "%s", why);
		return -EINVAL;
	}
	ret->kind = ROUTE_REDIRECT;
	r->status = from->has_status_code ? (uint32_t)from->status_code : 302;
	r->host = host;
	r->scheme = from->scheme && *from->scheme ? from->scheme : NULL;
	r->port = from->has_port ? (uint32_t)from->port : 0;
	if (from->path && *from->path)
		r->path =
			(struct rewrite){ REWRITE_PATH, .text = path_to_send(node->a, from->path) };
	else if (from->prefix && *from->prefix)
		r->path = (struct rewrite){ REWRITE_PREFIX,
					    .text = path_to_send(node->a, from->prefix) };
	return 0;
}

static int answer(struct proxy_node *node, const K8s__ProxyDirectResponse *from, struct route *ret)
{
	if (from->status_code < 200 || from->status_code > 599 || strlen(from->body) > BODY_MAX) {
		proxy_error(node, "RouteError/DirectResponsePolicyNotValid",
			    arena_printf(node->a, "%s.directResponsePolicy", ret->origin.field),
			    "statusCode must be between 200 and 599, and body at most 4096 bytes");
		return -EINVAL;
	}
	ret->kind = ROUTE_ANSWER;
	ret->answer = (struct answer){ (uint32_t)from->status_code, from->body };
	return 0;
}

/* Fields of a route that are for forwarded requests only. */
static void report_ignored(struct proxy_node *node, const K8s__ProxyRoute *route,
			   const struct route *r)
{
	const struct {
		bool given;
		const char *field;
	} rows[] = {
		{ route->timeout_policy != NULL, "timeoutPolicy" },
		{ route->retry_policy != NULL, "retryPolicy" },
		{ route->load_balancer_policy != NULL, "loadBalancerPolicy" },
		{ route->health_check_policy != NULL, "healthCheckPolicy" },
		{ route->path_rewrite_policy != NULL, "pathRewritePolicy" },
		{ route->request_headers_policy != NULL, "requestHeadersPolicy" },
		{ route->internal_redirect_policy != NULL, "internalRedirectPolicy" },
		{ route->n_cookie_rewrite_policies > 0, "cookieRewritePolicies" },
		{ route->enable_websockets != 0, "enableWebsockets" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].given)
			proxy_warning(node, "SpecError/IgnoredField",
				      arena_printf(node->a, "%s.%s", r->origin.field,
						   rows[i].field),
				      "ignored: the route forwards nothing, it has a %s",
				      r->kind == ROUTE_REDIRECT ? "requestRedirectPolicy"
								: "directResponsePolicy");
}

/* A redirect or an answer of Envoy's own: headers of the response are set on it, too. */
static int set_own_answer(struct proxy_node *node, const K8s__ProxyRoute *route, struct route *ret)
{
	if (set_headers(node, route, ret->origin.field, ret) < 0)
		return -EINVAL;
	ret->request = (struct header_edits){ 0 };
	report_ignored(node, route, ret);
	return 0;
}

/* ---- the whole ---- */

void proxy_route_plan(struct proxy_node *node, size_t index, struct routes *ret)
{
	const K8s__ProxyRoute *route = node->proxy->spec->routes[index];
	struct proxy_conditions own = { route->conditions, route->n_conditions, node->conditions };
	bool insecure = route->permit_insecure &&
			!config_read(node->r)->httpproxy->disable_permit_insecure;
	const char *field = arena_printf(node->a, "spec.routes[%zu]", index), *reason, *why;
	struct route out = { .origin = { .object = node->key, .field = field },
			     .plain = insecure ? PLAIN_SERVED : PLAIN_REDIRECTED };
	int r;

	if (proxy_condition_check_path(node->a, &own, false, &why) < 0) {
		proxy_error(node, "RouteError/PathMatchConditionsNotValid",
			    arena_printf(node->a, "%s.conditions", field), "%s", why);
		return;
	}
	if (proxy_condition_merge(node->a, &own, &out.match, &reason, &why) < 0) {
		proxy_error(node, arena_printf(node->a, "RouteError/%s", reason),
			    arena_printf(node->a, "%s.conditions", field), "%s", why);
		return;
	}
	why = path_unmatched(node->r, &out.match);
	if (why)
		proxy_warning(node, "RouteError/PathNeverMatches",
			      arena_printf(node->a, "%s.conditions", field),
			      "path %s: no request has such a path: %s", out.match.path, why);
	why = path_with_star(out.match.path, out.match.kind == PATH_REGEX);
	if (why)
		proxy_warning(node, "RouteError/PathWithStar",
			      arena_printf(node->a, "%s.conditions", field), "path %s: %s",
			      out.match.path, why);
	if ((route->n_services > 0) + (route->request_redirect_policy != NULL) +
		    (route->direct_response_policy != NULL) !=
	    1) {
		proxy_error(node, "RouteError/RouteActionCountNotValid", field,
			    "it needs exactly one of services, requestRedirectPolicy and "
			    "directResponsePolicy");
		return;
	}
	if (route->request_redirect_policy)
		r = redirect(node, route->request_redirect_policy, &out);
	else if (route->direct_response_policy)
		r = answer(node, route->direct_response_policy, &out);
	else
		r = forward(node, route, &out);
	if (r == 0 && out.kind != ROUTE_FORWARD)
		r = set_own_answer(node, route, &out);
	if (r < 0 || set_filters(node, route, &out) < 0)
		return;
	proxy_route_advise(node, route, &out);
	routes_add(node->a, ret, &out);
}
