/* Global rate limits of an HTTPProxy: what the configuration's service counts by. Runs in the translator. */
#include <errno.h>

#include "translator/proxy-filter.h"
#include "translator/rate-limit.h"

/* Contour's words differ for hosts and routes. What is wrong is told whether there is a service or not. */
static int read_wish(struct proxy_node *node, const K8s__ProxyGlobalRateLimit *wish, const char *reason,
		     const char *field, struct proxy_filters *ret)
{
	const char *below, *why;

	if (rate_limit_read(node->a, wish, &ret->limits, &ret->n_limits, &below, &why) == 0)
		return 0;
	proxy_error(node, reason, arena_printf(node->a, "%s.%s", field, below), "%s", why);
	return -EINVAL;
}

static bool there_is_service(struct proxy_node *node, const char *field, struct proxy_filters *ret)
{
	if (units_config(node->r)->rate_limit_service)
		return true;
	if (ret->n_limits)
		proxy_warning(node, "SpecError/IgnoredField", field,
			      "there is no rateLimitService in the configuration");
	ret->n_limits = 0;
	return false;
}

int proxy_rate_limit_host(struct proxy_node *node, const K8s__ProxyGlobalRateLimit *wish, struct proxy_filters *ret)
{
	const char *field = "spec.virtualhost.rateLimitPolicy.global", *below, *why;
	const K8s__ProxyGlobalRateLimit *otherwise;

	if (wish && read_wish(node, wish, "VirtualHostError/RateLimitPolicyNotValid", field, ret) < 0)
		return -EINVAL;
	if (!there_is_service(node, field, ret) || ret->n_limits || (wish && wish->disabled))
		return 0;
	otherwise = units_config(node->r)->rate_limit_service->default_global_rate_limit_policy;
	/* What is wrong with it is told once, of the configuration. */
	if (otherwise && !otherwise->disabled &&
	    rate_limit_read(node->a, otherwise, &ret->limits, &ret->n_limits, &below, &why) < 0)
		ret->n_limits = 0;
	return 0;
}

int proxy_rate_limit_route(struct proxy_node *node, const K8s__ProxyGlobalRateLimit *wish, const char *field,
			   bool forwards, struct proxy_filters *ret)
{
	if (!wish)
		return 0;
	if (read_wish(node, wish, "RouteError/RateLimitPolicyNotValid", field, ret) < 0)
		return -EINVAL;
	if (!there_is_service(node, field, ret))
		return 0;
	if (ret->n_limits && !forwards)
		proxy_warning(node, "SpecError/IgnoredField", field,
			      "Envoy asks for limits only of what it forwards, not of what it answers itself");
	if (wish->disabled) {
		ret->names[ret->n] = ENVOY_RATE_LIMIT;
		ret->configs[ret->n++] = envoy_rate_limit_off(node->a);
	}
	return 0;
}
