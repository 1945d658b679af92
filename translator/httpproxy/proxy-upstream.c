/* Where a route of an HTTPProxy goes: its Services as targets and mirrors. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/go-duration.h"
#include "translator/httpproxy/proxy-cookie.h"
#include "translator/httpproxy/proxy-filter.h"
#include "translator/model/cluster.h"
#include "translator/resolve/config.h"
#include "translator/resolve/delegation.h"
#include "translator/resolve/upstream.h"

#define HEALTH_SECONDS_MAX (10 * 365 * 24 * 3600)

void proxy_upstream_check_strategy(struct proxy_node *node, const K8s__ProxyLoadBalancer *policy,
				   const char *reason, const char *field)
{
	static const char *const known[] = { "",       "RoundRobin", "WeightedLeastRequest",
					     "Random", "Cookie",     "RequestHash" };

	for (size_t i = 0; policy && i < ARRAY_SIZE(known); i++)
		if (strcmp(known[i], policy->strategy) == 0)
			return;
	if (policy)
		proxy_warning(node, reason, arena_printf(node->a, "%s.strategy", field),
			      "\"%.64s\" is unknown, so the strategy is RoundRobin; known are "
			      "RoundRobin, WeightedLeastRequest, Random, Cookie and RequestHash",
			      policy->strategy);
}

static enum balancing balancing_of(const K8s__ProxyRoute *route, const struct forward *forward)
{
	static const struct {
		const char *word;
		enum balancing balancing;
	} rows[] = {
		{ "WeightedLeastRequest", BALANCING_LEAST_REQUEST },
		{ "Random", BALANCING_RANDOM },
		{ "Cookie", BALANCING_RING_HASH },
		{ "RequestHash", BALANCING_RING_HASH },
	};

	for (size_t i = 0; route->load_balancer_policy && i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].word, route->load_balancer_policy->strategy) == 0)
			return rows[i].balancing == BALANCING_RING_HASH && !forward->n_hash
				       ? BALANCING_ROUND_ROBIN
				       : /* nothing is left to hash */
				       rows[i].balancing;
	return BALANCING_ROUND_ROBIN;
}

/* Both kinds of checks. -EINVAL: Envoy would refuse it. */
static int set_health_times(struct proxy_node *node, int64_t interval, int64_t timeout,
			    const char *reason, const char *field, ModelHealthCheck *ret)
{
	const struct {
		const char *name;
		int64_t seconds;
	} rows[] = { { "intervalSeconds", interval }, { "timeoutSeconds", timeout } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *one =
			arena_printf(node->a, "%s.healthCheckPolicy.%s", field, rows[i].name);

		if (rows[i].seconds > HEALTH_SECONDS_MAX) {
			proxy_error(node, reason, one, "it is at most %d", HEALTH_SECONDS_MAX);
			return -EINVAL;
		}
		if (rows[i].seconds < 0)
			proxy_warning(node, reason, one,
				      "ignored, as it is below 0: the default counts");
	}
	ret->has_interval_sec = ret->has_timeout_sec = 1;
	ret->interval_sec = interval;
	ret->timeout_sec = timeout;
	return 0;
}

static int set_statuses(struct proxy_node *node, const K8s__ProxyHTTPHealthCheck *desired,
			const char *field, ModelHealthCheck *h)
{
	h->n_statuses = desired->n_expected_statuses;
	h->statuses = arena_new_of(node->a, ModelStatusRange *, h->n_statuses + 1);
	for (size_t i = 0; i < h->n_statuses; i++) {
		const K8s__ProxyStatusRange *range = desired->expected_statuses[i];

		if (range->start < 100 || range->end > 600 || range->start >= range->end) {
			proxy_error(
				node, "RouteError/HealthCheckPolicyInvalid",
				arena_printf(node->a, "%s.healthCheckPolicy.expectedStatuses[%zu]",
					     field, i),
				"it begins at 100 or later, and its end, which is not in it, is "
				"after its start and at most 600");
			return -EINVAL;
		}
		h->statuses[i] = message_new(node->a, ModelStatusRange);
		h->statuses[i]->has_start = h->statuses[i]->has_end = 1;
		h->statuses[i]->start = range->start;
		h->statuses[i]->end = range->end;
	}
	return 0;
}

