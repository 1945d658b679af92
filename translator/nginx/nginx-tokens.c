/* The tokens of nginx's configuration. */
#include <errno.h>
#include <string.h>

#include "common/base/strbuf.h"
#include "translator/nginx/nginx-tokens.h"

struct scan {
	struct arena *a;
	const char *at;
	unsigned line, depth;
	struct nginx_directives *out;
	struct nginx_directive now;
	const char *why;
};

static int fail(struct scan *s, const char *why)
{
	s->why = arena_printf(s->a, "line %u: %s", s->line, why);
	return -EINVAL;
}

/* With or without quotes a backslash stays before all other characters: it belongs to a regular
 * expression. */
static void put_escaped(struct strbuf *b, char c)
{
	static const char from[] = "ntr\"'\\", to[] = "\n\t\r\"'\\";
	const char *known = strchr(from, c);

	if (!known)
		strbuf_putc(b, '\\');
	strbuf_putc(b, known ? to[known - from] : c);
}

static int take_word(struct scan *s)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	char quote = *s->at == '"' || *s->at == '\'' ? *s->at++ : '\0';

	if (!s->now.n)
		s->now.line = s->line;
	for (;; s->at++) {
		if (!*s->at) {
			if (quote)
				return fail(s, "a quote is not closed");
			break;
		}
		if (quote ? *s->at == quote : strchr(" \t\r\n;{", *s->at) != NULL)
			break;
		s->line += *s->at == '\n';
		if (*s->at == '\\' && s->at[1]) {
			s->line += s->at[1] == '\n';
			put_escaped(&b, *++s->at);
			continue;
		}
		if (*s->at == '$' && s->at[1] == '{')
			while (*s->at && *s->at != '}')
				strbuf_putc(&b, *s->at++);
		if (!*s->at)
			return fail(s, "a variable's brace is not closed");
		strbuf_putc(&b, *s->at);
	}
	if (quote)
		s->at++;
	if (s->now.n == NGINX_WORDS_MAX)
		return fail(s, "a directive has too many words");
	s->now.words[s->now.n++] = arena_strdup(s->a, strbuf_str(&b));
	return 0;
}

static int end_directive(struct scan *s, bool block)
{
	if (!s->now.n)
		return fail(s, block ? "a block has no directive" : "a semicolon has no directive");
	if (s->out->n == NGINX_DIRECTIVES_MAX)
		return fail(s, "there are too many directives");
	s->now.depth = s->depth;
	s->now.block = block;
	s->out->all[s->out->n++] = s->now;
	s->now = (struct nginx_directive){ 0 };
	s->depth += block;
	return 0;
}

static int step(struct scan *s)
{
	switch (*s->at) {
	case '\n':
		s->line++;
		s->at++;
		return 0;
	case ' ':
	case '\t':
	case '\r':
		s->at++;
		return 0;
	case '#':
		s->at += strcspn(s->at, "\n");
		return 0;
	case ';':
	case '{':
		s->at++;
		return end_directive(s, s->at[-1] == '{');
	case '}':
		s->at++;
		if (!s->depth || s->now.n)
			return fail(s, s->now.n ? "a directive has no semicolon"
						: "a block is closed that was not opened");
		s->depth--;
		return 0;
	default:
		return take_word(s);
	}
}

int nginx_tokens_read(struct arena *a, const char *text, struct nginx_directives *ret,
		      const char **ret_why)
{
	struct scan s = { .a = a, .at = text, .line = 1, .out = ret };
	int r = 0;

	ret->n = 0;
	ret->all = arena_new_of(a, struct nginx_directive, NGINX_DIRECTIVES_MAX);
	while (*s.at && r == 0)
		r = step(&s);
	if (r == 0 && s.now.n)
		r = fail(&s, "a directive has no semicolon");
	if (r == 0 && s.depth)
		r = fail(&s, "a block is not closed");
	*ret_why = s.why;
	return r;
}
