/* Headers that an HTTPProxy, or the configuration's `policy` for all Services, sets and removes
 * in requests and responses. */
#pragma once

#include "k8s/contour-configuration.pb-c.h"
#include "k8s/projectcontour.pb-c.h"
#include "translator/model/header-edits.h"

/* The values of our own variables (CONTOUR_NAMESPACE…); NULL: the variable is unknown here. */
struct header_context {
	const char *namespace;
	const char *service;
	const char *port;
};

/* The edits that an HTTPProxy lists. response: Host is not allowed. -EINVAL with a sentence. */
int header_policy_parse(struct arena *a, const struct header_context *c,
			const K8s__ProxyHeaders *policy, bool response, struct header_edits *ret,
			const char **ret_why);
/* Adds the configuration's headers for all routes, unless the route edits the same header. */
void header_policy_default(struct arena *a, const struct header_context *c,
			   const K8s__ConfigHeaders *all, struct header_edits *ret);
