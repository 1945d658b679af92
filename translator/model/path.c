/* Paths as Envoy's routes see them: dot segments resolved, needless escapes undone, needed ones
 * made (normalize_path), and runs of slashes made one (merge_slashes). Found out by asking
 * Envoy 1.40; test_explain.py compares. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "common/base/cleanup.h"
#include "common/base/strbuf.h"
#include "common/base/word.h"
#include "translator/model/path.h"

#define ESCAPED "\"<>^`{|}" /* a request has these only as escapes */

static int hex(char c)
{
	return isdigit((unsigned char)c)    ? c - '0'
	       : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
					    : -1;
}

/* The byte that a "%XX" means, or -1. */
static int escaped(const char *p, const char *end)
{
	if (end - p < 3 || p[0] != '%' || hex(p[1]) < 0 || hex(p[2]) < 0)
		return -1;
	return hex(p[1]) << 4 | hex(p[2]);
}

static bool is_slash(char c)
{
	return c == '/' || c == '\\';
}

/* 1 or 2 if the segment consists of that many dots, else 0. "%2e" is a dot; between a slash that is
 * no backslash and unescaped dots on one side, and the next such slash on the other, a ';' and the
 * text after it do not count. */
static unsigned dots(const char *p, const char *end)
{
	char before = p[-1];
	bool plain = true;
	unsigned n = 0;

	while (p < end && n < 3) {
		if (*p == '.') {
			p++;
		} else if (escaped(p, end) == '.') {
			p += 3;
			plain = false;
		} else {
			break;
		}
		n++;
	}
	return (p == end || (*p == ';' && plain && before == '/')) && n < 3 ? n : 0;
}

static const char *segment_end(const char *p, const char *end)
{
	const char *q = p;
	bool text;

	while (q < end && *q == '.')
		q++;
	text = q < end && *q == ';' && dots(p, q + 1);
	while (q < end && *q != '/' && (text || !is_slash(*q)))
		q++;
	return q;
}

/* Unescaping may turn a lone '%' into an escape ("%%61%61"): then the '%' is escaped itself. */
static char *put(char *out, char c, char **percent)
{
	*out++ = c;
	if (*percent && out - *percent == 3 && escaped(*percent, out) >= 0) {
		memmove(*percent + 3, *percent + 1, 2);
		memcpy(*percent + 1, "25", 2);
		out += 2;
		*percent = NULL;
	}
	return out;
}

static bool must_be_escaped(char c)
{
	return (unsigned char)c <= ' ' || (unsigned char)c >= 0x7f || strchr(ESCAPED, c);
}

static char *add(char *out, const char *p, const char *end)
{
	static const char digits[] = "0123456789ABCDEF";
	char *percent = NULL; /* the last that begins no escape */

	for (; p < end; p++) {
		int c = escaped(p, end);

		if (c >= 0 && (isalnum(c) || (c && strchr("-._~", c)))) {
			out = put(out, (char)c, &percent);
			p += 2;
		} else if (c >= 0) {
			memcpy(out, p, 3);
			out += 3;
			p += 2;
		} else if (must_be_escaped(*p)) {
			*out++ = '%';
			*out++ = digits[(unsigned char)*p >> 4];
			*out++ = digits[(unsigned char)*p & 15];
		} else {
			if (*p == '%')
				percent = out;
			out = put(out, *p, &percent);
		}
	}
	return out;
}

/* Goes back to after the slash before the last segment, which may be empty. */
static char *up(char *begin, char *out)
{
	if (out - begin > 1)
		out--;
	while (out - begin > 1 && out[-1] != '/')
		out--;
	return out;
}

const char *path_normal(struct arena *a, const char *path)
{
	size_t len = strcspn(path, "?");
	const char *p = path, *end = path + len, *segment;
	char *begin = arena_alloc(a, 3 * strlen(path) + 2), *out = begin;

	for (const char *q = path; q < end; q++)
		if (escaped(q, end) == 0 || *q == '#')
			return NULL;
	if (p == end || !is_slash(*p))
		return NULL;
	*out++ = '/';
	for (p++; p <= end; p = segment + 1) {
		unsigned n;

		segment = segment_end(p, end);
		n = dots(p, segment);
		if (n == 2)
			out = up(begin, out);
		if (n)
			continue;
		out = add(out, p, segment);
		if (segment < end)
			*out++ = '/';
	}
	(void)strcpy(out, path + len);
	return begin;
}

const char *path_merged(struct arena *a, const char *path)
{
	size_t len = strcspn(path, "?");
	char *copy = arena_strdup(a, path), *out = copy;

	/* Of a path of slashes two remain: one for the beginning, one for the end. */
	if (len > 1 && strspn(path, "/") == len)
		return arena_printf(a, "//%s", path + len);
	for (size_t i = 0; i < len; i++)
		if (path[i] != '/' || i + 1 == len || path[i + 1] != '/')
			*out++ = path[i];
	(void)strcpy(out, path + len);
	return copy;
}

