/* Conditions on headers, as HTTPProxies and the configuration write them. */
#pragma once

#include "k8s/projectcontour.pb-c.h"
#include "translator/model/match.h"

/* One condition on a header; -EINVAL with a sentence; 1 if it names no condition. */
int header_match_parse(struct arena *a, const K8s__ProxyHeaderMatch *h, struct value_match *ret,
		       const char **ret_why);
/* Whether RE2 takes the pattern; if not, returns a sentence. what, name: of the condition, for the
 * sentence. */
bool header_match_check_regex(struct arena *a, const char *pattern, const char *what,
			      const char *name, const char **ret_why);
