/* Global rate limits: the service that counts, and what it counts by. */
#pragma once

#include "translator/units.h"

/* The configuration's, or NULL. */
Portolan__Model__RateLimits *rate_limit_service(struct reader *r);

/* Descriptors as Envoy's. -EINVAL with the field, below the wish, and a sentence. */
int rate_limit_read(struct arena *a, const K8s__ProxyGlobalRateLimit *wish, Envoy__Config__Route__V3__RateLimit ***ret,
		    size_t *ret_n, const char **ret_field, const char **ret_why);
