/* The conditions of a route of an HTTPProxy: its own and those of all includes above it. */
#pragma once

#include "k8s/projectcontour.pb-c.h"
#include "translator/model/match.h"

/* A list of conditions, and the list of the include above it. */
struct proxy_conditions {
	K8s__ProxyCondition *const *all;
	size_t n;
	const struct proxy_conditions *outer;
};

/* Checks a single list: at most one path condition, with a leading slash. include: exact and
 * regex are not allowed. -EINVAL with a sentence. */
int proxy_condition_check_path(struct arena *a, const struct proxy_conditions *c, bool include,
			       const char **ret_why);
/* Merges the whole chain. -EINVAL with Contour's reason and a sentence. */
int proxy_condition_merge(struct arena *a, const struct proxy_conditions *c,
			  struct route_match *ret, const char **ret_reason, const char **ret_why);