static uint32_t threshold(int64_t desired)
{
	return desired < 0 ? 0 : (uint32_t)MIN(desired, (int64_t)UINT32_MAX);
}

static int set_health(struct proxy_node *node, const K8s__ProxyHTTPHealthCheck *desired,
		      const char *field, ModelClusterSpec *spec)
{
	ModelHealthCheck *h = message_new(node->a, ModelHealthCheck);

	if (strpbrk(desired->path, "\r\n") || strpbrk(desired->host, "\r\n")) {
		proxy_error(node, "RouteError/HealthCheckPolicyInvalid",
			    arena_printf(node->a, "%s.healthCheckPolicy", field),
			    "path and host must not have line breaks");
		return -EINVAL;
	}
	if ((*desired->path && *desired->path != '/') || strpbrk(desired->path, " \t") ||
	    strpbrk(desired->host, " \t/"))
		proxy_warning(
			node, "RouteError/HealthCheckPolicyInvalid",
			arena_printf(node->a, "%s.healthCheckPolicy", field),
			"servers refuse such a request: path begins with a slash, and neither "
			"path nor host has spaces");
	h->path = *desired->path ? desired->path : (char *)"/";
	h->host = desired->host;
	h->has_unhealthy = h->has_healthy = 1;
	h->unhealthy = threshold(desired->unhealthy_threshold_count);
	h->healthy = threshold(desired->healthy_threshold_count);
	if (set_health_times(node, desired->interval_seconds, desired->timeout_seconds,
			     "RouteError/HealthCheckPolicyInvalid", field, h) < 0 ||
	    set_statuses(node, desired, field, h) < 0)
		return -EINVAL;
	spec->health = h;
	return 0;
}

static void set_health_port(const K8s__ProxyService *s, ModelHealthCheck *ret)
{
	ret->has_port = s->health_port && s->health_port != s->port;
	ret->port = (uint32_t)s->health_port;
}

static int set_slow_start(struct proxy_node *node, const K8s__ProxySlowStart *desired,
			  const char *field, ModelClusterSpec *spec)
{
	ModelSlowStart *s = message_new(node->a, ModelSlowStart);
	struct go_duration window;
	char *end = NULL;

	s->has_window_usec = s->has_aggression = s->has_min_weight_percent = 1;
	s->aggression = *desired->aggression ? strtod(desired->aggression, &end) : 1.0;
	if (go_duration_parse(desired->window, &window) < 0 || !window.set || window.infinite ||
	    (end && (*end || !(s->aggression > 0))) || spec->balancing > BALANCING_LEAST_REQUEST ||
	    (desired->has_min_weight_percent && desired->min_weight_percent > 100)) {
		proxy_error(node, "ServiceError/SlowStartInvalid",
			    arena_printf(node->a, "%s.slowStartPolicy", field),
			    "it needs a window as a duration, a positive aggression, a "
			    "minWeightPercent of at "
			    "most 100, and the strategy RoundRobin or WeightedLeastRequest");
		return -EINVAL;
	}
	s->window_usec = window.usec;
	s->min_weight_percent = desired->has_min_weight_percent ? desired->min_weight_percent : 10;
	spec->slow_start = s;
	return 0;
}

static int set_validation(struct proxy_node *node, K8s__ProxyUpstreamValidation *v,
			  const char *field, ModelClusterSpec *spec)
{
	const char *key, *why;

	if (delegation_resolve(node->r, v->ca_secret, node->namespace, &key, &why) < 0) {
		proxy_error(node, "TLSError/CACertificateNotDelegated",
			    arena_printf(node->a, "%s.validation.caSecret", field), "%s", why);
		return -EINVAL;
	}
	if (upstream_read_subjects(node->r, v, &spec->subjects, &spec->n_subjects, &why) < 0) {
		proxy_error(node, "ServiceError/TLSUpstreamValidation",
			    arena_printf(node->a, "%s.validation", field), "%s", why);
		return -EINVAL;
	}
	spec->ca_secret = (char *)key;
	return 0;
}

