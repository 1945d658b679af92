/* Policies of an HTTPProxy's virtual host and routes besides routing. */
#pragma once

#include "translator/graph/graph.h"
#include "translator/httpproxy/proxy.h"
#include "translator/model/message.h"

/* Each reports faults in the node's status, and returns -EINVAL. */
int proxy_filter_cors(struct proxy_node *node, const K8s__ProxyCORS *desired,
		      struct route_filters *ret);
/* host: the one in which the tokens are counted. reason: Contour's word for an error. */
int proxy_filter_limit(struct proxy_node *node, const K8s__ProxyRateLimit *desired,
		       const char *host, const char *reason, const char *field,
		       struct route_filters *ret);
/* proxy-rate-limit.c: the descriptors for the configuration's rate limit service: a host's, with
 * the configuration's default, and a route's. */
int proxy_rate_limit_host(struct proxy_node *node, const K8s__ProxyGlobalRateLimit *desired,
			  struct route_filters *ret);
int proxy_rate_limit_route(struct proxy_node *node, const K8s__ProxyGlobalRateLimit *desired,
			   const char *field, bool forwards, struct route_filters *ret);
int proxy_filter_addresses(struct proxy_node *node, K8s__ProxyIPFilter *const *allow,
			   size_t n_allow, K8s__ProxyIPFilter *const *deny, size_t n_deny,
			   const char *field, struct route_filters *ret);
