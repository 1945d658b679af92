/* Conditions of snippets, as conditions on requests. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "common/base/strbuf.h"
#include "translator/check/regex.h"
#include "translator/nginx/nginx-program.h"
#include "translator/nginx/nginx-variable.h"

/* The place of a variable's text in a header's value: the text before it, the texts around a match
 * that is not bound to its begin or end, what follows its end, any one character of it, and the
 * character that it cannot have, as it ends there. */
struct shape {
	const char *before, *head, *tail, *end, *one;
	char stop;  /* '\0': none */
	bool lower; /* nginx has made it lower case */
};

static const struct shape whole = { "", ".*", ".*", "", ".", '\0', false };
static const struct shape host = { "", "[^:]*", ".*", "(?::[0-9]+)?", "[^:]", ':', true };
static const struct shape path = { "", "[^?]*", ".*", "(?:\\?.*)?", "[^?]", '?', false };
static const struct shape query_string = { "[^?]*\\?", ".*", ".*", "", ".", '\0', false };

struct operand {
	const char *text;   /* known before there is a request; NULL: it is not */
	const char *header; /* or NULL */
	const char *query;
	struct shape shape;
};

static const struct {
	const char *name, *header;
	const struct shape *shape;
} headers[] = {
	{ "request_method", ":method", &whole },
	{ "host", ":authority", &host },
	{ "http_host", ":authority", &whole },
	{ "request_uri", ":path", &whole },
	{ "uri", ":path", &path },
	{ "document_uri", ":path", &path },
	{ "args", ":path", &query_string },
	{ "query_string", ":path", &query_string },
};

/* ---- operands ---- */

static bool read_variable(struct arena *a, const char *name, struct operand *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(headers); i++)
		if (strcmp(headers[i].name, name) == 0) {
			ret->header = headers[i].header;
			ret->shape = *headers[i].shape;
			return true;
		}
	ret->shape = whole;
	if (strncmp(name, "http_", 5) == 0 && name[5])
		ret->header = nginx_variable_header(a, name + 5);
	else if (strncmp(name, "arg_", 4) == 0 && name[4])
		ret->query = name + 4;
	else if (strncmp(name, "cookie_", 7) == 0 && name[7]) {
		ret->header = "cookie";
		ret->shape = (struct shape){
			arena_printf(a, "(?:.*;\\s*)?(?i:%s)=", name + 7),
			"[^;]*",
			"[^;]*(?:;.*)?",
			"(?:\\s*;.*)?",
			"[^;\\s]",
			';',
			false,
		};
	}
	return ret->header || ret->query;
}

static bool read_operand(struct nginx_program *g, const struct nginx_outcome *o, const char *word,
			 bool regex, struct operand *ret)
{
	const char *name, *text = nginx_program_substitute(g, o, word);
	const char *rest = *text == '$' ? nginx_variable_scan(g->p->a, text, &name) : NULL;

	*ret = (struct operand){ 0 };
	ret->text = nginx_variable_plain(g->p, g->s, text);
	/* A known name is compared with a regex by Envoy, as any. */
	if (ret->text && !(regex && rest && !*rest && strcmp(name, "host") == 0))
		return true;
	ret->text = NULL;
	return rest && !*rest && read_variable(g->p->a, name, ret);
}

/* ---- patterns ---- */

static const char *quoted(struct arena *a, const char *text)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	for (; *text; text++) {
		if (strchr(".+*?()[]{}|^$\\", *text))
			strbuf_putc(&b, '\\');
		strbuf_putc(&b, *text);
	}
	return arena_strdup(a, strbuf_str(&b));
}

/* The end of the first alternative that is in no group, or of the text. */
static const char *branch_end(const char *regex)
{
	const char *q = regex;
	int depth = 0;
	bool class = false;

	for (; *q; q++) {
		if (*q == '\\' && q[1])
			q++;
		else if (class)
			class = *q != ']';
		else if (*q == '[')
			class = true;
		else if (*q == '(')
			depth++;
		else if (*q == ')')
			depth--;
		else if (*q == '|' && depth <= 0)
			break;
	}
	return q;
}

/* A flag holds for the alternatives behind it, too. */
static bool has_flags(const char *regex)
{
	for (const char *q = strstr(regex, "(?"); q; q = strstr(q + 2, "(?"))
		if (q[2] != ':' && q[2] != 'P' && q[2] != '<')
			return true;
	return false;
}

bool nginx_condition_is_regex(const char *regex)
{
	size_t charged = 0;
	char why[128];

	return regex_check(regex, &charged, why, sizeof(why)) == 0;
}

/* Whether it asks for the begin or the end of the variable's text within, where the header's value
 * goes on. */
