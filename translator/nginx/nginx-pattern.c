/* Regular expressions on a part of a header's value. */
#include <ctype.h>
#include <string.h>

#include "common/base/strbuf.h"
#include "translator/check/regex.h"
#include "translator/nginx/nginx-pattern.h"

/* ---- sets ---- */

/* The ASCII characters of a set, as it is written behind [ or [^. */
struct set {
	size_t from, end; /* behind [ or [^; the place of the ] */
	bool negated;
	bool has[128];
};

/* The ] of the set that begins here, or n. */
static size_t set_end(const char *text, size_t n, size_t at)
{
	size_t i = at + 1;

	i += i < n && text[i] == '^';
	i += i < n && text[i] == ']';
	for (; i < n && text[i] != ']'; i++) {
		const char *class = NULL;

		if (text[i] == '[' && i + 1 < n && text[i + 1] == ':')
			class = memmem(text + i + 2, n - i - 2, ":]", 2);
		if (class)
			i = (size_t)(class - text) + 1;
		else if (text[i] == '\\')
			i++;
	}
	return MIN(i, n);
}

static int is_word(int c)
{
	return isalnum(c) || c == '_';
}

static int is_ascii(int c _unused_)
{
	return 1;
}

static const struct {
	const char *name;
	int (*has)(int c);
} classes[] = {
	{ "d", isdigit },       { "s", isspace },      { "w", is_word },     { "alnum", isalnum },
	{ "alpha", isalpha },   { "ascii", is_ascii }, { "blank", isblank }, { "cntrl", iscntrl },
	{ "digit", isdigit },   { "graph", isgraph },  { "lower", islower }, { "print", isprint },
	{ "punct", ispunct },   { "space", isspace },  { "upper", isupper }, { "word", is_word },
	{ "xdigit", isxdigit },
};

static bool add_class(struct set *s, const char *name, size_t n, bool inverse)
{
	for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
		if (strlen(classes[i].name) != n || memcmp(classes[i].name, name, n) != 0)
			continue;
		for (int c = 0; c < 128; c++)
			s->has[c] |= (classes[i].has(c) != 0) != inverse;
		return true;
	}
	return false;
}

/* A class: \w, [:alpha:]. Returns the place behind it; 0: there is none, or it is not known. */
static size_t read_class(struct set *s, const char *text, size_t i)
{
	bool inverse;
	size_t n;

	if (text[i] == '\\') {
		char name = (char)tolower((unsigned char)text[i + 1]);

		return add_class(s, &name, 1, name != text[i + 1]) ? i + 2 : 0;
	}
	if (text[i] != '[' || text[i + 1] != ':')
		return 0;
	inverse = text[i + 2] == '^';
	i += 2 + inverse;
	n = strcspn(text + i, ":");
	return text[i + n] && text[i + n + 1] == ']' && n > 1 && add_class(s, text + i, n, inverse)
		       ? i + n + 2
		       : 0;
}

/* One character. Returns the place behind it; 0: it is written in a way that is not known. */
static size_t read_char(const char *text, size_t i, unsigned char *ret)
{
	static const char letters[] = "tnrfav", meant[] = "\t\n\r\f\a\v";
	const char *letter;

	*ret = (unsigned char)text[i];
	if (text[i] != '\\')
		return i + 1;
	*ret = (unsigned char)text[i + 1];
	letter = strchr(letters, text[i + 1]);
	if (letter)
		*ret = (unsigned char)meant[letter - letters];
	return letter || ispunct(*ret) ? i + 2 : 0;
}

/* The set that begins here, of an expression that RE2 takes. False: it is not known what it has. */
static bool read_set(const char *text, size_t n, size_t at, struct set *ret)
{
	size_t i;

	*ret = (struct set){ .from = at + 1, .end = set_end(text, n, at) };
	ret->negated = text[at + 1] == '^';
	ret->from += ret->negated;
	for (i = ret->from; i < ret->end;) {
		size_t behind = read_class(ret, text, i);
		unsigned char low, high;

		if (behind) {
			i = behind;
			continue;
		}
		if (text[i] == '[' && text[i + 1] == ':')
			return false;
		i = read_char(text, i, &low);
		high = low;
		/* A - before the end is one by itself. */
		if (i && i + 1 < ret->end && text[i] == '-')
			i = read_char(text, i + 1, &high);
		if (!i)
			return false;
		for (unsigned c = low; c <= high && c < 128; c++)
			ret->has[c] = true;
	}
	return i == ret->end && ret->end < n;
}

