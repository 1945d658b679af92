/* Global rate limits of an HTTPProxy: the descriptors for the configuration's service. */
#include <errno.h>

#include "translator/httpproxy/proxy-filter.h"
#include "translator/policy/rate-limit.h"
#include "translator/resolve/config.h"
#include "translator/resolve/path-unmatched.h"

/* A descriptor is sent only if all of its entries can be made. */
static void look_at_headers(struct proxy_node *node, const K8s__ProxyGlobalRateLimit *desired,
			    const char *field)
{
	for (size_t i = 0; i < desired->n_descriptors; i++)
		for (size_t k = 0; k < desired->descriptors[i]->n_entries; k++) {
			const K8s__ProxyRequestHeaderKey *h =
				desired->descriptors[i]->entries[k]->request_header;
			const char *why = h ? header_unseen(node->r, h->header_name) : NULL;

			if (why)
				proxy_warning(node, "SpecError/IgnoredField",
					      arena_printf(node->a,
							   "%s.descriptors[%zu].entries[%zu]."
							   "requestHeader.headerName",
							   field, i, k),
					      "the descriptor is never sent: %s", why);
		}
}

/* Contour's words differ for hosts and routes. Faults are reported whether there is a service or
 * not. */
static int read_desired(struct proxy_node *node, const K8s__ProxyGlobalRateLimit *desired,
			const char *reason, const char *field, struct route_filters *ret)
{
	const char *below, *why;

	if (rate_limit_read(node->a, desired, &ret->rate_limits, &below, &why) == 0) {
		look_at_headers(node, desired, field);
		return 0;
	}
	proxy_error(node, reason, arena_printf(node->a, "%s.%s", field, below), "%s", why);
	return -EINVAL;
}

static bool there_is_service(struct proxy_node *node, const char *field, struct route_filters *ret)
{
	if (config_read(node->r)->rate_limit_service)
		return true;
	if (ret->rate_limits.n)
		proxy_warning(node, "SpecError/IgnoredField", field,
			      "there is no rateLimitService in the configuration");
	ret->rate_limits.n = 0;
	return false;
}

int proxy_rate_limit_host(struct proxy_node *node, const K8s__ProxyGlobalRateLimit *desired,
			  struct route_filters *ret)
{
	const char *field = "spec.virtualhost.rateLimitPolicy.global", *below, *why;
	const K8s__ProxyGlobalRateLimit *otherwise;

	if (desired &&
	    read_desired(node, desired, "VirtualHostError/RateLimitPolicyNotValid", field, ret) < 0)
		return -EINVAL;
	if (!there_is_service(node, field, ret) || ret->rate_limits.n ||
	    (desired && desired->disabled))
		return 0;
	otherwise = config_read(node->r)->rate_limit_service->default_global_rate_limit_policy;
	/* A fault of the service is reported once, in the configuration's status. */
	if (otherwise && !otherwise->disabled &&
	    rate_limit_read(node->a, otherwise, &ret->rate_limits, &below, &why) < 0)
		ret->rate_limits.n = 0;
	return 0;
}

int proxy_rate_limit_route(struct proxy_node *node, const K8s__ProxyGlobalRateLimit *desired,
			   const char *field, bool forwards, struct route_filters *ret)
{
	if (!desired)
		return 0;
	if (read_desired(node, desired, "RouteError/RateLimitPolicyNotValid", field, ret) < 0)
		return -EINVAL;
	if (!there_is_service(node, field, ret))
		return 0;
	if (ret->rate_limits.n && !forwards)
		proxy_warning(node, "SpecError/IgnoredField", field,
			      "Envoy asks for limits only of what it forwards, not of what it "
			      "answers itself");
	ret->rate_limits_off = desired->disabled;
	return 0;
}