static bool has_inner_anchor(const struct shape *s, const char *text, size_t n)
{
	bool class = false;

	for (size_t i = 0; i < n; i++) {
		bool escaped = text[i] == '\\' && i + 1 < n;
		char c = escaped ? text[++i] : text[i];

		if (!class && ((c == (escaped ? 'z' : '$') && *s->end) ||
			       (c == (escaped ? 'A' : '^') && *s->before)))
			return true;
		if (!escaped)
			class = class ? c != ']' : c == '[';
	}
	return false;
}

static bool put_escaped(struct strbuf *b, char c, char stop, bool in_set, bool negated)
{
	bool wide = strchr("SWD", c) != NULL;

	if (c == stop || strchr("pPQECx0123456789", c) || (wide && in_set && !negated))
		return false;
	if (wide && !in_set)
		strbuf_printf(b, "[^\\%c%c]", tolower((unsigned char)c), stop);
	else
		strbuf_printf(b, "\\%c", c);
	return true;
}

/* Whether the set has the character: by itself, in a range or in a class. */
static bool set_has(const char *text, size_t i, char next, char stop)
{
	return text[i] == stop || (text[i] == '[' && next == ':') ||
	       (text[i] == '-' && next && text[i - 1] <= stop && stop <= next);
}

/* The regular expression, without matches of the character: what it finds in the header's value is
 * within the variable's text. False: that cannot be said. */
static bool put_bounded(struct strbuf *b, const char *text, size_t n, char stop)
{
	bool set = false, negated = false;

	for (size_t i = 0; i < n; i++) {
		char c = text[i], next = i + 1 < n ? text[i + 1] : '\0';

		if (c == '\\' && next) {
			if (!put_escaped(b, next, stop, set, negated))
				return false;
			i++;
		} else if (!set && c == '[') {
			set = true;
			negated = next == '^';
			strbuf_printf(b, "[%s", negated ? "^" : "");
			if (negated)
				strbuf_putc(b, stop);
			i += negated;
			if (i + 1 < n && text[i + 1] == ']')
				return false;
		} else if (set) {
			if (!negated && set_has(text, i, next, stop))
				return false;
			set = c != ']';
			strbuf_putc(b, c);
		} else if (c == '.') {
			strbuf_printf(b, "[^%c]", stop);
		} else if (c == stop && stop != '?') {
			return false;
		} else {
			strbuf_putc(b, c);
		}
	}
	return true;
}

static bool put_branch(struct strbuf *b, const struct shape *s, const char *text, size_t n)
{
	bool begins = n && *text == '^';
	bool ends = n > 1 && text[n - 1] == '$' && text[n - 2] != '\\';

	if (has_inner_anchor(s, text + begins, n - begins - ends))
		return false;
	strbuf_printf(b, "%s%s(?:", s->before, begins ? "" : s->head);
	text += begins;
	n -= begins + ends;
	if (!s->stop)
		strbuf_printf(b, "%.*s", (int)n, text);
	else if (!put_bounded(b, text, n, s->stop))
		return false;
	strbuf_printf(b, ")%s", ends ? s->end : s->tail);
	return true;
}

/* Over the header's whole value; NULL: it cannot be said. */
static const char *search(struct arena *a, const char *regex, const struct shape *s, bool any_case)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	const char *end = branch_end(regex);

	if (!nginx_condition_is_regex(regex) || (*end && has_flags(regex)))
		return NULL;
	strbuf_puts(&b, any_case ? "(?i)" : "");
	if (!put_branch(&b, s, regex, (size_t)(end - regex)))
		return NULL;
	while (*end) {
		regex = end + 1;
		end = branch_end(regex);
		strbuf_putc(&b, '|');
		if (!put_branch(&b, s, regex, (size_t)(end - regex)))
			return NULL;
	}
	return nginx_condition_is_regex(strbuf_str(&b)) ? arena_strdup(a, strbuf_str(&b)) : NULL;
}

static const char *equal(struct arena *a, const char *text, const struct shape *s)
{
	return arena_printf(a, "%s%s%s%s", s->lower ? "(?i)" : "", s->before, quoted(a, text),
			    s->end);
}

/* ---- conditions ---- */

/* A text in lower case meets a regular expression in lower case whatever the client wrote. */
static bool is_any_case(const struct shape *s, const char *op, const char *regex)
{
	for (const char *q = regex; s->lower && *q; q++) {
		if (*q == '\\' && q[1])
			q++;
		else if (isupper((unsigned char)*q))
			return strchr(op, '*') != NULL;
	}
	return s->lower || strchr(op, '*');
}

