/* cookieRewritePolicies of a route and of its services. */
#pragma once

#include "translator/proxy.h"

/* -EINVAL: said in the node's status. */
int proxy_cookie_parse(struct proxy_node *node, K8s__ProxyCookieRewrite *const *wishes, size_t n,
		       const char *field, struct cookie_rules *ret);
/* Attribute by attribute: what the inner one (a service's) says counts. */
void proxy_cookie_merge(struct arena *a, const struct cookie_rules *outer, const struct cookie_rules *inner,
			struct cookie_rules *ret);