const char *path_escaped(struct arena *a, const char *path)
{
	const char *p = path;
	char *copy;

	while (*p && *p != '%' && !must_be_escaped(*p))
		p++;
	if (!*p)
		return path;
	copy = arena_alloc(a, 3 * strlen(path) + 1);
	*add(copy, path, path + strlen(path)) = '\0';
	return copy;
}

/* ---- paths that no request has ---- */

/* open: the last segment may go on. */
static bool has_dots(const char *path, bool open)
{
	for (const char *end; *path == '/'; path = end) {
		end = path + 1 + strcspn(path + 1, "/");
		if (dots(path + 1, end) && (*end || !open))
			return true;
	}
	return false;
}

static bool has_escape(const char *path, int c)
{
	const char *end = path + strlen(path);

	for (; *path; path++)
		if (escaped(path, end) == c)
			return true;
	return false;
}

const char *path_never(const char *path, bool prefix, bool keep_slashes)
{
	if (strchr(path, '\\'))
		return "Envoy takes a backslash for a slash: write /";
	if (has_dots(path, prefix))
		return "Envoy resolves \".\" and \"..\" before it looks for a route: write the "
		       "path "
		       "that is meant";
	if (!keep_slashes && (has_escape(path, '/') || has_escape(path, '\\')))
		return "escaped slashes do not reach a route, unless portolan.edge.escaped-slashes "
		       "is keep";
	if (has_escape(path, '\0'))
		return "Envoy refuses %00 in a path";
	return NULL;
}

/* A letter or digit that the text of a match must begin with. */
static bool begins_without_slash(const char *regex)
{
	if (*regex == '^')
		regex++;
	return isalnum((unsigned char)*regex) && !strchr("?*{", regex[1]) && !strchr(regex, '|');
}

const char *path_regex_never(const char *regex)
{
	if (begins_without_slash(regex) && regex[1])
		return "a path begins with a slash, and the expression must fit all of it";
	/* A regex with alternatives may match in another way. */
	if (strpbrk(regex, "|[]()?*{}\\"))
		return NULL;
	for (const char *p = regex; *p; p++)
		if (*p != '^' && must_be_escaped(*p))
			return "requests have spaces, quotes and all but ASCII escaped: write %20, "
			       "or \".\" for any character";
	return NULL;
}

const char *path_to_send(struct arena *a, const char *path)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	if (*path != '/')
		strbuf_putc(&b, '/');
	for (const unsigned char *p = (const unsigned char *)path; *p; p++)
		strbuf_printf(&b, *p <= ' ' || *p >= 0x7f ? "%%%02X" : "%c", *p);
	return arena_strdup(a, strbuf_str(&b));
}

/* A segment such as {id}, or with its escapes. */
static bool has_variable(const char *path)
{
	for (const char *end; *path == '/'; path = end) {
		bool plain = path[1] == '{', open = plain || strncasecmp(path + 1, "%7b", 3) == 0;

		end = path + 1 + strcspn(path + 1, "/");
		if (open && (plain ? end[-1] == '}' : strncasecmp(end - 3, "%7d", 3) == 0))
			return true;
	}
	return false;
}

/* What nobody writes into a path but as a part of a regular expression; or with its escapes. */
static bool has_pattern(const char *path)
{
	static const char *const parts[] = {
		"/.*",  "/.+",    "(.*)",  "(.+)",  "(/|",   "(/%7C",
		"[^/]", "[%5E/]", "[0-9]", "[a-z]", "[A-Z]",
	};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (strstr(path, parts[i]))
			return true;
	return false;
}

const char *path_with_star(const char *path, bool regex)
{
	if (regex)
		return word_ends_with(path, "/*")
			       ? "in a regular expression /* is any number of slashes: write /.*"
			       : NULL;
	if (strcmp(path, "/*") == 0)
		return "the * is a character like any other: the prefix / has all paths";
	if (word_ends_with(path, "/*") || word_ends_with(path, "/**"))
		return "the * is a character like any other: without /* the prefix has all paths "
		       "below";
	if (has_pattern(path))
		return "it is compared character by character, and is no regular expression here";
	if (has_variable(path))
		return "the braces are characters like any other, not a variable: a prefix before "
		       "them has all paths below";
	return NULL;
}

const char *query_never(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		if (*p <= ' ' || *p >= 0x7f || *p == '#' || *p == '&')
			return "a query is compared as it is sent, and clients send this escaped: "
			       "write %20 (or +) for a space, %26 for &";
	return NULL;
}