static bool set_match(struct nginx_program *g, const struct operand *x, const char *op,
		      const char *value, struct value_match *ret)
{
	bool regex = strchr(op, '~') != NULL;
	bool plain = x->query || (!*x->shape.before && !*x->shape.end);

	*ret = (struct value_match){ .name = x->query ? x->query : x->header };
	ret->missing_as_empty = !x->query && (regex || *value || !plain);
	if (!regex && !*value) {
		/* Absent is empty to nginx. */
		ret->op = plain ? MATCH_PRESENT : MATCH_REGEX;
		ret->value = plain ? ""
				   : arena_printf(g->p->a, "%s%s%s", x->shape.before, x->shape.one,
						  x->shape.tail);
		ret->invert = true;
		return true;
	}
	ret->op = regex || !plain ? MATCH_REGEX : MATCH_EXACT;
	if (regex)
		ret->value = search(g->p->a, value, &x->shape, is_any_case(&x->shape, op, value));
	else
		ret->value = plain ? value : equal(g->p->a, value, &x->shape);
	ret->ignore_case = !regex && x->header && strcmp(x->header, ":authority") == 0 && plain;
	return ret->value != NULL;
}

/* A parameter as a part of the whole address: Envoy inverts conditions on headers only. False: it
 * cannot be said. */
static bool set_inverse(struct nginx_program *g, const struct operand *x, const char *op,
			const char *value, struct value_match *ret)
{
	struct operand y = { .header = ":path" };

	y.shape = (struct shape){
		arena_printf(g->p->a, "[^?]*\\?(?:.*&)?(?i:%s)=", x->query),
		"[^&]*",
		"[^&]*(?:&.*)?",
		"(?:&.*)?",
		"[^&]",
		'&',
		false,
	};
	return set_match(g, &y, op, value, ret);
}

static enum nginx_truth compare(const struct operand *x, const char *op, const char *value)
{
	bool equal_texts = strcmp(x->text, value) == 0;

	if (strchr(op, '~'))
		return NGINX_REFUSED;
	return equal_texts != (*op == '!') ? NGINX_TRUE : NGINX_FALSE;
}

/* "if ($x)": neither empty nor "0". */
static enum nginx_truth is_set(struct nginx_program *g, const struct nginx_outcome *o,
			       const char *word, struct value_match *ret, bool *ret_query)
{
	struct operand x;

	if (!read_operand(g, o, word, false, &x))
		return NGINX_REFUSED;
	if (x.text)
		return *x.text && strcmp(x.text, "0") != 0 ? NGINX_TRUE : NGINX_FALSE;
	if (!set_match(g, &x, "~", "^(0.+|[^0].*)$", ret))
		return NGINX_REFUSED;
	*ret_query = x.query != NULL;
	return NGINX_DEPENDS;
}

enum nginx_truth nginx_condition_read(struct nginx_program *g, const struct nginx_outcome *o,
				      const char *const *words, size_t n, struct value_match *ret,
				      bool *ret_query, bool *ret_swap)
{
	static const char *const operators[] = { "=", "!=", "~", "!~", "~*", "!~*" };
	struct operand x;
	const char *op = NULL, *value;

	if (n == 1)
		return is_set(g, o, words[0], ret, ret_query);
	for (size_t i = 0; n == 3 && i < ARRAY_SIZE(operators); i++)
		if (strcmp(operators[i], words[1]) == 0)
			op = operators[i];
	if (!op || !read_operand(g, o, words[0], strchr(op, '~') != NULL, &x))
		return NGINX_REFUSED;
	value = strchr(op, '~') ? words[2] : nginx_program_plain(g, o, words[2]);
	if (!value)
		return NGINX_REFUSED;
	if (x.text)
		return compare(&x, op, value);
	if (!set_match(g, &x, op, value, ret))
		return NGINX_REFUSED;
	*ret_query = x.query != NULL;
	/* A condition cannot always be inverted: the outcomes change places. */
	*ret_swap = (*op == '!') != ret->invert;
	/* No route of a server's forwards, so there they cannot. */
	if (x.query && *ret_swap && g->server) {
		*ret_query = false;
		if (!set_inverse(g, &x, op, value, ret))
			return NGINX_REFUSED;
	}
	ret->invert = false;
	return NGINX_DEPENDS;
}

enum nginx_truth nginx_condition_path(struct nginx_program *g, const char *regex,
				      struct value_match *ret)
{
	static const char *const all[] = { "^",       ".*",    "^.*",    "^.*$",  "(.*)", "^(.*)$",
					   "^/(.*)$", "/(.*)", "^/(.*)", "^(.*)", "^/",   "/" };
	struct operand x = { .header = ":path", .shape = path };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (strcmp(all[i], regex) == 0)
			return NGINX_TRUE;
	return set_match(g, &x, "~", regex, ret) ? NGINX_DEPENDS : NGINX_REFUSED;
}
