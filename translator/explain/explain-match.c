/* Whether a request meets a route, by Envoy's rules
 * (https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto), as
 * Envoy 1.40 applies them. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/strbuf.h"
#include "translator/check/regex.h"
#include "translator/explain/explain-internal.h"

/* ---- strings ---- */

static const char *find(const char *in, const char *what, bool ignore_case)
{
	size_t n = strlen(what);

	for (; strlen(in) >= n; in++)
		if ((ignore_case ? strncasecmp : strncmp)(in, what, n) == 0)
			return in;
	return NULL;
}

static bool ends_with(const char *s, const char *end, bool ignore_case)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && (ignore_case ? strcasecmp : strcmp)(s + n - m, end) == 0;
}

bool explain_string_matches(const EnvoyStringMatcher *m, const char *s)
{
	switch (m->match_pattern_case) {
	case EnvoyStringMatcher__MATCH_PATTERN_EXACT:
		return (m->ignore_case ? strcasecmp : strcmp)(m->exact, s) == 0;
	case EnvoyStringMatcher__MATCH_PATTERN_PREFIX:
		return (m->ignore_case ? strncasecmp : strncmp)(m->prefix, s, strlen(m->prefix)) ==
		       0;
	case EnvoyStringMatcher__MATCH_PATTERN_SUFFIX:
		return ends_with(s, m->suffix, m->ignore_case);
	case EnvoyStringMatcher__MATCH_PATTERN_CONTAINS:
		return find(s, m->contains, m->ignore_case) != NULL;
	case EnvoyStringMatcher__MATCH_PATTERN_SAFE_REGEX:
		return regex_matches(m->safe_regex->regex, s);
	default:
		return false;
	}
}

static const char *string_text(struct arena *a, const EnvoyStringMatcher *m)
{
	const char *word = "is", *value = "";

	switch (m->match_pattern_case) {
	case EnvoyStringMatcher__MATCH_PATTERN_EXACT:
		value = m->exact;
		break;
	case EnvoyStringMatcher__MATCH_PATTERN_PREFIX:
		word = "begins with";
		value = m->prefix;
		break;
	case EnvoyStringMatcher__MATCH_PATTERN_SUFFIX:
		word = "ends with";
		value = m->suffix;
		break;
	case EnvoyStringMatcher__MATCH_PATTERN_CONTAINS:
		word = "contains";
		value = m->contains;
		break;
	case EnvoyStringMatcher__MATCH_PATTERN_SAFE_REGEX:
		word = "matches";
		value = m->safe_regex->regex;
		break;
	default:
		break;
	}
	return arena_printf(a, "%s \"%s\"%s", word, value, m->ignore_case ? " in any case" : "");
}

/* ---- headers ---- */

static bool in_range(const EnvoyInt64Range *range, const char *s)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(s, &end, 10);
	return *s && !*end && !errno && n >= range->start && n < range->end;
}

static bool value_matches(const EnvoyHeaderMatcher *m, const char *s)
{
	switch (m->header_match_specifier_case) {
	case EnvoyHeaderMatcher__HEADER_MATCH_SPECIFIER_RANGE_MATCH:
		return in_range(m->range_match, s);
	case EnvoyHeaderMatcher__HEADER_MATCH_SPECIFIER_STRING_MATCH:
		return explain_string_matches(m->string_match, s);
	default:
		return true;
	}
}

/* A repeated header matches if one of its values does. */
static bool header_matches(const struct explain *e, const EnvoyHeaderMatcher *m)
{
	int how = m->header_match_specifier_case;
	bool presence = how != EnvoyHeaderMatcher__HEADER_MATCH_SPECIFIER_RANGE_MATCH &&
			how != EnvoyHeaderMatcher__HEADER_MATCH_SPECIFIER_STRING_MATCH;
	bool wanted = how != EnvoyHeaderMatcher__HEADER_MATCH_SPECIFIER_PRESENT_MATCH ||
		      m->present_match;
	const char **values;
	bool any = false;
	size_t n;

	values = explain_request_header(e, m->name, &n);
	if (presence && m->treat_missing_header_as_empty)
		return m->invert_match != wanted;
	if (presence)
		return ((n > 0) != (m->invert_match != 0)) == wanted;
	if (!n && !m->treat_missing_header_as_empty)
		return false;
	if (!n)
		any = value_matches(m, "");
	for (size_t i = 0; i < n; i++)
		any |= value_matches(m, values[i]);
	return any != m->invert_match;
}

