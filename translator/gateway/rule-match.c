/* Matches of HTTPRoute and GRPCRoute. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "common/base/http-header.h"
#include "common/base/strbuf.h"
#include "translator/check/regex.h"
#include "translator/gateway/route-work.h"

#define ANY_PART "[^/]+" /* of a gRPC path */

/* Order of paths (G-PRE-1): exact, regex, prefix. */
enum {
	RANK_EXACT,
	RANK_REGEX,
	RANK_PREFIX,
};

static bool is_regex(const char *type)
{
	return strcmp(type, "RegularExpression") == 0;
}

static int check_regex(struct arena *a, const char *pattern, const char **ret_why)
{
	char why[256];

	if (regex_check(pattern, arena_charged(a), why, sizeof(why)) == 0)
		return 0;
	*ret_why = arena_printf(a, "\"%s\" is not a regular expression: %s", pattern, why);
	return -EINVAL;
}

/* ---- conditions ---- */

static int add_value(struct arena *a, struct value_match *all, size_t *n,
		     const struct value_match *one, const char **ret_why)
{
	/* The first of several conditions on one name counts (HTTPHeaderMatch.name). */
	for (size_t i = 0; i < *n; i++)
		if (strcmp(all[i].name, one->name) == 0)
			return 0;
	if (one->op == MATCH_REGEX && check_regex(a, one->value, ret_why) < 0)
		return -EINVAL;
	all[(*n)++] = *one;
	return 0;
}

static int add_header(struct arena *a, const char *type, const char *name, const char *value,
		      struct route_match *ret, const char **ret_why)
{
	const struct value_match one = {
		.name = match_lower(a, name),
		.op = is_regex(type) ? MATCH_REGEX : MATCH_EXACT,
		.value = value,
	};

	if (!http_header_is_token(name)) {
		*ret_why = arena_printf(a, "\"%s\" is not a header's name", name);
		return -EINVAL;
	}
	return add_value(a, ret->headers, &ret->n_headers, &one, ret_why);
}

/* ---- HTTPRoute ---- */

static int match_path(struct arena *a, const K8s__HTTPPathMatch *p, struct rule_match *ret,
		      const char **ret_why)
{
	const char *value = p && p->value ? p->value : "/";
	size_t len = strlen(value);

	if (p && is_regex(p->type)) {
		ret->match.kind = PATH_REGEX;
		ret->match.path = value;
		ret->path_rank = RANK_REGEX;
		ret->first = len;
		return check_regex(a, value, ret_why);
	}
	if (*value != '/') {
		*ret_why = arena_printf(a, "path \"%s\" does not begin with a slash", value);
		return -EINVAL;
	}
	if (p && strcmp(p->type, "Exact") == 0) {
		ret->match.kind = PATH_EXACT;
		ret->match.path = value;
		ret->path_rank = RANK_EXACT;
		return 0;
	}
	while (len > 1 && value[len - 1] == '/')
		len--;
	ret->match.kind = len > 1 ? PATH_SEGMENTS : PATH_PREFIX;
	ret->match.path = arena_strndup(a, value, len);
	ret->path_rank = RANK_PREFIX;
	ret->first = len;
	return 0;
}

static int match_queries(struct arena *a, const K8s__HTTPRouteMatch *m, struct route_match *ret,
			 const char **ret_why)
{
	ret->queries = arena_new_of(a, struct value_match, m->n_query_params + 1);
	for (size_t i = 0; i < m->n_query_params; i++) {
		const K8s__HTTPQueryParamMatch *q = m->query_params[i];
		const struct value_match one = {
			.name = q->name,
			.op = is_regex(q->type) ? MATCH_REGEX : MATCH_EXACT,
			.value = q->value,
		};

		if (add_value(a, ret->queries, &ret->n_queries, &one, ret_why) < 0)
			return -EINVAL;
	}
	return 0;
}

static void finish(struct arena *a, struct rule_match *m)
{
	m->n_headers = m->match.n_headers;
	m->n_queries = m->match.n_queries;
	match_finish(a, &m->match);
}

