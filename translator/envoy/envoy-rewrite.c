/* Rewriting of paths. */
#include <ctype.h>
#include <string.h>

#include "common/base/strbuf.h"
#include "translator/envoy/envoy-match.h"
#include "translator/envoy/envoy-rewrite.h"

EnvoyRegexMatchAndSubstitute *envoy_substitute(struct arena *a, const char *pattern,
					       const char *text)
{
	EnvoyRegexMatchAndSubstitute *m = message_new(a, EnvoyRegexMatchAndSubstitute);

	m->pattern = envoy_regex(a, pattern);
	m->substitution = (char *)text;
	return m;
}

/* A replacement for a regex with this literal text: \1 in it has no meaning. */
static char *regex_literal(struct arena *a, const char *text)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	for (; *text; text++) {
		if (*text == '\\')
			strbuf_putc(&b, '\\');
		strbuf_putc(&b, *text);
	}
	return arena_strdup(a, strbuf_str(&b));
}

static char *trimmed(struct arena *a, const char *path)
{
	size_t n = strlen(path);

	while (n && path[n - 1] == '/')
		n--;
	return arena_strndup(a, path, n);
}

/* A pattern that matches exactly this text (RE2). */
static const char *quote(struct arena *a, const char *text)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	for (; *text; text++) {
		if (!isalnum((unsigned char)*text) && *text != '/' && *text != '_' &&
		    !((unsigned char)*text & 0x80))
			strbuf_putc(&b, '\\');
		strbuf_putc(&b, *text);
	}
	return arena_strdup(a, strbuf_str(&b));
}

/* Envoy's own rewriting of the prefix "/a" to "/" makes "/a/b" "//b" (E-RD-2, E-RW-1). */
static struct envoy_rewrite elements(struct arena *a, const struct route_match *match,
				     const char *text)
{
	struct envoy_rewrite ret = { 0 };
	char *to = trimmed(a, text);

	if (strcmp(match->path, "/") == 0 && *to)
		ret.regex = envoy_substitute(a, "^/", arena_printf(a, "%s/", regex_literal(a, to)));
	else if (*to)
		ret.prefix = to;
	else if (strcmp(match->path, "/") != 0)
		ret.regex =
			envoy_substitute(a, arena_printf(a, "^%s/*", quote(a, match->path)), "/");
	return ret;
}

struct envoy_rewrite envoy_rewrite(struct arena *a, const struct route_match *match,
				   const struct rewrite *rewrite)
{
	struct envoy_rewrite ret = { 0 };

	switch (rewrite->kind) {
	case REWRITE_NONE:
		break;
	case REWRITE_PREFIX:
		ret.prefix = (char *)rewrite->text;
		break;
	case REWRITE_ELEMENTS:
		return elements(a, match, rewrite->text);
	case REWRITE_PATH:
		ret.regex = envoy_substitute(a, "^/.*$", regex_literal(a, rewrite->text));
		break;
	case REWRITE_REGEX:
		ret.regex = envoy_substitute(a, rewrite->pattern, rewrite->text);
		break;
	}
	return ret;
}
