/* Global rate limits: the service that counts, and its descriptors. */
#pragma once

#include "k8s/projectcontour.pb-c.h"
#include "proto/model.pb-c.h"
#include "translator/graph/graph.h"
#include "translator/model/filters.h"
#include "translator/model/message.h"

/* The configuration's, or NULL. */
ModelRateLimits *rate_limit_service(struct reader *r);

/* The descriptors of a policy. -EINVAL with the field, below the policy, and a sentence. */
int rate_limit_read(struct arena *a, const K8s__ProxyGlobalRateLimit *from, struct rate_limits *ret,
		    const char **ret_field, const char **ret_why);
