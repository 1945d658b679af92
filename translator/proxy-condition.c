/* Conditions of HTTPProxy routes and includes, merged from root to leaf. Runs in the translator. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "common/strbuf.h"
#include "translator/proxy-condition.h"
#include "translator/regex.h"

#define DEPTH_MAX 64

static const char *path_of(const K8s__ProxyCondition *c)
{
	return *c->prefix ? c->prefix : *c->exact ? c->exact : c->regex;
}

int proxy_condition_check_path(const struct proxy_conditions *c, bool include, const char **ret_why)
{
	char why[256];
	size_t paths = 0;

	for (size_t i = 0; i < c->n; i++) {
		const K8s__ProxyCondition *one = c->all[i];

		paths += (*one->prefix != 0) + (*one->exact != 0) + (*one->regex != 0);
		if (include && (*one->exact || *one->regex)) {
			*ret_why = "an include's conditions may have a prefix, but neither exact nor regex";
			return -EINVAL;
		}
		if (*path_of(one) && *path_of(one) != '/') {
			*ret_why = "prefix, exact and regex must begin with a slash";
			return -EINVAL;
		}
		if (strpbrk(path_of(one), *one->regex ? "\r\n" : "?#\r\n")) {
			*ret_why = "a path has no query, fragment or line break";
			return -EINVAL;
		}
		if (*one->regex && regex_check(one->regex, why, sizeof(why)) < 0) {
			*ret_why = "regex is not a regular expression that RE2 takes";
			return -EINVAL;
		}
	}
	if (paths > 1) {
		*ret_why = "there may be one of prefix, exact and regex only";
		return -EINVAL;
	}
	return 0;
}

/* ---- headers and query parameters ---- */

static const char *lower(struct arena *a, const char *s)
{
	char *copy = arena_strdup(a, s);

	for (char *p = copy; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return copy;
}

/* RFC 9110, section 5.6.2: token. */
bool proxy_condition_is_token(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("!#$%&'*+-.^_`|~", *s))
			return false;
	return true;
}

static bool check_regex(struct arena *a, const char *pattern, const char *what, const char *name,
			const char **ret_why)
{
	char why[256];

	if (regex_check(pattern, why, sizeof(why)) == 0)
		return true;
	*ret_why = arena_printf(a, "%s %s: regex is not one that RE2 takes: %s", what, name, why);
	return false;
}

int proxy_condition_parse_header(struct arena *a, const K8s__ProxyHeaderMatch *h, struct value_match *ret,
				 const char **ret_why)
{
	const struct {
		bool given, invert, ignore_case;
		enum match_operator op;
		const char *value;
	} rows[] = {
		{ h->present, false, false, MATCH_PRESENT, "" },
		{ h->notpresent, true, false, MATCH_PRESENT, "" },
		{ *h->contains != 0, false, true, MATCH_CONTAINS, h->contains },
		{ *h->notcontains != 0, true, true, MATCH_CONTAINS, h->notcontains },
		{ *h->exact != 0, false, true, MATCH_EXACT, h->exact },
		{ *h->notexact != 0, true, true, MATCH_EXACT, h->notexact },
		{ *h->regex != 0, false, false, MATCH_REGEX, h->regex },
	};

	if (!proxy_condition_is_token(h->name)) {
		*ret_why = arena_printf(a, "\"%s\" is not a header's name", h->name);
		return -EINVAL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!rows[i].given)
			continue;
		if (rows[i].op == MATCH_REGEX && !check_regex(a, h->regex, "header", h->name, ret_why))
			return -EINVAL;
		*ret = (struct value_match){
			.name = lower(a, h->name),
			.op = rows[i].op,
			.value = rows[i].value,
			.ignore_case = rows[i].ignore_case && h->ignore_case,
			.invert = rows[i].invert,
			.missing_as_empty = rows[i].invert && rows[i].op != MATCH_PRESENT &&
					    h->treat_missing_as_empty,
		};
		return 0;
	}
	return 1;
}

