/* Services as ingress-nginx's Ingresses name them. */
#pragma once

#include "translator/nginx/nginx-plan.h"

/* "namespace/service:port": Ingresses with the same upstream find each other by it. */
const char *nginx_upstream_key(struct arena *a, const char *namespace,
			       const K8s__IngressServiceBackend *b);
/* The oldest Ingress with the Service and port of the path: its annotations decide the settings of
 * the Service (affinity, hashing, balancing). */
const struct nginx_ingress *nginx_upstream_first(struct nginx_plan *p,
						 const struct nginx_source *s);
/* The last Ingress with affinity among those that have the Service; the path's own has it. */
const struct nginx_ingress *nginx_upstream_affine(struct nginx_plan *p,
						  const struct nginx_source *s);
/* The same Service for TLS connections that are passed on as they come. */
const char *nginx_upstream_raw(struct nginx_plan *p, const struct nginx_source *s);
/* "name" or "namespace/name" of a Secret or ConfigMap as "namespace/name". NULL with a sentence if
 * it is in another namespace and the ConfigMap does not allow that. */
const char *nginx_reference(struct nginx_plan *p, const struct nginx_ingress *in, const char *text,
			    const char **ret_why);
