/* What annotations of an Ingress say about its routes and its TLS. */
#pragma once

#include "translator/units.h"

struct ingress_options {
	const char *websocket_paths; /* a list with commas, or NULL */
	Google__Protobuf__Duration *timeout;
	Envoy__Config__Route__V3__RetryPolicy *retry;
	uint32_t min_tls, max_tls; /* 2 for TLS 1.2, 3 for 1.3, 0 for the default */
	bool tls_bad;		   /* no version is between the two */
};

/* What cannot be read is left out with a warning in the Ingress's status. */
void ingress_options_read(struct reader *r, const char *key, const K8s__ObjectMeta *meta,
			  struct ingress_options *ret);
/* path: as it is written in the rule. */
void ingress_options_apply(struct arena *a, const struct ingress_options *o, const char *path,
			   Envoy__Config__Route__V3__Route *route);