static int parse_query(struct arena *a, const K8s__ProxyQueryMatch *q, struct value_match *ret,
		       const char **ret_why)
{
	const struct {
		bool given, ignore_case;
		enum match_operator op;
		const char *value;
	} rows[] = {
		{ *q->exact != 0, true, MATCH_EXACT, q->exact },
		{ *q->regex != 0, false, MATCH_REGEX, q->regex },
		{ *q->prefix != 0, true, MATCH_PREFIX, q->prefix },
		{ *q->suffix != 0, true, MATCH_SUFFIX, q->suffix },
		{ *q->contains != 0, true, MATCH_CONTAINS, q->contains },
		{ q->present, false, MATCH_PRESENT, "" },
	};
	size_t given = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!rows[i].given)
			continue;
		given++;
		*ret = (struct value_match){ .name = q->name,
					     .op = rows[i].op,
					     .value = rows[i].value,
					     .ignore_case = rows[i].ignore_case && q->ignore_case };
	}
	if (!*q->name || given != 1) {
		*ret_why = arena_printf(a,
					"query parameter \"%s\": it needs a name and exactly one of exact, "
					"prefix, suffix, regex, contains and present",
					q->name);
		return -EINVAL;
	}
	if (ret->op == MATCH_REGEX && !check_regex(a, q->regex, "query parameter", q->name, ret_why))
		return -EINVAL;
	return 0;
}

/* Two conditions on one name that no request can meet both. */
static bool contradict(const struct value_match *x, const struct value_match *y, bool query)
{
	bool same_name = query ? strcasecmp(x->name, y->name) == 0 : strcmp(x->name, y->name) == 0;

	if (!same_name)
		return false;
	if (x->op == MATCH_EXACT && y->op == MATCH_EXACT && !x->invert && !y->invert)
		return true;
	if (x->op != y->op || x->invert == y->invert)
		return false;
	if (x->op == MATCH_PRESENT)
		return true;
	return (x->op == MATCH_EXACT || x->op == MATCH_CONTAINS) && strcmp(x->value, y->value) == 0;
}

static bool any_contradiction(const struct value_match *all, size_t n, bool query)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = i + 1; k < n; k++)
			if (contradict(&all[i], &all[k], query))
				return true;
	return false;
}

static int compare_values(const void *a, const void *b)
{
	const struct value_match *x = a, *y = b;
	int d = strcmp(x->name, y->name);

	if (d)
		return d;
	if (x->op != y->op)
		return x->op < y->op ? -1 : 1;
	d = strcmp(x->value, y->value);
	if (d)
		return d;
	if (x->invert != y->invert)
		return x->invert ? 1 : -1;
	return (int)x->ignore_case - (int)y->ignore_case;
}

static void add_text(struct strbuf *b, char what, const struct value_match *m)
{
	strbuf_printf(b, "%c%s\x01%d%d%d%d\x01%s\x02", what, m->name, m->op, m->invert, m->ignore_case,
		      m->missing_as_empty, m->value);
}

static int merge_values(struct arena *a, const struct proxy_conditions *c, struct proxy_match *m,
			const char **ret_reason, const char **ret_why)
{
	size_t n = 0;

	for (const struct proxy_conditions *l = c; l; l = l->outer)
		n += l->n;
	m->headers = arena_new_of(a, struct value_match, n + 1);
	m->queries = arena_new_of(a, struct value_match, n + 1);
	for (const struct proxy_conditions *l = c; l; l = l->outer)
		for (size_t i = 0; i < l->n; i++) {
			int r = l->all[i]->header ? proxy_condition_parse_header(a, l->all[i]->header,
										 &m->headers[m->n_headers],
										 ret_why) :
						    1;

			*ret_reason = "HeaderMatchConditionsNotValid";
			if (r < 0)
				return r;
			m->n_headers += r == 0;
			*ret_reason = "QueryParameterMatchConditionsNotValid";
			if (!l->all[i]->query_parameter)
				continue;
			r = parse_query(a, l->all[i]->query_parameter, &m->queries[m->n_queries], ret_why);
			if (r < 0)
				return r;
			m->n_queries++;
		}
	*ret_why = "no request can meet all conditions on one header or query parameter";
	*ret_reason = "HeaderMatchConditionsNotValid";
	if (any_contradiction(m->headers, m->n_headers, false))
		return -EINVAL;
	*ret_reason = "QueryParameterMatchConditionsNotValid";
	if (any_contradiction(m->queries, m->n_queries, true))
		return -EINVAL;
	return 0;
}