/* A wildcard host covers one label: this is a condition on the authority, see envoy-route.c. */
static bool is_one_label(const EnvoyHeaderMatcher *m)
{
	return strcmp(m->name, ":authority") == 0 &&
	       m->header_match_specifier_case ==
		       EnvoyHeaderMatcher__HEADER_MATCH_SPECIFIER_STRING_MATCH &&
	       m->string_match->match_pattern_case ==
		       EnvoyStringMatcher__MATCH_PATTERN_SAFE_REGEX &&
	       strncmp(m->string_match->safe_regex->regex, "(?i)[^.:]+", 10) == 0;
}

static const char *header_text(struct arena *a, const EnvoyHeaderMatcher *m)
{
	const char *not = m->invert_match ? "not: " : "";

	switch (m->header_match_specifier_case) {
	case EnvoyHeaderMatcher__HEADER_MATCH_SPECIFIER_STRING_MATCH:
		if (is_one_label(m))
			return "the star stands for one label";
		return arena_printf(a, "header %s %s%s%s", m->name, not,
				    string_text(a, m->string_match),
				    m->treat_missing_header_as_empty ? " (empty if missing)" : "");
	case EnvoyHeaderMatcher__HEADER_MATCH_SPECIFIER_RANGE_MATCH:
		if (m->range_match->end == INT64_MAX)
			return arena_printf(a, "header %s %sis above %lld", m->name, not,
					    (long long)m->range_match->start - 1);
		return arena_printf(a, "header %s %sis from %lld to below %lld", m->name, not,
				    (long long)m->range_match->start,
				    (long long)m->range_match->end);
	default:
		return arena_printf(a, "header %s is %spresent", m->name,
				    m->invert_match ? "not " : "");
	}
}

/* ---- query parameters: not unescaped; of several with one name the first counts ---- */

static const char *query_value(const struct explain *e, const char *name)
{
	const char *p = strchr(e->request.path, '?');
	size_t len = strlen(name);

	for (p = p ? p + 1 : ""; *p;) {
		size_t n = strcspn(p, "&"), name_len = MIN(strcspn(p, "="), n);

		if (name_len == len && memcmp(p, name, len) == 0)
			return name_len < n ? arena_strndup(e->scratch, p + len + 1, n - len - 1)
					    : "";
		p += n + (p[n] == '&');
	}
	return NULL;
}

static bool query_matches(const struct explain *e, const EnvoyQueryParameterMatcher *m)
{
	const char *value = query_value(e, m->name);

	if (m->query_parameter_match_specifier_case ==
	    EnvoyQueryParameterMatcher__QUERY_PARAMETER_MATCH_SPECIFIER_STRING_MATCH)
		return value && explain_string_matches(m->string_match, value);
	return value != NULL;
}

static const char *query_text(struct arena *a, const EnvoyQueryParameterMatcher *m)
{
	if (m->query_parameter_match_specifier_case ==
	    EnvoyQueryParameterMatcher__QUERY_PARAMETER_MATCH_SPECIFIER_STRING_MATCH)
		return arena_printf(a, "query parameter %s %s", m->name,
				    string_text(a, m->string_match));
	return arena_printf(a, "query parameter %s is present", m->name);
}

/* ---- paths ---- */

static bool path_matches(const struct explain *e, const EnvoyRouteMatch *m)
{
	const char *path = e->request.bare_path;
	bool fold = m->case_sensitive && !m->case_sensitive->value;
	size_t n;

	switch (m->path_specifier_case) {
	case EnvoyRouteMatch__PATH_SPECIFIER_PATH:
		return (fold ? strcasecmp : strcmp)(path, m->path) == 0;
	case EnvoyRouteMatch__PATH_SPECIFIER_PREFIX:
		return (fold ? strncasecmp : strncmp)(path, m->prefix, strlen(m->prefix)) == 0;
	case EnvoyRouteMatch__PATH_SPECIFIER_PATH_SEPARATED_PREFIX:
		n = strlen(m->path_separated_prefix);
		return (fold ? strncasecmp : strncmp)(path, m->path_separated_prefix, n) == 0 &&
		       (!path[n] || path[n] == '/');
	case EnvoyRouteMatch__PATH_SPECIFIER_SAFE_REGEX:
		return regex_matches(m->safe_regex->regex, path);
	default:
		return false;
	}
}