static int fill_spec(struct proxy_node *node, const K8s__ProxyRoute *route,
		     const K8s__ProxyService *s, const char *field, ModelClusterSpec *spec)
{
	struct go_duration idle;

	if (s->port < 1 || s->port > 65535) {
		proxy_error(node, "ServiceError/ServicePortInvalid",
			    arena_printf(node->a, "%s.port", field),
			    "port %d is not between 1 and 65535", s->port);
		return -EINVAL;
	}
	if (s->health_port < 0 || s->health_port > 65535) {
		proxy_error(node, "ServiceError/ServicePortInvalid",
			    arena_printf(node->a, "%s.healthPort", field),
			    "port %d is not between 1 and 65535", s->health_port);
		return -EINVAL;
	}
	if (s->protocol && *s->protocol && strcmp(s->protocol, "h2") != 0 &&
	    strcmp(s->protocol, "h2c") != 0 && strcmp(s->protocol, "tls") != 0) {
		proxy_error(node, "ServiceError/UnsupportedProtocol",
			    arena_printf(node->a, "%s.protocol", field),
			    "protocol \"%s\" is not one of h2, h2c, tls", s->protocol);
		return -EINVAL;
	}
	spec->namespace_ = (char *)node->namespace;
	spec->service = s->name;
	spec->port = arena_printf(node->a, "%d", s->port);
	spec->protocol = s->protocol && *s->protocol ? s->protocol : NULL;
	if (route->timeout_policy &&
	    go_duration_parse(route->timeout_policy->idle_connection, &idle) == 0 && idle.set) {
		spec->has_idle_usec = 1;
		spec->idle_usec = idle.usec;
	}
	if (route->health_check_policy &&
	    set_health(node, route->health_check_policy, field, spec) < 0)
		return -EINVAL;
	if (spec->health)
		set_health_port(s, spec->health);
	if (s->slow_start_policy && set_slow_start(node, s->slow_start_policy, field, spec) < 0)
		return -EINVAL;
	if (s->validation && set_validation(node, s->validation, field, spec) < 0)
		return -EINVAL;
	return 0;
}

static void tell_unverified(struct proxy_node *node, const ModelClusterResult *result,
			    const char *field)
{
	if (result->unverified)
		proxy_warning(node, "ServiceError/NotVerified",
			      arena_printf(node->a, "%s.validation", field),
			      "ignored: it is about TLS, and the Service is spoken to without: set "
			      "protocol to tls or h2");
}

/* Why a Service has no cluster; reason NULL: it has one. */
struct unresolved {
	const char *reason, *field, *message;
};

/* Gives the target its cluster, if one can be made; else others go on. */
static void resolve(struct proxy_node *node, const ModelClusterSpec *spec, const char *field,
		    struct target *ret, struct unresolved *ret_bad)
{
	const ModelClusterResult *result = upstream_find(node->r, spec);

	*ret_bad = (struct unresolved){ 0 };
	if (result->name && result->reason)
		proxy_warning(node, "ServiceError/NoEndpoints", field, "%s", result->message);
	tell_unverified(node, result, field);
	if (result->name) {
		ret->cluster = result->name;
		ret->http2 = result->http2;
		return;
	}
	*ret_bad = (struct unresolved){
		.reason = strcmp(result->reason, "TLSUpstreamValidation") == 0
				  ? "ServiceError/TLSUpstreamValidation"
			  : strcmp(result->reason, "ClientCertificateInvalid") == 0
				  ? "TLSError/SecretNotValid"
				  : "ServiceError/ServiceUnresolvedReference",
		.field = field,
		.message = result->message,
	};
}

/* With what becomes of the requests. The route stays, and the other routes of the object, too. */
static void tell_unresolved(struct proxy_node *node, const K8s__ProxyRoute *route,
			    const struct unresolved *all, const struct forward *f)
{
	size_t served = 0;

	for (size_t i = 0; i < f->n_targets; i++)
		served += f->targets[i].cluster != NULL;
	for (size_t i = 0; i < route->n_services; i++) {
		bool bad = node->bad;

		if (!all[i].reason)
			continue;
		proxy_error(node, all[i].reason, all[i].field, "%s; %s", all[i].message,
			    route->services[i]->mirror ? "requests are not mirrored"
			    : served ? "the route's other services get its requests"
				     : "requests are answered with 503");
		node->bad = bad;
	}
}

