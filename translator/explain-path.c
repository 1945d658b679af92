/* Paths as Envoy's routes see them: dot segments resolved, needless escapes undone (normalize_path), and
 * runs of slashes made one (merge_slashes). Found out by asking Envoy 1.40; test_explain.py compares.
 * Runs in the translator. */
#include <ctype.h>
#include <string.h>

#include "translator/explain-internal.h"

static int hex(char c)
{
	return isdigit((unsigned char)c) ? c - '0' :
	       isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

/* The byte that a "%XX" stands for, or -1. */
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

/* How many dots the segment consists of, 1 or 2; 0 for all else. "%2e" is a dot; what follows a ';' does
 * not count, where the dots are written as such. */
static unsigned dots(const char *p, const char *end)
{
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
	return (p == end || (*p == ';' && plain)) && n < 3 ? n : 0;
}

/* What is undone may make an escape of a '%' that was none ("%%61%61"): then that is escaped itself. */
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
		} else if (strchr("\"<>^`{|}", *p)) {
			*out++ = '%';
			*out++ = digits[(unsigned char)*p >> 4];
			*out++ = digits[*p & 15];
		} else {
			if (*p == '%')
				percent = out;
			out = put(out, *p, &percent);
		}
	}
	return out;
}

/* Back behind the slash before the last segment, which may be empty. */
static char *up(char *begin, char *out)
{
	if (out - begin > 1)
		out--;
	while (out - begin > 1 && out[-1] != '/')
		out--;
	return out;
}

const char *explain_path_normal(struct arena *a, const char *path)
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

		segment = p;
		while (segment < end && !is_slash(*segment))
			segment++;
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

const char *explain_path_merged(struct arena *a, const char *path)
{
	size_t len = strcspn(path, "?");
	char *copy = arena_strdup(a, path), *out = copy;

	/* Of nothing but slashes two are left: one for the beginning, one for the end. */
	if (len > 1 && strspn(path, "/") == len)
		return arena_printf(a, "//%s", path + len);
	for (size_t i = 0; i < len; i++)
		if (path[i] != '/' || i + 1 == len || path[i + 1] != '/')
			*out++ = path[i];
	(void)strcpy(out, path + len);
	return copy;
}
