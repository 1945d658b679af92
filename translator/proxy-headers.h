/* What is set and removed of a request's or an answer's headers, by an HTTPProxy or by the configuration's
 * `policy`, which is for all Services. */
#pragma once

#include "translator/envoy.h"

struct header_policy {
	Envoy__Config__Core__V3__HeaderValueOption **set; /* sorted */
	size_t n_set;
	char **remove; /* sorted */
	size_t n_remove;
	const char *host;	 /* literal, or NULL */
	const char *host_header; /* name of the header that holds it, or NULL */
};

/* What is set elsewhere, or by variables of ours: CONTOUR_NAMESPACE… */
struct header_context {
	const char *namespace;
	const char *service; /* or NULL */
	const char *port;
};

/* Adds what the configuration has for all, where nothing else is said of the header. */
void proxy_headers_default(struct arena *a, const struct header_context *c, const K8s__ConfigHeaders *all,
			   struct header_policy *ret);
bool proxy_headers_none(const struct header_policy *p);
void proxy_headers_encode(const struct header_policy *request, const struct header_policy *response,
			  Envoy__Config__Route__V3__WeightedCluster__ClusterWeight *ret);