/* ---- paths ---- */

static bool has_meta(const char *s)
{
	return strpbrk(s, "\\.+*?()|[]{}^$") != NULL;
}

static void add_quoted(struct strbuf *b, const char *s)
{
	for (; *s; s++) {
		if (strchr("\\.+*?()|[]{}^$", *s))
			strbuf_putc(b, '\\');
		strbuf_putc(b, *s);
	}
}

/* Below a prefix alternatives stay together: "/x|/other" must not leave what its author was given. */
static void add_regex(struct strbuf *b, const char *regex)
{
	if (!b->len || !strchr(regex, '|')) {
		strbuf_puts(b, regex);
		return;
	}
	while (b->len && b->s[b->len - 1] == '/')
		b->len--;
	strbuf_printf(b, "(?:%s)", regex);
}

/* Root to leaf: texts follow each other, runs of slashes become one. The leaf's own path condition says
 * how the whole matches; prefixes before a regex are taken literally. */
static void merge_path(struct arena *a, const struct proxy_conditions *c, struct proxy_match *m)
{
	const struct proxy_conditions *chain[DEPTH_MAX];
	_cleanup_strbuf_ struct strbuf all = STRBUF_INIT;
	size_t n = 0;
	bool regex = false;
	char *out;

	m->kind = PATH_PREFIX;
	for (const struct proxy_conditions *l = c; l && n < DEPTH_MAX; l = l->outer)
		chain[n++] = l;
	for (size_t i = 0; i < c->n; i++) {
		regex |= *c->all[i]->regex != 0;
		if (*c->all[i]->exact)
			m->kind = PATH_EXACT;
	}
	if (regex)
		m->kind = PATH_REGEX;
	while (n-- > 0)
		for (size_t i = 0; i < chain[n]->n; i++) {
			const K8s__ProxyCondition *one = chain[n]->all[i];

			if (*one->regex)
				add_regex(&all, one->regex);
			else if (regex && has_meta(path_of(one)))
				add_quoted(&all, path_of(one));
			else
				strbuf_puts(&all, path_of(one));
		}
	out = arena_strdup(a, all.len ? all.s : "/");
	m->path = out;
	for (const char *p = out; *p; p++)
		if (*p != '/' || p[1] != '/')
			*out++ = *p;
	*out = '\0';
}

int proxy_condition_merge(struct arena *a, const struct proxy_conditions *c, struct proxy_match *ret,
			  const char **ret_reason, const char **ret_why)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct proxy_match m = { 0 };
	int r = merge_values(a, c, &m, ret_reason, ret_why);

	if (r < 0)
		return r;
	merge_path(a, c, &m);
	if (m.n_headers)
		qsort(m.headers, m.n_headers, sizeof(*m.headers), compare_values);
	if (m.n_queries)
		qsort(m.queries, m.n_queries, sizeof(*m.queries), compare_values);
	for (size_t i = 0; i < m.n_headers; i++)
		add_text(&text, 'h', &m.headers[i]);
	for (size_t i = 0; i < m.n_queries; i++)
		add_text(&text, 'q', &m.queries[i]);
	m.text = arena_strdup(a, strbuf_str(&text));
	*ret = m;
	return 0;
}

/* ---- to Envoy ---- */

