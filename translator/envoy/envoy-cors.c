/* Cross-origin resource sharing. */
#include <string.h>

#include "envoy/extensions/filters/http/cors/v3/cors.pb-c.h"
#include "translator/envoy/envoy-match.h"
#include "translator/envoy/envoy-route-filter.h"

static EnvoyStringMatcher *origin(struct arena *a, const struct cors_origin *o)
{
	EnvoyStringMatcher *m = message_new(a, EnvoyStringMatcher);

	if (o->op == MATCH_REGEX) {
		m->match_pattern_case = EnvoyStringMatcher__MATCH_PATTERN_SAFE_REGEX;
		m->safe_regex = envoy_regex(a, o->text);
		return m;
	}
	m->match_pattern_case = EnvoyStringMatcher__MATCH_PATTERN_EXACT;
	m->exact = (char *)o->text;
	m->ignore_case = o->ignore_case;
	return m;
}

GoogleAny *envoy_cors(struct arena *a, const struct cors *c)
{
	EnvoyCorsPolicy p = EnvoyCorsPolicy__INIT;

	p.allow_origin_string_match = arena_new_of(a, EnvoyStringMatcher *, c->n_origins + 1);
	for (size_t i = 0; i < c->n_origins; i++)
		p.allow_origin_string_match[p.n_allow_origin_string_match++] =
			origin(a, &c->origins[i]);
	if (c->allow_methods)
		p.allow_methods = (char *)c->allow_methods;
	if (c->allow_headers)
		p.allow_headers = (char *)c->allow_headers;
	if (c->expose_headers)
		p.expose_headers = (char *)c->expose_headers;
	if (c->max_age)
		p.max_age = (char *)c->max_age;
	p.allow_credentials = envoy_bool(a, c->allow_credentials);
	p.allow_private_network_access = envoy_bool(a, c->allow_private_network);
	if (c->refuse_other_preflights)
		p.forward_not_matching_preflights = envoy_bool(a, false);
	return envoy_any(a, "envoy.extensions.filters.http.cors.v3.CorsPolicy", &p.base);
}
