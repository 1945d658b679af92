/* Conditions of snippets, as conditions on requests. */
#include <string.h>

#include "translator/nginx/nginx-pattern.h"
#include "translator/nginx/nginx-program.h"
#include "translator/nginx/nginx-variable.h"

static const struct nginx_shape whole = { "", ".*", ".*", "", ".", '\0', false };
static const struct nginx_shape host = { "", "[^:]*", ".*", "(?::[0-9]+)?", "[^:]", ':', true };
static const struct nginx_shape path = { "", "[^?]*", ".*", "(?:\\?.*)?", "[^?]", '?', false };
static const struct nginx_shape query_string = { "[^?]*\\?", ".*", ".*", "", ".", '\0', false };

/* Of a name, which is before it. Envoy's own conditions on parameters know names in one case only,
 * and take one without a value for the first. */
static const struct nginx_shape parameter = { "",  "[^&]*", "[^&]*(?:&.*)?", "(?:&.*)?", "[^&]",
					      '&', false };
static const struct nginx_shape cookie = { "",  "[^;]*", "[^;]*(?:;.*)?", "(?:;.*)?", "[^; ]",
					   ';', false };

struct operand {
	const char *text;   /* known before there is a request; NULL: it is not */
	const char *header; /* or NULL */
	struct nginx_shape shape;
};

static const struct {
	const char *name, *header;
	const struct nginx_shape *shape;
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

static void set_part(struct operand *ret, const char *header, const char *before,
		     const struct nginx_shape *shape)
{
	ret->header = header;
	ret->shape = *shape;
	ret->shape.before = before;
}

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
		set_part(ret, ":path", nginx_pattern_parameter(a, name + 4), &parameter);
	else if (strncmp(name, "cookie_", 7) == 0 && name[7])
		set_part(ret, "cookie", nginx_pattern_cookie(a, name + 7), &cookie);
	return ret->header != NULL;
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

/* ---- conditions ---- */

static bool set_match(struct nginx_program *g, const struct operand *x, const char *op,
		      const char *value, struct value_match *ret)
{
	bool regex = strchr(op, '~') != NULL;
	bool plain = !*x->shape.before && !*x->shape.end;

	*ret = (struct value_match){ .name = x->header };
	ret->missing_as_empty = regex || *value || !plain;
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
		ret->value =
			nginx_pattern_search(g->p->a, value, &x->shape, strchr(op, '*') != NULL);
	else
		ret->value = plain ? value : nginx_pattern_equal(g->p->a, value, &x->shape);
	ret->ignore_case = !regex && strcmp(x->header, ":authority") == 0 && plain;
	return ret->value != NULL;
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
			       const char *word, struct value_match *ret)
{
	struct operand x;

	if (!read_operand(g, o, word, false, &x))
		return NGINX_REFUSED;
	if (x.text)
		return *x.text && strcmp(x.text, "0") != 0 ? NGINX_TRUE : NGINX_FALSE;
	if (!set_match(g, &x, "~", "^(0.+|[^0].*)$", ret))
		return NGINX_REFUSED;
	return NGINX_DEPENDS;
}

enum nginx_truth nginx_condition_read(struct nginx_program *g, const struct nginx_outcome *o,
				      const char *const *words, size_t n, struct value_match *ret,
				      bool *ret_swap)
{
	static const char *const operators[] = { "=", "!=", "~", "!~", "~*", "!~*" };
	struct operand x;
	const char *op = NULL, *value;

	if (n == 1)
		return is_set(g, o, words[0], ret);
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
	/* A condition cannot always be inverted: the outcomes change places. */
	*ret_swap = (*op == '!') != ret->invert;
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