static enum balancing tcp_balancing(struct proxy_node *node, const K8s__ProxyTCP *tcp)
{
	const char *strategy = tcp->load_balancer_policy ? tcp->load_balancer_policy->strategy : "";

	proxy_upstream_check_strategy(node, tcp->load_balancer_policy, "TCPProxyError/IgnoredField",
				      "spec.tcpproxy.loadBalancerPolicy");
	if (strcmp(strategy, "WeightedLeastRequest") == 0)
		return BALANCING_LEAST_REQUEST;
	if (strcmp(strategy, "Random") == 0)
		return BALANCING_RANDOM;
	if (strcmp(strategy, "Cookie") == 0 || strcmp(strategy, "RequestHash") == 0)
		proxy_warning(node, "TCPProxyError/IgnoredField",
			      "spec.tcpproxy.loadBalancerPolicy",
			      "there are no requests to look at, so the strategy is RoundRobin");
	return BALANCING_ROUND_ROBIN;
}

/* What is for requests has no effect on connections. */
static void tell_tcp_ignored(struct proxy_node *node, const K8s__ProxyTCP *tcp,
			     const K8s__ProxyService *s, const char *field)
{
	const struct {
		bool given;
		const char *name, *why;
	} rows[] = {
		{ s->mirror, "mirror", "connections are not mirrored: it gets its share of them" },
		{ s->request_headers_policy != NULL, "requestHeadersPolicy",
		  "connections are passed on unread" },
		{ s->response_headers_policy != NULL, "responseHeadersPolicy",
		  "connections are passed on unread" },
		{ s->n_cookie_rewrite_policies > 0, "cookieRewritePolicies",
		  "connections are passed on unread" },
		{ s->slow_start_policy != NULL, "slowStartPolicy", "it is for requests" },
		{ s->health_port && !tcp->health_check_policy, "healthPort",
		  "without a healthCheckPolicy nothing is checked" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].given)
			proxy_warning(node, "TCPProxyError/IgnoredField",
				      arena_printf(node->a, "%s.%s", field, rows[i].name),
				      "ignored: %s", rows[i].why);
}

const char *proxy_upstream_tcp(struct proxy_node *node, const K8s__ProxyTCP *tcp,
			       const K8s__ProxyService *s, const char *field)
{
	ModelHealthCheck health = ModelHealthCheck__INIT;
	const K8s__ProxyTCPHealthCheck *check = tcp->health_check_policy;
	const ModelClusterResult *result;
	K8s__ProxyRoute route = K8S__PROXY_ROUTE__INIT;
	ModelClusterSpec spec = ModelClusterSpec__INIT;
	K8s__ProxyService plain = *s;

	tell_tcp_ignored(node, tcp, s, field);
	plain.slow_start_policy = NULL;
	spec.has_balancing = 1;
	spec.balancing = tcp_balancing(node, tcp);
	if (fill_spec(node, &route, &plain, field, &spec) < 0)
		return NULL;
	if (check) {
		health.has_unhealthy = health.has_healthy = 1;
		if (set_health_times(node, check->interval_seconds, check->timeout_seconds,
				     "TCPProxyError/HealthCheckPolicyInvalid", "spec.tcpproxy",
				     &health) < 0)
			return NULL;
		health.unhealthy = check->unhealthy_threshold_count;
		health.healthy = check->healthy_threshold_count;
		set_health_port(s, &health);
		spec.health = &health;
	}
	result = upstream_find(node->r, &spec);
	if (!result->name)
		proxy_error(node, "TCPProxyError/ServiceUnresolvedReference", field, "%s",
			    result->message);
	else if (result->reason)
		proxy_warning(node, "TCPProxyError/NoEndpoints", field, "%s", result->message);
	tell_unverified(node, result, field);
	return result->name;
}