/* Whether it has a capital without its small letter. */
static bool has_capital(const struct set *s)
{
	for (int c = 'A'; c <= 'Z'; c++)
		if (s->has[c] && !s->has[tolower(c)])
			return true;
	return false;
}

/* ---- texts ---- */

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
static size_t branch_end(const char *regex)
{
	size_t i = 0, n = strlen(regex);
	int depth = 0;

	for (; i < n; i++) {
		if (regex[i] == '\\' && i + 1 < n)
			i++;
		else if (regex[i] == '[')
			i = set_end(regex, n, i);
		else if (regex[i] == '(')
			depth++;
		else if (regex[i] == ')')
			depth--;
		else if (regex[i] == '|' && depth <= 0)
			break;
	}
	return MIN(i, n);
}

/* A flag holds for the alternatives behind it, too. */
static bool has_flags(const char *regex)
{
	for (const char *q = strstr(regex, "(?"); q; q = strstr(q + 2, "(?"))
		if (q[2] != ':' && q[2] != 'P' && q[2] != '<')
			return true;
	return false;
}

bool nginx_pattern_is_regex(const char *regex)
{
	size_t charged = 0;
	char why[128];

	return regex_check(regex, &charged, why, sizeof(why)) == 0;
}

/* Whether it asks for the begin or the end of the variable's text within, where the header's value
 * goes on. */
static bool has_inner_anchor(const struct nginx_shape *s, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool escaped = text[i] == '\\' && i + 1 < n;
		char c = escaped ? text[++i] : text[i];

		if ((c == (escaped ? 'z' : '$') && *s->end) ||
		    (c == (escaped ? 'A' : '^') && *s->before))
			return true;
		if (!escaped && c == '[')
			i = set_end(text, n, i);
	}
	return false;
}

/* ---- the bounds of the variable's text ---- */

/* An expression on a part of a header's value, without matches of the character that ends it: what
 * it finds is within the variable's text. */
struct bounded {
	struct strbuf *b;
	const char *text;
	size_t n;
	char stop;
	bool strict; /* it has no capital, as the text has none */
};

/* These return the place behind what they have read; 0: it cannot be said. */

static size_t put_escaped(const struct bounded *x, size_t i)
{
	char c = x->text[i + 1];

	if (c == x->stop || strchr("pPQECx0123456789", c))
		return 0;
	if (strchr("SWD", c))
		strbuf_printf(x->b, "[^\\%c%c]", tolower((unsigned char)c), x->stop);
	else
		strbuf_printf(x->b, "\\%c", c);
	return i + 2;
}

static size_t put_set(const struct bounded *x, size_t i)
{
	struct set set;

	if (!read_set(x->text, x->n, i, &set) || (x->strict && has_capital(&set)) ||
	    (!set.negated && set.has[(unsigned char)x->stop]))
		return 0;
	strbuf_puts(x->b, set.negated ? "[^" : "[");
	if (set.negated)
		strbuf_putc(x->b, x->stop);
	/* These mean something else behind another character. */
	if (set.negated && strchr("-]", x->text[set.from]))
		strbuf_putc(x->b, '\\');
	strbuf_printf(x->b, "%.*s", (int)(set.end + 1 - set.from), x->text + set.from);
	return set.end + 1;
}

/* "(", "(?:", "(?P<name>", "(?i)" */
static size_t put_group(const struct bounded *x, size_t i)
{
	size_t n = 1;

	if (i + 1 < x->n && x->text[i + 1] == '?')
		n = strcspn(x->text + i, ":>)") + 1;
	if (i + n > x->n || (x->strict && memchr(x->text + i, '-', n)))
		return 0;
	strbuf_printf(x->b, "%.*s", (int)n, x->text + i);
	return i + n;
}

static size_t put_one(const struct bounded *x, size_t i)
{
	char c = x->text[i];

	if (c == '\\' && i + 1 < x->n)
		return put_escaped(x, i);
	if (c == '[')
		return put_set(x, i);
	if (c == '(')
		return put_group(x, i);
	/* A ? by itself is how often something is there. */
	if ((c == x->stop && c != '?') || (x->strict && isupper((unsigned char)c)))
		return 0;
	if (c == '.')
		strbuf_printf(x->b, "[^%c]", x->stop);
	else
		strbuf_putc(x->b, c);
	return i + 1;
}

