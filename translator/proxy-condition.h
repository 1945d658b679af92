/* What a request must be like for a route of an HTTPProxy: its own conditions and those of all includes
 * above it. */
#pragma once

#include "k8s/projectcontour.pb-c.h"
#include "translator/envoy.h"

enum match_operator {
	MATCH_EXACT,
	MATCH_REGEX,
	MATCH_PREFIX,
	MATCH_SUFFIX,
	MATCH_CONTAINS,
	MATCH_PRESENT,
};

/* Of a header or of a query parameter. */
struct value_match {
	const char *name; /* headers: lower case */
	enum match_operator op;
	const char *value;
	bool ignore_case;
	bool invert;
	bool missing_as_empty;
};

struct proxy_match {
	enum path_kind kind;
	const char *path;
	struct value_match *headers; /* sorted */
	size_t n_headers;
	struct value_match *queries; /* sorted */
	size_t n_queries;
	/* All headers and queries as text: equal for equal conditions, and an order among different. */
	const char *text;
};

/* A list of conditions, and those of the include above it. */
struct proxy_conditions {
	K8s__ProxyCondition *const *all;
	size_t n;
	const struct proxy_conditions *outer;
};

/* Of one list alone: at most one path condition, with a leading slash. include: exact and regex are not
 * allowed. -EINVAL with a sentence. */
int proxy_condition_check_path(const struct proxy_conditions *c, bool include, const char **ret_why);
/* Merges the whole chain. -EINVAL with Contour's reason and a sentence. */
int proxy_condition_merge(struct arena *a, const struct proxy_conditions *c, struct proxy_match *ret,
			  const char **ret_reason, const char **ret_why);
/* A header's name (RFC 9110, section 5.1). */
bool proxy_condition_is_token(const char *s);
/* Writes the match into an Envoy route. */
void proxy_condition_encode(struct arena *a, const struct proxy_match *m,
			    Envoy__Config__Route__V3__RouteMatch *ret);
Envoy__Config__Route__V3__HeaderMatcher *proxy_condition_header(struct arena *a,
								const struct value_match *m);
/* One header condition; -EINVAL with a sentence; 1 if it says nothing. */
int proxy_condition_parse_header(struct arena *a, const K8s__ProxyHeaderMatch *h, struct value_match *ret,
				 const char **ret_why);
