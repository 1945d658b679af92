/* External authorization of an HTTPProxy's host, and of its routes. */
#pragma once

#include "translator/authorization.h"
#include "translator/proxy.h"

/* The host's, for all nodes of its tree. */
struct proxy_authorization {
	Portolan__Model__Authorization *own; /* NULL: the configuration's, if any */
	bool global;			     /* the configuration has one, which plain HTTP is asked about */
	bool use_http;
	struct authorization_policy policy; /* of routes that say nothing */
};

/* -EINVAL: said in the status, and the host must not be served. */
int proxy_authorization_plan(struct proxy_node *node, const K8s__HTTPProxySpec *spec,
			     struct proxy_authorization *ret);
/* Sets the filter of a route that is else complete. -EINVAL: said in the status. */
int proxy_authorization_route(struct proxy_node *node, const K8s__ProxyAuthPolicy *wish, struct proxy_route *ret);
/* A redirection to HTTPS may be had without asking. */
void proxy_authorization_exempt(const struct proxy_node *node, Envoy__Config__Route__V3__Route *ret);
