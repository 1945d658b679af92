/* Where a route of an HTTPProxy goes: its Services as clusters, weights and mirrors. Runs in the
 * translator. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/go-duration.h"
#include "translator/delegation.h"
#include "translator/proxy-cookie.h"
#include "translator/proxy-filter.h"

typedef Portolan__Model__ClusterSpec ClusterSpec;
typedef Envoy__Config__Route__V3__WeightedCluster__ClusterWeight ClusterWeight;
typedef Envoy__Config__Route__V3__RouteAction Action;


/* One Service of the route, resolved. */
struct target {
	const K8s__ProxyService *service;
	const char *cluster;
	struct header_policy request, response;
	struct cookie_rules cookies; /* its own and the route's, if it has own ones */
};

static enum balancing balancing_of(const K8s__ProxyRoute *route, const Action *action)
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
			return rows[i].balancing == BALANCING_RING_HASH && !action->n_hash_policy ?
				       BALANCING_ROUND_ROBIN : /* nothing to hash is left */
				       rows[i].balancing;
	return BALANCING_ROUND_ROBIN;
}

static int set_health(struct proxy_node *node, const K8s__ProxyHTTPHealthCheck *wish, const char *field,
		      ClusterSpec *spec)
{
	Portolan__Model__HealthCheck *h =
		ENVOY_NEW(node->a, Portolan__Model__HealthCheck, PORTOLAN__MODEL__HEALTH_CHECK__INIT);

	if (strpbrk(wish->path, "\r\n") || strpbrk(wish->host, "\r\n")) {
		proxy_error(node, "RouteError/HealthCheckPolicyInvalid",
			    arena_printf(node->a, "%s.healthCheckPolicy", field),
			    "path and host must not have line breaks");
		return -EINVAL;
	}
	h->path = *wish->path ? wish->path : (char *)"/";
	h->host = wish->host;
	h->has_interval_sec = h->has_timeout_sec = h->has_unhealthy = h->has_healthy = 1;
	h->interval_sec = wish->interval_seconds;
	h->timeout_sec = wish->timeout_seconds;
	h->unhealthy = (uint32_t)MAX(wish->unhealthy_threshold_count, (int64_t)0);
	h->healthy = (uint32_t)MAX(wish->healthy_threshold_count, (int64_t)0);
	h->n_statuses = wish->n_expected_statuses;
	h->statuses = arena_new_of(node->a, Portolan__Model__StatusRange *, h->n_statuses + 1);
	for (size_t i = 0; i < h->n_statuses; i++) {
		const K8s__ProxyStatusRange *range = wish->expected_statuses[i];

		if (range->start < 100 || range->end > 600 || range->start >= range->end) {
			proxy_error(node, "RouteError/HealthCheckPolicyInvalid",
				    arena_printf(node->a, "%s.healthCheckPolicy.expectedStatuses[%zu]",
						 field, i),
				    "a range of statuses begins at 100 or later and ends before 600");
			return -EINVAL;
		}
		h->statuses[i] =
			ENVOY_NEW(node->a, Portolan__Model__StatusRange, PORTOLAN__MODEL__STATUS_RANGE__INIT);
		h->statuses[i]->has_start = h->statuses[i]->has_end = 1;
		h->statuses[i]->start = range->start;
		h->statuses[i]->end = range->end;
	}
	spec->health = h;
	return 0;
}

static void set_health_port(const K8s__ProxyService *s, Portolan__Model__HealthCheck *ret)
{
	ret->has_port = s->health_port && s->health_port != s->port;
	ret->port = (uint32_t)s->health_port;
}

static int set_slow_start(struct proxy_node *node, const K8s__ProxySlowStart *wish, const char *field,
			  ClusterSpec *spec)
{
	Portolan__Model__SlowStart *s =
		ENVOY_NEW(node->a, Portolan__Model__SlowStart, PORTOLAN__MODEL__SLOW_START__INIT);
	struct go_duration window;
	char *end = NULL;

	s->has_window_usec = s->has_aggression = s->has_min_weight_percent = 1;
	s->aggression = *wish->aggression ? strtod(wish->aggression, &end) : 1.0;
	if (go_duration_parse(wish->window, &window) < 0 || !window.set || window.infinite ||
	    (end && (*end || !(s->aggression > 0))) || spec->balancing > BALANCING_LEAST_REQUEST ||
	    (wish->has_min_weight_percent && wish->min_weight_percent > 100)) {
		proxy_error(node, "ServiceError/SlowStartInvalid",
			    arena_printf(node->a, "%s.slowStartPolicy", field),
			    "it needs a window as a duration, a positive aggression, a minWeightPercent of at "
			    "most 100, and the strategy RoundRobin or WeightedLeastRequest");
		return -EINVAL;
	}
	s->window_usec = window.usec;
	s->min_weight_percent = wish->has_min_weight_percent ? wish->min_weight_percent : 10;
	spec->slow_start = s;
	return 0;
}

