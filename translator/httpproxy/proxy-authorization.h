/* External authorization of an HTTPProxy's host, and of its routes. */
#pragma once

#include "translator/httpproxy/proxy.h"
#include "translator/model/message.h"
#include "translator/policy/authorization.h"

/* The host's, for all nodes of its tree. */
struct proxy_authorization {
	ModelAuthorization *own; /* NULL: the configuration's, if any */
	bool global;             /* the configuration has one, which plain HTTP is asked about */
	bool use_http;
	struct authorization_policy policy; /* for routes without one of their own */
};

/* -EINVAL: said in the status, and the host must not be served. */
int proxy_authorization_plan(struct proxy_node *node, const K8s__HTTPProxySpec *spec,
			     struct proxy_authorization *ret);
/* Sets the filter of a route that is else complete. -EINVAL: said in the status. */
int proxy_authorization_route(struct proxy_node *node, const K8s__ProxyAuthPolicy *desired,
			      struct route *ret);
