/* cookieRewritePolicies of a route and of its services. */
#pragma once

#include "translator/httpproxy/proxy.h"

/* -EINVAL: said in the node's status. */
int proxy_cookie_parse(struct proxy_node *node, K8s__ProxyCookieRewrite *const *specs, size_t n,
		       const char *field, struct cookie_rules *ret);
/* Attribute by attribute: the inner rule (a service's) wins. */
void proxy_cookie_merge(struct arena *a, const struct cookie_rules *outer,
			const struct cookie_rules *inner, struct cookie_rules *ret);