static int set_validation(struct proxy_node *node, K8s__ProxyUpstreamValidation *v, const char *field,
			  ClusterSpec *spec)
{
	const char *key, *why;

	if (delegation_resolve(node->r, v->ca_secret, node->namespace, &key, &why) < 0) {
		proxy_error(node, "TLSError/CACertificateNotDelegated",
			    arena_printf(node->a, "%s.validation.caSecret", field), "%s", why);
		return -EINVAL;
	}
	if (cluster_read_subjects(node->r, v, &spec->subjects, &spec->n_subjects, &why) < 0) {
		proxy_error(node, "ServiceError/TLSUpstreamValidation",
			    arena_printf(node->a, "%s.validation", field), "%s", why);
		return -EINVAL;
	}
	spec->ca_secret = (char *)key;
	return 0;
}

static int fill_spec(struct proxy_node *node, const K8s__ProxyRoute *route, const K8s__ProxyService *s,
		     const char *field, ClusterSpec *spec)
{
	struct go_duration idle;

	if (s->port < 1 || s->port > 65535) {
		proxy_error(node, "ServiceError/ServicePortInvalid", arena_printf(node->a, "%s.port", field),
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
			    "protocol \"%s\" is none of h2, h2c, tls", s->protocol);
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
	if (route->health_check_policy && set_health(node, route->health_check_policy, field, spec) < 0)
		return -EINVAL;
	if (spec->health)
		set_health_port(s, spec->health);
	if (s->slow_start_policy && set_slow_start(node, s->slow_start_policy, field, spec) < 0)
		return -EINVAL;
	if (s->validation && set_validation(node, s->validation, field, spec) < 0)
		return -EINVAL;
	return 0;
}

static const Portolan__Model__ClusterResult *find_cluster(struct proxy_node *node, const ClusterSpec *spec)
{
	const struct item *item;
	uint8_t *key;
	size_t len;

	key = reader_pack(node->r, &spec->base, &len);
	item = read_unit(node->r, UNIT_CLUSTER, (const char *)key, len);
	return portolan__model__cluster_result__unpack(arena_pb(node->a), item->value_len, item_value(item));
}

/* The cluster's name, or NULL if there is none: said in the status, and others go on. */
static const char *resolve(struct proxy_node *node, const ClusterSpec *spec, const char *field)
{
	const Portolan__Model__ClusterResult *result = find_cluster(node, spec);
	const char *reason;
	bool bad = node->bad;

	if (result->name)
		return result->name;
	reason = strcmp(result->reason, "TLSUpstreamValidation") == 0	 ? "ServiceError/TLSUpstreamValidation" :
		 strcmp(result->reason, "ClientCertificateInvalid") == 0 ? "TLSError/SecretNotValid" :
									   "ServiceError/ServiceUnresolvedReference";
	proxy_error(node, reason, field, "%s; requests are answered with 503", result->message);
	/* The route stays, and the other routes of the object, too. */
	node->bad = bad;
	return NULL;
}

static enum balancing tcp_balancing(struct proxy_node *node, const K8s__ProxyTCP *tcp)
{
	const char *strategy = tcp->load_balancer_policy ? tcp->load_balancer_policy->strategy : "";

	if (strcmp(strategy, "WeightedLeastRequest") == 0)
		return BALANCING_LEAST_REQUEST;
	if (strcmp(strategy, "Random") == 0)
		return BALANCING_RANDOM;
	if (strcmp(strategy, "Cookie") == 0 || strcmp(strategy, "RequestHash") == 0)
		proxy_warning(node, "TCPProxyError/IgnoredField", "spec.tcpproxy.loadBalancerPolicy",
			      "there are no requests to look at, so the strategy is RoundRobin");
	return BALANCING_ROUND_ROBIN;
}

const char *proxy_upstream_tcp(struct proxy_node *node, const K8s__ProxyTCP *tcp, const K8s__ProxyService *s,
			       const char *field)
{
	Portolan__Model__HealthCheck health = PORTOLAN__MODEL__HEALTH_CHECK__INIT;
	const K8s__ProxyTCPHealthCheck *check = tcp->health_check_policy;
	const Portolan__Model__ClusterResult *result;
	K8s__ProxyRoute route = K8S__PROXY_ROUTE__INIT;
	ClusterSpec spec = PORTOLAN__MODEL__CLUSTER_SPEC__INIT;
	K8s__ProxyService plain = *s;

	plain.slow_start_policy = NULL;
	spec.has_balancing = 1;
	spec.balancing = tcp_balancing(node, tcp);
	if (fill_spec(node, &route, &plain, field, &spec) < 0)
		return NULL;
	if (check) {
		health.has_interval_sec = health.has_timeout_sec = 1;
		health.has_unhealthy = health.has_healthy = 1;
		health.interval_sec = check->interval_seconds;
		health.timeout_sec = check->timeout_seconds;
		health.unhealthy = check->unhealthy_threshold_count;
		health.healthy = check->healthy_threshold_count;
		set_health_port(s, &health);
		spec.health = &health;
	}
	result = find_cluster(node, &spec);
	if (!result->name)
		proxy_error(node, "TCPProxyError/ServiceUnresolvedReference", field, "%s", result->message);
	return result->name;
}

static int plan_headers(struct proxy_node *node, const K8s__ProxyService *s, const char *field, const Action *action,
			struct target *t)
{
	const char *port = arena_printf(node->a, "%d", s->port), *why, *own;
	const struct header_context c = { node->namespace, s->name, port };
	const K8s__ConfigPolicy *policy = units_config(node->r)->policy;

	if (proxy_headers_parse(node, s->request_headers_policy, false, s->name, port, &t->request, &why) < 0) {
		proxy_error(node, "ServiceError/RequestHeadersPolicyInvalid",
			    arena_printf(node->a, "%s.requestHeadersPolicy", field), "%s", why);
		return -EINVAL;
	}
	if (proxy_headers_parse(node, s->response_headers_policy, true, s->name, port, &t->response, &why) < 0) {
		proxy_error(node, "ServiceError/ResponseHeadersPolicyInvalid",
			    arena_printf(node->a, "%s.responseHeadersPolicy", field), "%s", why);
		return -EINVAL;
	}
	own = t->request.host;
	proxy_headers_default(node->a, &c, policy->request_headers, &t->request);
	/* What the route says of Host counts more than what is for all, and Envoy takes the cluster's. */
	if (!own && action->host_rewrite_specifier_case !=
			    ENVOY__CONFIG__ROUTE__V3__ROUTE_ACTION__HOST_REWRITE_SPECIFIER__NOT_SET)
		t->request.host = NULL;
	proxy_headers_default(node->a, &c, policy->response_headers, &t->response);
	return 0;
}

static int plan_cookies(struct proxy_node *node, const K8s__ProxyService *s, const char *field,
			const struct cookie_rules *outer, struct target *t)
{
	struct cookie_rules own;

	if (proxy_cookie_parse(node, s->cookie_rewrite_policies, s->n_cookie_rewrite_policies, field, &own) < 0)
		return -EINVAL;
	if (own.n)
		proxy_cookie_merge(node->a, outer, &own, &t->cookies);
	return 0;
}

static int plan_target(struct proxy_node *node, const K8s__ProxyRoute *route, const K8s__ProxyService *s,
		       const char *field, const struct proxy_route *of, struct target *ret)
{
	const Action *action = of->route->route;
	ClusterSpec spec = PORTOLAN__MODEL__CLUSTER_SPEC__INIT;
	const char *host = action->host_rewrite_specifier_case ==
					   ENVOY__CONFIG__ROUTE__V3__ROUTE_ACTION__HOST_REWRITE_SPECIFIER_HOST_REWRITE_LITERAL ?
				   action->host_rewrite_literal :
				   NULL;

	*ret = (struct target){ .service = s };
	spec.has_balancing = 1;
	spec.balancing = balancing_of(route, action);
	if (fill_spec(node, route, s, field, &spec) < 0 || plan_headers(node, s, field, action, ret) < 0 ||
	    plan_cookies(node, s, field, &of->cookies, ret) < 0)
		return -EINVAL;
	/* A host that is rewritten is what TLS must ask for, too. */
	spec.sni = (char *)(ret->request.host ? ret->request.host : host);
	ret->cluster = resolve(node, &spec, field);
	return 0;
}

static void add_mirror(struct proxy_node *node, const struct target *t, Envoy__Config__Route__V3__RouteAction *action)
{
	Envoy__Config__Route__V3__RouteAction__RequestMirrorPolicy *m =
		ENVOY_NEW(node->a, Envoy__Config__Route__V3__RouteAction__RequestMirrorPolicy,
			  ENVOY__CONFIG__ROUTE__V3__ROUTE_ACTION__REQUEST_MIRROR_POLICY__INIT);

	m->cluster = (char *)t->cluster;
	m->runtime_fraction = ENVOY_NEW(node->a, Envoy__Config__Core__V3__RuntimeFractionalPercent,
					ENVOY__CONFIG__CORE__V3__RUNTIME_FRACTIONAL_PERCENT__INIT);
	m->runtime_fraction->default_value =
		ENVOY_NEW(node->a, Envoy__Type__V3__FractionalPercent, ENVOY__TYPE__V3__FRACTIONAL_PERCENT__INIT);
	m->runtime_fraction->default_value->numerator =
		t->service->weight > 0 && t->service->weight < 100 ? (uint32_t)t->service->weight : 100;
	action->n_request_mirror_policies = 1;
	action->request_mirror_policies = arena_memdup(node->a, &m, sizeof(m));
}

/* max: of one, so that Envoy can add them up in 32 bits. */
static ClusterWeight *weigh(struct proxy_node *node, const struct target *t, bool all_zero, int64_t max)
{
	ClusterWeight *w = ENVOY_NEW(node->a, ClusterWeight,
				     ENVOY__CONFIG__ROUTE__V3__WEIGHTED_CLUSTER__CLUSTER_WEIGHT__INIT);
	int64_t weight = MAX(t->service->weight, (int64_t)0);
	struct proxy_filters filters = { 0 };

	w->name = (char *)t->cluster;
	w->weight = envoy_uint32(node->a, all_zero ? 1 : (uint32_t)MIN(weight, max));
	proxy_headers_encode(&t->request, &t->response, w);
	proxy_filter_cookies(node->a, &t->cookies, &filters);
	proxy_filter_cluster(node->a, &filters, w);
	return w;
}

static bool is_plain(const struct target *t)
{
	return proxy_headers_none(&t->request) && proxy_headers_none(&t->response) && !t->cookies.n;
}

static int compare_weights(const void *a, const void *b)
{
	const ClusterWeight *x = *(ClusterWeight *const *)a, *y = *(ClusterWeight *const *)b;
	int d = strcmp(x->name, y->name);

	return d ? d : (x->weight->value > y->weight->value) - (x->weight->value < y->weight->value);
}

static void go_to(struct proxy_node *node, const struct target *targets, size_t n,
		  Envoy__Config__Route__V3__RouteAction *action)
{
	Envoy__Config__Route__V3__WeightedCluster *w;
	int64_t total = 0;

	if (n == 1 && is_plain(targets)) {
		action->cluster_specifier_case =
			ENVOY__CONFIG__ROUTE__V3__ROUTE_ACTION__CLUSTER_SPECIFIER_CLUSTER;
		action->cluster = (char *)targets[0].cluster;
		return;
	}
	for (size_t i = 0; i < n; i++)
		total += MAX(targets[i].service->weight, (int64_t)0);
	w = ENVOY_NEW(node->a, Envoy__Config__Route__V3__WeightedCluster,
		      ENVOY__CONFIG__ROUTE__V3__WEIGHTED_CLUSTER__INIT);
	w->clusters = arena_new_of(node->a, ClusterWeight *, n);
	for (size_t i = 0; i < n; i++)
		w->clusters[w->n_clusters++] = weigh(node, &targets[i], total == 0, UINT32_MAX / (int64_t)n);
	qsort(w->clusters, n, sizeof(*w->clusters), compare_weights);
	action->cluster_specifier_case =
		ENVOY__CONFIG__ROUTE__V3__ROUTE_ACTION__CLUSTER_SPECIFIER_WEIGHTED_CLUSTERS;
	action->weighted_clusters = w;
}

void proxy_upstream_plan(struct proxy_node *node, const K8s__ProxyRoute *route, struct proxy_route *ret)
{
	struct target *targets = arena_new_of(node->a, struct target, route->n_services), t;
	size_t n = 0, mirrors = 0;

	for (size_t i = 0; i < route->n_services; i++) {
		const K8s__ProxyService *s = route->services[i];
		const char *place = arena_printf(node->a, "%s.services[%zu]", ret->field, i);

		if (s->mirror && mirrors++) {
			proxy_error(node, "ServiceError/OnlyOneMirror", place,
				    "there may be one mirror in a route only");
			return;
		}
		if (plan_target(node, route, s, place, ret, &t) < 0)
			return;
		if (t.cluster && s->mirror)
			add_mirror(node, &t, ret->route->route);
		else if (t.cluster)
			targets[n++] = t;
		ret->rewrites_cookies |= t.cookies.n > 0;
	}
	if (n)
		go_to(node, targets, n, ret->route->route);
	else
		*ret->route = *envoy_route_answer(node->a, 503, NULL);
}
