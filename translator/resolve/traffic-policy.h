/* XBackendTrafficPolicies: retries of requests to a Service, and its sessions (GEP-3388, GEP-1619).
 * Experimental. */
#pragma once

#include "k8s/gateway-experimental.pb-c.h"
#include "translator/graph/graph.h"
#include "translator/model/cluster.h"

/* Precedes the policy's key in FACT_POLICY_USE. */
#define TRAFFIC_POLICY "XBackendTrafficPolicy "

struct traffic_policy {
	const char *key;
	const K8s__XBackendTrafficPolicy *object;
};

/* Index: policies by their namespace. */
int traffic_policy_index(const struct item *object, struct arena *scratch, const char **ret_key);
/* The policies of the namespace that have the Service as a target, the older first, which holds. */
struct traffic_policy *traffic_policies_read(struct reader *r, const char *namespace,
					     const char *service, size_t *ret_n);
/* The retries that the policy allows. */
void traffic_policy_limit(const K8s__XBackendTrafficPolicy *p, struct upstream_limits *ret);