static const char *path_text(struct arena *a, const EnvoyRouteMatch *m)
{
	switch (m->path_specifier_case) {
	case EnvoyRouteMatch__PATH_SPECIFIER_PATH:
		return arena_printf(a, "path %s", m->path);
	case EnvoyRouteMatch__PATH_SPECIFIER_PREFIX:
		return arena_printf(a, "prefix %s", m->prefix);
	case EnvoyRouteMatch__PATH_SPECIFIER_PATH_SEPARATED_PREFIX:
		return arena_printf(a, "path %s and below", m->path_separated_prefix);
	case EnvoyRouteMatch__PATH_SPECIFIER_SAFE_REGEX:
		return arena_printf(a, "path matches %s", m->safe_regex->regex);
	default:
		return "nothing";
	}
}

/* ---- the whole match ---- */

static bool is_grpc(const struct explain *e)
{
	size_t n;
	const char **type = explain_request_header(e, "content-type", &n);

	return n && strncmp(type[0], "application/grpc", 16) == 0 &&
	       (!type[0][16] || type[0][16] == '+');
}

enum explain_fit explain_match(const struct explain *e, const EnvoyRouteMatch *m,
			       const char **ret_why)
{
	*ret_why = "";
	/* CONNECT has no path, and no host that we make handles it. */
	if (strcmp(e->request.method, "CONNECT") == 0 || !path_matches(e, m)) {
		*ret_why = "its path is another";
		return FIT_PATH_DIFFERS;
	}
	if (m->grpc && !is_grpc(e)) {
		*ret_why = "it is not a gRPC request";
		return FIT_CONDITIONS_DIFFER;
	}
	/* The client that is thought of here has a good certificate where one is wanted. */
	if (m->tls_context) {
		*ret_why = "it is for clients without a good certificate";
		return FIT_CONDITIONS_DIFFER;
	}
	for (size_t i = 0; i < m->n_headers; i++)
		if (!header_matches(e, m->headers[i])) {
			*ret_why = arena_printf(e->scratch, "it needs: %s",
						header_text(e->scratch, m->headers[i]));
			return FIT_CONDITIONS_DIFFER;
		}
	for (size_t i = 0; i < m->n_query_parameters; i++)
		if (!query_matches(e, m->query_parameters[i])) {
			*ret_why = arena_printf(e->scratch, "it needs: %s",
						query_text(e->scratch, m->query_parameters[i]));
			return FIT_CONDITIONS_DIFFER;
		}
	return FIT;
}

const char *explain_match_text(struct arena *a, const EnvoyRouteMatch *m)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	strbuf_puts(&b, path_text(a, m));
	for (size_t i = 0; i < m->n_headers; i++)
		strbuf_printf(&b, ", %s", header_text(a, m->headers[i]));
	for (size_t i = 0; i < m->n_query_parameters; i++)
		strbuf_printf(&b, ", %s", query_text(a, m->query_parameters[i]));
	if (m->grpc)
		strbuf_puts(&b, ", gRPC");
	if (m->tls_context)
		strbuf_puts(&b, ", without a good client certificate");
	return arena_strdup(a, strbuf_str(&b));
}

/* Exact, then the longest "*.example.com", then the longest "www.*", then "*". */
unsigned explain_domain_fit(const char *domain, const char *host)
{
	enum { ANY = 1, BEGINS = 1 << 20, ENDS = 2 << 20, EXACT = 3 << 20 };
	size_t n = strlen(domain), host_len = strlen(host);

	if (strcmp(domain, "*") == 0)
		return ANY;
	if (strcasecmp(domain, host) == 0)
		return EXACT;
	/* The star must cover at least one character. */
	if (domain[0] == '*' && n <= host_len &&
	    strcasecmp(domain + 1, host + host_len - (n - 1)) == 0)
		return ENDS + (unsigned)n;
	if (n && domain[n - 1] == '*' && n <= host_len && strncasecmp(domain, host, n - 1) == 0)
		return BEGINS + (unsigned)n;
	return 0;
}