static Envoy__Type__Matcher__V3__StringMatcher *string_matcher(struct arena *a, const struct value_match *m)
{
	Envoy__Type__Matcher__V3__StringMatcher *s = ENVOY_NEW(
		a, Envoy__Type__Matcher__V3__StringMatcher, ENVOY__TYPE__MATCHER__V3__STRING_MATCHER__INIT);
	char *value = (char *)m->value;

	s->ignore_case = m->ignore_case;
	switch (m->op) {
	case MATCH_REGEX:
		s->match_pattern_case = ENVOY__TYPE__MATCHER__V3__STRING_MATCHER__MATCH_PATTERN_SAFE_REGEX;
		s->safe_regex = envoy_regex(a, value);
		break;
	case MATCH_PREFIX:
		s->match_pattern_case = ENVOY__TYPE__MATCHER__V3__STRING_MATCHER__MATCH_PATTERN_PREFIX;
		s->prefix = value;
		break;
	case MATCH_SUFFIX:
		s->match_pattern_case = ENVOY__TYPE__MATCHER__V3__STRING_MATCHER__MATCH_PATTERN_SUFFIX;
		s->suffix = value;
		break;
	case MATCH_CONTAINS:
		s->match_pattern_case = ENVOY__TYPE__MATCHER__V3__STRING_MATCHER__MATCH_PATTERN_CONTAINS;
		s->contains = value;
		break;
	case MATCH_EXACT:
	case MATCH_PRESENT:
		s->match_pattern_case = ENVOY__TYPE__MATCHER__V3__STRING_MATCHER__MATCH_PATTERN_EXACT;
		s->exact = value;
		break;
	}
	return s;
}

Envoy__Config__Route__V3__HeaderMatcher *proxy_condition_header(struct arena *a, const struct value_match *m)
{
	Envoy__Config__Route__V3__HeaderMatcher *h = ENVOY_NEW(
		a, Envoy__Config__Route__V3__HeaderMatcher, ENVOY__CONFIG__ROUTE__V3__HEADER_MATCHER__INIT);

	h->name = (char *)m->name;
	h->invert_match = m->invert;
	h->treat_missing_header_as_empty = m->missing_as_empty;
	if (m->op == MATCH_PRESENT) {
		h->header_match_specifier_case =
			ENVOY__CONFIG__ROUTE__V3__HEADER_MATCHER__HEADER_MATCH_SPECIFIER_PRESENT_MATCH;
		h->present_match = true;
	} else {
		h->header_match_specifier_case =
			ENVOY__CONFIG__ROUTE__V3__HEADER_MATCHER__HEADER_MATCH_SPECIFIER_STRING_MATCH;
		h->string_match = string_matcher(a, m);
	}
	return h;
}

static Envoy__Config__Route__V3__QueryParameterMatcher *query_matcher(struct arena *a,
								      const struct value_match *m)
{
	Envoy__Config__Route__V3__QueryParameterMatcher *q =
		ENVOY_NEW(a, Envoy__Config__Route__V3__QueryParameterMatcher,
			  ENVOY__CONFIG__ROUTE__V3__QUERY_PARAMETER_MATCHER__INIT);

	q->name = (char *)m->name;
	if (m->op == MATCH_PRESENT) {
		q->query_parameter_match_specifier_case =
			ENVOY__CONFIG__ROUTE__V3__QUERY_PARAMETER_MATCHER__QUERY_PARAMETER_MATCH_SPECIFIER_PRESENT_MATCH;
		q->present_match = true;
	} else {
		q->query_parameter_match_specifier_case =
			ENVOY__CONFIG__ROUTE__V3__QUERY_PARAMETER_MATCHER__QUERY_PARAMETER_MATCH_SPECIFIER_STRING_MATCH;
		q->string_match = string_matcher(a, m);
	}
	return q;
}

void proxy_condition_encode(struct arena *a, const struct proxy_match *m,
			    Envoy__Config__Route__V3__RouteMatch *ret)
{
	size_t extra = ret->n_headers; /* a wildcard host has a condition of its own */
	Envoy__Config__Route__V3__HeaderMatcher **headers =
		arena_new_of(a, Envoy__Config__Route__V3__HeaderMatcher *, extra + m->n_headers + 1);

	if (extra)
		memcpy(headers, ret->headers, extra * sizeof(*headers));
	for (size_t i = 0; i < m->n_headers; i++)
		headers[extra + i] = proxy_condition_header(a, &m->headers[i]);
	ret->n_headers = extra + m->n_headers;
	ret->headers = headers;
	ret->n_query_parameters = m->n_queries;
	ret->query_parameters =
		arena_new_of(a, Envoy__Config__Route__V3__QueryParameterMatcher *, m->n_queries + 1);
	for (size_t i = 0; i < m->n_queries; i++)
		ret->query_parameters[i] = query_matcher(a, &m->queries[i]);
}