int rule_match_http(struct arena *a, const K8s__HTTPRouteMatch *m, struct rule_match *ret,
		    const char **ret_why)
{
	*ret = (struct rule_match){ 0 };
	if (match_path(a, m ? m->path : NULL, ret, ret_why) < 0)
		return -EINVAL;
	ret->match.headers = arena_new_of(a, struct value_match, (m ? m->n_headers : 0) + 1);
	for (size_t i = 0; m && i < m->n_headers; i++)
		if (add_header(a, m->headers[i]->type, m->headers[i]->name, m->headers[i]->value,
			       &ret->match, ret_why) < 0)
			return -EINVAL;
	if (m && match_queries(a, m, &ret->match, ret_why) < 0)
		return -EINVAL;
	ret->match.method = m && m->method && *m->method ? m->method : NULL;
	finish(a, ret);
	return 0;
}

/* ---- GRPCRoute ---- */

static const char *quote(struct arena *a, const char *text)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	for (; *text; text++) {
		if (!isalnum((unsigned char)*text) && *text != '_' && *text != '/')
			strbuf_putc(&b, '\\');
		strbuf_putc(&b, *text);
	}
	return arena_strdup(a, strbuf_str(&b));
}

static int match_call(struct arena *a, const K8s__GRPCMethodMatch *m, struct rule_match *ret,
		      const char **ret_why)
{
	const char *service = m && m->service ? m->service : "";
	const char *method = m && m->method ? m->method : "";
	bool regex = m && is_regex(m->type);

	ret->first = strlen(service);
	ret->second = strlen(method);
	if (!*service && !*method) {
		ret->match.kind = PATH_PREFIX;
		ret->match.path = "/";
		return 0;
	}
	if (!regex && *service) {
		ret->match.kind = *method ? PATH_EXACT : PATH_PREFIX;
		ret->match.path = arena_printf(a, "/%s/%s", service, method);
		return 0;
	}
	if ((regex && *service && check_regex(a, service, ret_why) < 0) ||
	    (regex && *method && check_regex(a, method, ret_why) < 0))
		return -EINVAL;
	ret->match.kind = PATH_REGEX;
	ret->match.path = arena_printf(a, "/(?:%s)/(?:%s)", *service ? service : ANY_PART,
				       !*method ? ANY_PART
				       : regex  ? method
						: quote(a, method));
	return 0;
}

int rule_match_grpc(struct arena *a, const K8s__GRPCRouteMatch *m, struct rule_match *ret,
		    const char **ret_why)
{
	*ret = (struct rule_match){ .match = { .grpc = true } };
	if (match_call(a, m ? m->method : NULL, ret, ret_why) < 0)
		return -EINVAL;
	ret->match.headers = arena_new_of(a, struct value_match, (m ? m->n_headers : 0) + 1);
	for (size_t i = 0; m && i < m->n_headers; i++)
		if (add_header(a, m->headers[i]->type, m->headers[i]->name, m->headers[i]->value,
			       &ret->match, ret_why) < 0)
			return -EINVAL;
	finish(a, ret);
	return 0;
}

/* ---- matches made of others ---- */

bool rule_match_preflight(struct arena *a, const struct rule_match *m, struct rule_match *ret)
{
	static const char *const names[] = { "origin", "access-control-request-method" };

	if (!m->match.method && !m->match.n_headers)
		return false;
	*ret = *m;
	ret->match.method = "OPTIONS";
	ret->match.n_headers = ARRAY_SIZE(names);
	ret->match.headers = arena_new_of(a, struct value_match, ARRAY_SIZE(names));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		ret->match.headers[i] =
			(struct value_match){ .name = names[i], .op = MATCH_PRESENT, .value = "" };
	finish(a, ret);
	return true;
}

void rule_match_with_port(struct arena *a, const struct rule_match *m, struct rule_match *ret)
{
	size_t n = m->match.n_headers;

	*ret = *m;
	ret->match.headers = arena_new_of(a, struct value_match, n + 1);
	if (n)
		memcpy(ret->match.headers, m->match.headers, n * sizeof(*m->match.headers));
	ret->match.headers[n] = (struct value_match){ .name = ":authority",
						      .op = MATCH_REGEX,
						      .value = ".*:[0-9]+" };
	ret->match.n_headers = n + 1;
	match_finish(a, &ret->match);
}
