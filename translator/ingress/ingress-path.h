/* Paths of Ingress rules and how each type of them matches. */
#pragma once

#include "translator/model/match.h"

struct ingress_path {
	enum path_kind kind;
	const char *path; /* without a slash at the end where it does not count */
};

/* type: spec.rules[].http.paths[].pathType, NULL if not given. -EINVAL with a sentence in *ret_why.
 */
int ingress_path_parse(struct arena *a, const char *type, const char *path,
		       struct ingress_path *ret, const char **ret_why);
