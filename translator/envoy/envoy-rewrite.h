/* Rewriting of paths, for requests that are forwarded and for redirects. */
#pragma once

#include "translator/envoy/envoy.h"
#include "translator/model/route.h"

/* One of both; neither: the path stays. */
struct envoy_rewrite {
	char *prefix;
	EnvoyRegexMatchAndSubstitute *regex;
};

struct envoy_rewrite envoy_rewrite(struct arena *a, const struct route_match *match,
				   const struct rewrite *rewrite);
EnvoyRegexMatchAndSubstitute *envoy_substitute(struct arena *a, const char *pattern,
					       const char *text);
