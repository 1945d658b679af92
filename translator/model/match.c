/* Conditions of routes: order, equality, contradiction. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/http-header.h"
#include "common/base/strbuf.h"
#include "translator/model/host-name.h"
#include "translator/model/match.h"
#include "translator/model/path.h"

const char *match_lower(struct arena *a, const char *s)
{
	char *copy = arena_strdup(a, s);

	for (char *p = copy; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return copy;
}

bool match_is_readable_header(const char *s)
{
	static const char *const pseudo[] = { ":method", ":path", ":authority", ":scheme",
					      ":protocol" };

	for (size_t i = 0; i < ARRAY_SIZE(pseudo); i++)
		if (strcasecmp(pseudo[i], s) == 0)
			return true;
	return http_header_is_token(s);
}

/* Two conditions on one name that no request can meet both. */
static bool contradict(const struct value_match *x, const struct value_match *y, bool queries)
{
	bool same_name = queries ? strcasecmp(x->name, y->name) == 0
				 : strcmp(x->name, y->name) == 0;

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

bool match_is_impossible(const struct value_match *all, size_t n, bool queries)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = i + 1; k < n; k++)
			if (contradict(&all[i], &all[k], queries))
				return true;
	return false;
}

/* Whether a condition holds for a value, apart from its invert. -1: only RE2 or a number says. */
static int holds(const struct value_match *m, const char *value, bool ignore_case)
{
	size_t n = strlen(m->value), len = strlen(value);
	int (*compare)(const char *, const char *, size_t) = ignore_case ? strncasecmp : strncmp;

	switch (m->op) {
	case MATCH_EXACT:
		return n == len && compare(value, m->value, n) == 0;
	case MATCH_PREFIX:
		return compare(value, m->value, n) == 0;
	case MATCH_SUFFIX:
		return n <= len && compare(value + len - n, m->value, n) == 0;
	case MATCH_CONTAINS:
		return (ignore_case ? strcasestr(value, m->value) : strstr(value, m->value)) !=
		       NULL;
	case MATCH_PRESENT:
		return 1;
	default:
		return -1;
	}
}

/* Whether what x asks for is against y: x names the one value, or asks for none at all. */
static bool is_against(const struct value_match *x, const struct value_match *y)
{
	int r;

	if (x->op == MATCH_PRESENT && x->invert)
		return y->invert ? y->op != MATCH_PRESENT && !y->missing_as_empty : true;
	if (x->op != MATCH_EXACT || x->invert)
		return false;
	r = holds(y, x->value, x->ignore_case || y->ignore_case);
	if (r < 0)
		return false;
	return y->invert ? r && (y->ignore_case || !x->ignore_case) : !r;
}

static bool has_lower(const char *s)
{
	for (; *s; s++)
		if (islower((unsigned char)*s))
			return true;
	return false;
}

/* "get", "get|post", "(get|post)": nothing else can be in what they match. */
static bool is_of_lower_words(const char *regex)
{
	return has_lower(regex) && !regex[strspn(regex, "abcdefghijklmnopqrstuvwxyz|()-")];
}

/* Whether requests for the host may have the value as their Host. */
static bool is_host(struct arena *a, const char *value, const char *host)
{
	const char *name = arena_strndup(a, value, strcspn(value, ":"));

	return host_name_is_within(match_lower(a, name), host);
}

/* What HTTP says about the value that the condition asks for. */
static const char *value_never(struct arena *a, const struct value_match *m, const char *host)
{
	if (m->op == MATCH_REGEX && !m->invert && strcmp(m->name, ":method") == 0 &&
	    is_of_lower_words(m->value))
		return "methods are written in upper case";
	if (m->op != MATCH_EXACT || m->invert)
		return NULL;
	if (strcmp(m->name, ":method") == 0 && !m->ignore_case && has_lower(m->value))
		return "methods are written in upper case";
	if (strcmp(m->name, ":scheme") == 0 && strcasecmp(m->value, "http") != 0 &&
	    strcasecmp(m->value, "https") != 0)
		return ":scheme is http or https";
	if ((strcmp(m->name, ":authority") == 0 || strcmp(m->name, "host") == 0) &&
	    !is_host(a, m->value, host))
		return arena_printf(a, "requests for %s have it as their %s", host, m->name);
	return NULL;
}

const char *match_headers_never(struct arena *a, const struct value_match *all, size_t n,
				const char *host)
{
	for (size_t i = 0; i < n; i++) {
		const char *why = value_never(a, &all[i], host);

		if (why)
			return why;
		for (size_t k = 0; k < n; k++)
			if (k != i && strcmp(all[i].name, all[k].name) == 0 &&
			    is_against(&all[i], &all[k]))
				return arena_printf(
					a, "two conditions on header %s exclude each other",
					all[i].name);
	}
	return NULL;
}

/* Envoy looks at the first value of a parameter only. */
const char *match_queries_never(struct arena *a, const struct value_match *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++)
			if (k != i && strcmp(all[i].name, all[k].name) == 0 &&
			    is_against(&all[i], &all[k]))
				return arena_printf(
					a,
					"two conditions on query parameter %s exclude each other",
					all[i].name);
	return NULL;
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
	strbuf_printf(b, "%c%s\x01%d%d%d%d\x01%s\x02", what, m->name, m->op, m->invert,
		      m->ignore_case, m->missing_as_empty, m->value);
}

void match_add_header(struct arena *a, struct route_match *m, struct value_match condition)
{
	struct value_match *all = arena_new_of(a, struct value_match, m->n_headers + 1);

	if (m->n_headers)
		memcpy(all, m->headers, m->n_headers * sizeof(*all));
	all[m->n_headers++] = condition;
	m->headers = all;
}

void match_finish(struct arena *a, struct route_match *m)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (m->path && m->kind != PATH_REGEX)
		m->path = path_escaped(a, m->path);
	if (m->n_headers)
		qsort(m->headers, m->n_headers, sizeof(*m->headers), compare_values);
	if (m->n_queries)
		qsort(m->queries, m->n_queries, sizeof(*m->queries), compare_values);
	for (size_t i = 0; i < m->n_headers; i++)
		add_text(&text, 'h', &m->headers[i]);
	for (size_t i = 0; i < m->n_queries; i++)
		add_text(&text, 'q', &m->queries[i]);
	if (m->method)
		strbuf_printf(&text, "m%s\x02", m->method);
	if (m->grpc)
		strbuf_puts(&text, "g\x02");
	if (m->client)
		strbuf_printf(&text, "c%d\x02", (int)m->client);
	if (m->ignore_case)
		strbuf_puts(&text, "i\x02");
	if (m->share)
		strbuf_printf(&text, "s%u\x02", m->share);
	m->text = text.len ? arena_strdup(a, text.s) : "";
}

int match_compare_paths(enum path_kind a_kind, const char *a, enum path_kind b_kind, const char *b)
{
	size_t a_len = strlen(a), b_len = strlen(b);
	bool a_prefix = a_kind >= PATH_SEGMENTS, b_prefix = b_kind >= PATH_SEGMENTS;
	int d;

	/* Exact, then regex, then both sorts of prefix together. */
	if (a_prefix != b_prefix || (!a_prefix && a_kind != b_kind))
		return a_kind < b_kind ? -1 : 1;
	if (a_kind != PATH_EXACT && a_len != b_len)
		return a_len > b_len ? -1 : 1;
	d = strcmp(b, a);
	return d ? d : (int)a_kind - (int)b_kind;
}
