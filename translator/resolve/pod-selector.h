/* Pods by their labels, without a watch on pods: a Service with the same selector has them in its
 * EndpointSlices. */
#pragma once

#include "k8s/gateway-experimental.pb-c.h"
#include "translator/graph/graph.h"

/* Precedes "namespace/service/port" in the names of such endpoints: all addresses in the Service's
 * slices, with this port. */
#define SELECTED_PODS "pods:"

/* Index: Services by their namespace and their whole selector. */
int pod_selector_index(const struct item *object, struct arena *scratch, const char **ret_key);
/* The oldest Service of the namespace with exactly this selector, as "namespace/name", or NULL. */
const char *pod_selector_service(struct reader *r, const char *namespace,
				 const K8s__XBackendEndpointSelector *selector);
/* "app=web,tier=front", cut if it is long, for people. */
const char *pod_selector_text(struct arena *a, const K8s__XBackendEndpointSelector *selector);
