/* Conditions of HTTPProxy routes and includes, merged from root to leaf. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "common/base/strbuf.h"
#include "translator/check/regex.h"
#include "translator/httpproxy/proxy-condition.h"
#include "translator/policy/header-match.h"

#define DEPTH_MAX 64
/* On headers, and as many on query parameters, of a route with those of its includes: each is
 * compared with each. */
#define CONDITIONS_MAX 256

static const char *path_of(const K8s__ProxyCondition *c)
{
	return *c->prefix ? c->prefix : *c->exact ? c->exact : c->regex;
}

int proxy_condition_check_path(struct arena *a, const struct proxy_conditions *c, bool include,
			       const char **ret_why)
{
	char why[256];
	size_t paths = 0;

	for (size_t i = 0; i < c->n; i++) {
		const K8s__ProxyCondition *one = c->all[i];

		paths += (*one->prefix != 0) + (*one->exact != 0) + (*one->regex != 0);
		if (include && (*one->exact || *one->regex)) {
			*ret_why = "an include's conditions may have a prefix, but neither exact "
				   "nor regex";
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
		if (*one->regex &&
		    regex_check(one->regex, arena_charged(a), why, sizeof(why)) < 0) {
			*ret_why = arena_printf(
				a, "regex is not a regular expression that RE2 takes: %s", why);
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
		*ret_why = arena_printf(
			a,
			"query parameter \"%s\": it needs a name and exactly one of exact, "
			"prefix, suffix, regex, contains and present",
			q->name);
		return -EINVAL;
	}
	if (ret->op == MATCH_REGEX &&
	    !header_match_check_regex(a, q->regex, "query parameter", q->name, ret_why))
		return -EINVAL;
	return 0;
}

static bool are_few(struct arena *a, size_t n, const char *what, const char **ret_why)
{
	if (n <= CONDITIONS_MAX)
		return true;
	*ret_why = arena_printf(a,
				"there are %zu conditions on %s, with those of the includes above; "
				"at most %d are allowed: remove some, or let one regex stand for "
				"several",
				n, what, CONDITIONS_MAX);
	return false;
}

static int merge_values(struct arena *a, const struct proxy_conditions *c, struct route_match *m,
			const char **ret_reason, const char **ret_why)
{
	size_t headers = 0, queries = 0;

	for (const struct proxy_conditions *l = c; l; l = l->outer)
		for (size_t i = 0; i < l->n; i++) {
			headers += l->all[i]->header != NULL;
			queries += l->all[i]->query_parameter != NULL;
		}
	*ret_reason = "HeaderMatchConditionsNotValid";
	if (!are_few(a, headers, "headers", ret_why))
		return -EINVAL;
	*ret_reason = "QueryParameterMatchConditionsNotValid";
	if (!are_few(a, queries, "query parameters", ret_why))
		return -EINVAL;
	m->headers = arena_new_of(a, struct value_match, headers + 1);
	m->queries = arena_new_of(a, struct value_match, queries + 1);
	for (const struct proxy_conditions *l = c; l; l = l->outer)
		for (size_t i = 0; i < l->n; i++) {
			const K8s__ProxyHeaderMatch *header = l->all[i]->header;
			struct value_match *h = &m->headers[m->n_headers];
			int r = header ? header_match_parse(a, header, h, ret_why) : 1;

			*ret_reason = "HeaderMatchConditionsNotValid";
			if (r < 0)
				return r;
			m->n_headers += r == 0;
			*ret_reason = "QueryParameterMatchConditionsNotValid";
			if (!l->all[i]->query_parameter)
				continue;
			r = parse_query(a, l->all[i]->query_parameter, &m->queries[m->n_queries],
					ret_why);
			if (r < 0)
				return r;
			m->n_queries++;
		}
	*ret_why = "no request can meet all conditions on one header or query parameter";
	*ret_reason = "HeaderMatchConditionsNotValid";
	if (match_is_impossible(m->headers, m->n_headers, false))
		return -EINVAL;
	*ret_reason = "QueryParameterMatchConditionsNotValid";
	if (match_is_impossible(m->queries, m->n_queries, true))
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

/* After a prefix, alternatives stay grouped: "/x|/other" must not match paths outside those that
 * its author may use. */
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

/* From root to leaf: texts are joined, runs of slashes become one. The leaf's own path condition
 * decides how the whole matches; prefixes before a regex are taken literally. */
static void merge_path(struct arena *a, const struct proxy_conditions *c, struct route_match *m)
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

int proxy_condition_merge(struct arena *a, const struct proxy_conditions *c,
			  struct route_match *ret, const char **ret_reason, const char **ret_why)
{
	struct route_match m = { 0 };
	int r = merge_values(a, c, &m, ret_reason, ret_why);

	if (r < 0)
		return r;
	merge_path(a, c, &m);
	match_finish(a, &m);
	*ret = m;
	return 0;
}
