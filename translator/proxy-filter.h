/* Policies of an HTTPProxy's virtual host and routes that Envoy's HTTP filters carry out: each is the
 * configuration of a filter, by its name, for this virtual host or route alone. */
#pragma once

#include "translator/proxy.h"

#define PROXY_FILTERS_MAX 8

struct proxy_filters {
	const char *names[PROXY_FILTERS_MAX];
	Google__Protobuf__Any *configs[PROXY_FILTERS_MAX];
	size_t n;
	Envoy__Config__Route__V3__RateLimit **limits; /* global ones; fields of their own, not a filter's */
	size_t n_limits;
};

/* Borrowed. */
void proxy_filters_add(struct proxy_filters *f, const char *name, Google__Protobuf__Any *config);

/* Each says in the node's status what is wrong, and returns -EINVAL. */
int proxy_filter_cors(struct proxy_node *node, const K8s__ProxyCORS *wish, struct proxy_filters *ret);
/* host: in which the tokens are counted. reason: Contour's word for an error. */
int proxy_filter_limit(struct proxy_node *node, const K8s__ProxyRateLimit *wish, const char *host,
		       const char *reason, const char *field, struct proxy_filters *ret);
/* proxy-rate-limit.c: what the configuration's rate limit service counts by: of the host, with the
 * configuration's default; of a route. */
int proxy_rate_limit_host(struct proxy_node *node, const K8s__ProxyGlobalRateLimit *wish,
			  struct proxy_filters *ret);
int proxy_rate_limit_route(struct proxy_node *node, const K8s__ProxyGlobalRateLimit *wish, const char *field,
			   bool forwards, struct proxy_filters *ret);
int proxy_filter_addresses(struct proxy_node *node, K8s__ProxyIPFilter *const *allow, size_t n_allow,
			   K8s__ProxyIPFilter *const *deny, size_t n_deny, const char *field,
			   struct proxy_filters *ret);

void proxy_filter_cookies(struct arena *a, const struct cookie_rules *rules, struct proxy_filters *ret);

/* Sets them on a route, or on one of the clusters that it goes to. */
void proxy_filter_route(struct arena *a, const struct proxy_filters *f, Envoy__Config__Route__V3__Route *ret);
void proxy_filter_cluster(struct arena *a, const struct proxy_filters *f,
			  Envoy__Config__Route__V3__WeightedCluster__ClusterWeight *ret);
/* As encoded fields of a VirtualHost, to go behind its routes. */
ProtobufCBinaryData proxy_filter_host(struct reader *r, const struct proxy_filters *f);