static bool put_bounded(const struct bounded *x)
{
	for (size_t i = 0; i < x->n;) {
		i = put_one(x, i);
		if (!i)
			return false;
	}
	return true;
}

static bool put_branch(struct strbuf *b, const struct nginx_shape *s, const char *text, size_t n,
		       bool any_case)
{
	bool begins = n && *text == '^';
	bool ends = n > 1 && text[n - 1] == '$' && text[n - 2] != '\\';
	struct bounded x = { b, text + begins, n - begins - ends, s->stop, s->lower && !any_case };

	if (has_inner_anchor(s, x.text, x.n))
		return false;
	strbuf_printf(b, "%s%s(?:", s->before, begins ? "" : s->head);
	if (!s->stop)
		strbuf_printf(b, "%.*s", (int)x.n, x.text);
	else if (!put_bounded(&x))
		return false;
	strbuf_printf(b, ")%s", ends ? s->end : s->tail);
	return true;
}

const char *nginx_pattern_search(struct arena *a, const char *regex, const struct nginx_shape *s,
				 bool any_case)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	size_t end = branch_end(regex);

	/* A part that is absent is empty to nginx, and not there for Envoy. */
	if (*s->before && regex_matches(arena_printf(a, "(?:%s)", regex), ""))
		return NULL;
	/* What is behind \Q is not read here. */
	if (!nginx_pattern_is_regex(regex) || strstr(regex, "\\Q") ||
	    (regex[end] && has_flags(regex)))
		return NULL;
	/* A text in lower case meets an expression in lower case whatever the client wrote. */
	strbuf_puts(&b, any_case || s->lower ? "(?i)" : "");
	if (!put_branch(&b, s, regex, end, any_case))
		return NULL;
	while (regex[end]) {
		regex += end + 1;
		end = branch_end(regex);
		strbuf_putc(&b, '|');
		if (!put_branch(&b, s, regex, end, any_case))
			return NULL;
	}
	return nginx_pattern_is_regex(strbuf_str(&b)) ? arena_strdup(a, strbuf_str(&b)) : NULL;
}

const char *nginx_pattern_equal(struct arena *a, const char *text, const struct nginx_shape *s)
{
	return arena_printf(a, "%s%s%s%s", s->lower ? "(?i)" : "", s->before, quoted(a, text),
			    s->end);
}

/* ---- names ---- */

/* A letter in both cases, within a set. (?i) would take letters of other alphabets for some. */
static void put_letter(struct strbuf *b, char c)
{
	strbuf_putc(b, c);
	if (isalpha((unsigned char)c))
		strbuf_putc(b, (char)(c ^ 0x20));
}

static void put_name(struct strbuf *b, const char *name)
{
	for (; *name; name++) {
		strbuf_putc(b, '[');
		put_letter(b, *name);
		strbuf_putc(b, ']');
	}
}

/* An item of a list that does not have the name: it differs from it in one of its characters, or
 * ends before (RE2 does not look ahead). stops: what ends an item; last: what may follow the name.
 */
static void put_other(struct strbuf *b, const char *name, const char *stops, const char *last)
{
	for (const char *q = name; *q; q++) {
		strbuf_puts(b, "(?:[^");
		put_letter(b, *q);
		strbuf_printf(b, "%s][^%s]*|[", stops, stops);
		put_letter(b, *q);
		strbuf_putc(b, ']');
	}
	strbuf_puts(b, last);
	for (; *name; name++)
		strbuf_puts(b, ")?");
}

const char *nginx_pattern_parameter(struct arena *a, const char *name)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	strbuf_puts(&b, "[^?]*\\?(?:");
	put_other(&b, name, "&", "(?:[^=&][^&]*)?");
	strbuf_puts(&b, "&)*");
	put_name(&b, name);
	strbuf_putc(&b, '=');
	return arena_strdup(a, strbuf_str(&b));
}

/* nginx steps over a name without "=" to the second ; or , behind it. */
const char *nginx_pattern_cookie(struct arena *a, const char *name)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	strbuf_puts(&b, "(?:");
	put_other(&b, name, ";,", " *[^= ][^;,]*");
	strbuf_puts(&b, "[;,] *)*");
	put_name(&b, name);
	strbuf_puts(&b, " *= *");
	return arena_strdup(a, strbuf_str(&b));
}
