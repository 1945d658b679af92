/* Conditions of routes as Envoy has them. */
#include <stdlib.h>
#include <string.h>

#include "common/base/strbuf.h"
#include "translator/envoy/envoy-forward.h"
#include "translator/envoy/envoy-match.h"

EnvoyRegexMatcher *envoy_regex(struct arena *a, const char *pattern)
{
	EnvoyRegexMatcher *m = message_new(a, EnvoyRegexMatcher);

	m->regex = (char *)pattern;
	return m;
}

static EnvoyStringMatcher *string_matcher(struct arena *a, const struct value_match *m)
{
	EnvoyStringMatcher *s = message_new(a, EnvoyStringMatcher);
	char *value = (char *)m->value;

	s->ignore_case = m->ignore_case;
	switch (m->op) {
	case MATCH_REGEX:
		s->match_pattern_case = EnvoyStringMatcher__MATCH_PATTERN_SAFE_REGEX;
		s->safe_regex = envoy_regex(a, value);
		break;
	case MATCH_PREFIX:
		s->match_pattern_case = EnvoyStringMatcher__MATCH_PATTERN_PREFIX;
		s->prefix = value;
		break;
	case MATCH_SUFFIX:
		s->match_pattern_case = EnvoyStringMatcher__MATCH_PATTERN_SUFFIX;
		s->suffix = value;
		break;
	case MATCH_CONTAINS:
		s->match_pattern_case = EnvoyStringMatcher__MATCH_PATTERN_CONTAINS;
		s->contains = value;
		break;
	case MATCH_EXACT:
	case MATCH_PRESENT:
	case MATCH_ABOVE:
		s->match_pattern_case = EnvoyStringMatcher__MATCH_PATTERN_EXACT;
		s->exact = value;
		break;
	}
	return s;
}

EnvoyHeaderMatcher *envoy_header_matcher(struct arena *a, const struct value_match *m)
{
	EnvoyHeaderMatcher *h = message_new(a, EnvoyHeaderMatcher);

	h->name = (char *)m->name;
	h->invert_match = m->invert;
	h->treat_missing_header_as_empty = m->missing_as_empty;
	if (m->op == MATCH_ABOVE) {
		h->header_match_specifier_case =
			EnvoyHeaderMatcher__HEADER_MATCH_SPECIFIER_RANGE_MATCH;
		h->range_match = message_new(a, EnvoyInt64Range);
		h->range_match->start = strtoll(m->value, NULL, 10) + 1;
		h->range_match->end = INT64_MAX;
	} else if (m->op == MATCH_PRESENT) {
		h->header_match_specifier_case =
			EnvoyHeaderMatcher__HEADER_MATCH_SPECIFIER_PRESENT_MATCH;
		h->present_match = true;
	} else {
		h->header_match_specifier_case =
			EnvoyHeaderMatcher__HEADER_MATCH_SPECIFIER_STRING_MATCH;
		h->string_match = string_matcher(a, m);
	}
	return h;
}

static EnvoyQueryParameterMatcher *query_matcher(struct arena *a, const struct value_match *m)
{
	EnvoyQueryParameterMatcher *q = message_new(a, EnvoyQueryParameterMatcher);

	q->name = (char *)m->name;
	if (m->op == MATCH_PRESENT) {
		q->query_parameter_match_specifier_case =
			EnvoyQueryParameterMatcher__QUERY_PARAMETER_MATCH_SPECIFIER_PRESENT_MATCH;
		q->present_match = true;
	} else {
		q->query_parameter_match_specifier_case =
			EnvoyQueryParameterMatcher__QUERY_PARAMETER_MATCH_SPECIFIER_STRING_MATCH;
		q->string_match = string_matcher(a, m);
	}
	return q;
}

/* Envoy's domain "*.example.com" takes any number of labels for the star, Kubernetes exactly one
 * (networking.k8s.io/v1, IngressRule.host): the rest is a match on the authority. */
static EnvoyHeaderMatcher *match_one_label(struct arena *a, const char *host)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	struct value_match m = { .name = ":authority", .op = MATCH_REGEX };

	strbuf_puts(&b, "(?i)[^.:]+");
	for (const char *p = host + 1; *p; p++) {
		if (*p == '.')
			strbuf_putc(&b, '\\');
		strbuf_putc(&b, *p);
	}
	strbuf_puts(&b, "(:[0-9]+)?");
	m.value = arena_strdup(a, strbuf_str(&b));
	return envoy_header_matcher(a, &m);
}

static void set_path(struct arena *a, const struct route_match *from, EnvoyRouteMatch *m)
{
	char *path = (char *)from->path;

	switch (from->kind) {
	case PATH_EXACT:
		m->path_specifier_case = EnvoyRouteMatch__PATH_SPECIFIER_PATH;
		m->path = path;
		break;
	case PATH_REGEX:
		m->path_specifier_case = EnvoyRouteMatch__PATH_SPECIFIER_SAFE_REGEX;
		m->safe_regex =
			envoy_regex(a, from->ignore_case ? arena_printf(a, "(?i)%s", path) : path);
		return;
	case PATH_SEGMENTS:
		m->path_specifier_case = EnvoyRouteMatch__PATH_SPECIFIER_PATH_SEPARATED_PREFIX;
		m->path_separated_prefix = path;
		break;
	case PATH_PREFIX:
		m->path_specifier_case = EnvoyRouteMatch__PATH_SPECIFIER_PREFIX;
		m->prefix = path;
		break;
	}
	if (from->ignore_case)
		m->case_sensitive = envoy_bool(a, false);
}

static EnvoyRouteMatchTlsContextMatchOptions *match_client(struct arena *a,
							   enum client_certificate client)
{
	EnvoyRouteMatchTlsContextMatchOptions *m;

	if (client == CLIENT_ANY)
		return NULL;
	m = message_new(a, EnvoyRouteMatchTlsContextMatchOptions);
	m->presented = envoy_bool(a, client == CLIENT_UNVERIFIED);
	if (client == CLIENT_UNVERIFIED)
		m->validated = envoy_bool(a, false);
	return m;
}

EnvoyRouteMatch *envoy_route_match(struct arena *a, const char *host, bool one_label,
				   const struct route_match *from)
{
	EnvoyRouteMatch *m = message_new(a, EnvoyRouteMatch);
	struct value_match method = { .name = ":method", .op = MATCH_EXACT, .value = from->method };

	set_path(a, from, m);
	m->headers = arena_new_of(a, EnvoyHeaderMatcher *, from->n_headers + 2);
	if (one_label && host[0] == '*' && host[1] == '.')
		m->headers[m->n_headers++] = match_one_label(a, host);
	if (from->method)
		m->headers[m->n_headers++] = envoy_header_matcher(a, &method);
	for (size_t i = 0; i < from->n_headers; i++)
		m->headers[m->n_headers++] = envoy_header_matcher(a, &from->headers[i]);
	m->n_query_parameters = from->n_queries;
	m->query_parameters = arena_new_of(a, EnvoyQueryParameterMatcher *, from->n_queries + 1);
	for (size_t i = 0; i < from->n_queries; i++)
		m->query_parameters[i] = query_matcher(a, &from->queries[i]);
	if (from->grpc)
		m->grpc = message_new(a, EnvoyRouteMatchGrpcRouteMatchOptions);
	m->tls_context = match_client(a, from->client);
	if (from->share)
		m->runtime_fraction = envoy_fraction(a, from->share, 1000000);
	return m;
}