static int plan_headers(struct proxy_node *node, const K8s__ProxyService *s, const char *field,
			const struct route *of, struct target *t)
{
	const char *port = arena_printf(node->a, "%d", s->port), *why, *own;
	const struct header_context c = { node->namespace, s->name, port };
	const K8s__ConfigPolicy *policy = config_read(node->r)->policy;

	if (header_policy_parse(node->a, &c, s->request_headers_policy, false, &t->request, &why) <
	    0) {
		proxy_error(node, "ServiceError/RequestHeadersPolicyInvalid",
			    arena_printf(node->a, "%s.requestHeadersPolicy", field), "%s", why);
		return -EINVAL;
	}
	if (header_policy_parse(node->a, &c, s->response_headers_policy, true, &t->response, &why) <
	    0) {
		proxy_error(node, "ServiceError/ResponseHeadersPolicyInvalid",
			    arena_printf(node->a, "%s.responseHeadersPolicy", field), "%s", why);
		return -EINVAL;
	}
	own = t->request.host;
	header_policy_default(node->a, &c, policy->request_headers, &t->request);
	/* The route's Host goes over the Host that is for all, but Envoy takes the target's. */
	if (!own && (of->request.host || of->request.host_header))
		t->request.host = NULL;
	header_policy_default(node->a, &c, policy->response_headers, &t->response);
	return 0;
}

static int plan_cookies(struct proxy_node *node, const K8s__ProxyService *s, const char *field,
			const struct cookie_rules *outer, struct target *t)
{
	struct cookie_rules own;

	if (proxy_cookie_parse(node, s->cookie_rewrite_policies, s->n_cookie_rewrite_policies,
			       field, &own) < 0)
		return -EINVAL;
	if (own.n)
		proxy_cookie_merge(node->a, outer, &own, &t->cookies);
	return 0;
}

/* A target without a cluster gets no share of the requests. */
static int plan_target(struct proxy_node *node, const K8s__ProxyRoute *route,
		       const K8s__ProxyService *s, const char *field, const struct route *of,
		       struct target *ret, struct unresolved *ret_bad)
{
	ModelClusterSpec spec = ModelClusterSpec__INIT;

	*ret = (struct target){ 0 };
	spec.has_balancing = 1;
	spec.balancing = balancing_of(route, &of->forward);
	if (fill_spec(node, route, s, field, &spec) < 0 ||
	    plan_headers(node, s, field, of, ret) < 0 ||
	    plan_cookies(node, s, field, &of->filters.cookies, ret) < 0)
		return -EINVAL;
	/* TLS must ask for the rewritten host. */
	spec.sni = (char *)(ret->request.host ? ret->request.host : of->request.host);
	resolve(node, &spec, field, ret, ret_bad);
	if (ret->cluster && s->weight > 0)
		ret->weight = (uint32_t)MIN(s->weight, (int64_t)UINT32_MAX);
	return 0;
}

static void add_mirror(struct proxy_node *node, const K8s__ProxyService *s, const char *cluster,
		       struct forward *ret)
{
	struct mirror *m = arena_new_of(node->a, struct mirror, 1);

	*m = (struct mirror){ .cluster = cluster,
			      .numerator = s->weight > 0 && s->weight < 100 ? (uint32_t)s->weight
									    : 100,
			      .denominator = 100 };
	ret->mirrors = m;
	ret->n_mirrors = 1;
}

void proxy_upstream_plan(struct proxy_node *node, const K8s__ProxyRoute *route, struct route *ret)
{
	struct unresolved *bad = arena_new_of(node->a, struct unresolved, route->n_services + 1);
	struct forward *f = &ret->forward;
	size_t mirrors = 0;

	f->targets = arena_new_of(node->a, struct target, route->n_services + 1);
	f->equal_if_zero = true;
	f->missing_status = 503;
	for (size_t i = 0; i < route->n_services; i++) {
		const K8s__ProxyService *s = route->services[i];
		const char *place = arena_printf(node->a, "%s.services[%zu]", ret->origin.field, i);
		struct target t;

		if (s->mirror && mirrors++) {
			proxy_error(node, "ServiceError/OnlyOneMirror", place,
				    "there may be one mirror in a route only");
			return;
		}
		if (plan_target(node, route, s, place, ret, &t, &bad[i]) < 0)
			return;
		if (!s->mirror)
			f->targets[f->n_targets++] = t;
		else if (t.cluster)
			add_mirror(node, s, t.cluster, f);
	}
	tell_unresolved(node, route, bad, f);
}
