/* The one writer of JSON and YAML. Readers of YAML 1.1 and 1.2 get the same strings: a text that
 * either could read as another type is in JSON's double quotes. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/document.h"

enum lead {
	LEAD_NOTHING, /* at the start of a line */
	LEAD_SPACE,   /* after "-": the first item goes on in that line */
	LEAD_NEWLINE, /* after "key:" */
};

void document_init(struct document *d, struct strbuf *out, enum document_format format)
{
	d->out = out;
	d->format = format;
	d->depth = 0;
}

static struct document_level *top(struct document *d)
{
	return d->depth ? &d->levels[d->depth - 1] : NULL;
}

static void spaces(struct strbuf *b, unsigned n)
{
	memset(strbuf_room(b, n), ' ', n);
	b->len += n;
	b->s[b->len] = '\0';
}

static bool is_json(const struct document *d)
{
	return d->format != DOCUMENT_YAML;
}

/* JSON: to a line of its own, where the format has lines. */
static void json_line(struct document *d)
{
	if (d->format == DOCUMENT_LINE)
		return;
	strbuf_putc(d->out, '\n');
	spaces(d->out, 2 * d->depth);
}

/* Goes to where the next item of the innermost map or list begins. */
static void item(struct document *d, struct document_level *l)
{
	if (is_json(d)) {
		if (l->items)
			strbuf_putc(d->out, ',');
		json_line(d);
	} else if (l->items || l->lead != LEAD_SPACE) {
		if (!l->items && l->lead == LEAD_NEWLINE)
			strbuf_putc(d->out, '\n');
		spaces(d->out, l->indent);
	} else {
		strbuf_putc(d->out, ' ');
	}
	l->items++;
}

/* Written before any value: the dash of a list, or the space after a key. */
static void value(struct document *d, bool scalar)
{
	struct document_level *l = top(d);

	if (!l)
		return;
	if (l->list)
		item(d, l);
	if (is_json(d)) {
		if (!l->list && d->format == DOCUMENT_JSON)
			strbuf_putc(d->out, ' ');
		return;
	}
	if (l->list)
		strbuf_putc(d->out, '-');
	if (scalar)
		strbuf_putc(d->out, ' ');
}

static void value_end(struct document *d)
{
	if (d->format == DOCUMENT_YAML || !d->depth)
		strbuf_putc(d->out, '\n');
}

static void begin(struct document *d, bool list)
{
	struct document_level *up = top(d);
	struct document_level l = { .list = list };

	assert(d->depth < DOCUMENT_DEPTH_MAX);
	value(d, false);
	if (is_json(d)) {
		strbuf_putc(d->out, list ? '[' : '{');
	} else if (up) {
		l.lead = up->list ? LEAD_SPACE : LEAD_NEWLINE;
		/* A list has the indentation of its key: the dashes set it off. */
		l.indent = up->indent + (list && !up->list ? 0 : 2);
	}
	d->levels[d->depth++] = l;
}

void document_map(struct document *d)
{
	begin(d, false);
}

void document_list(struct document *d)
{
	begin(d, true);
}

void document_end(struct document *d)
{
	struct document_level l;

	assert(d->depth);
	l = d->levels[--d->depth];
	if (is_json(d)) {
		if (l.items)
			json_line(d);
		strbuf_putc(d->out, l.list ? ']' : '}');
		value_end(d);
	} else if (!l.items) {
		if (d->depth)
			strbuf_putc(d->out, ' ');
		strbuf_puts(d->out, l.list ? "[]\n" : "{}\n");
	}
}

/* Words that YAML 1.1 or 1.2 does not read as strings (yaml.org/type/bool.html and null.html).
 * Words that begin with a digit, a sign, a dot or "~" are quoted anyway. */
static bool yaml_is_word(const char *s, size_t n)
{
	static const char *const words[] = {
		"y", "n", "yes", "no", "true", "false", "on", "off", "null",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i]) == n && strncasecmp(words[i], s, n) == 0)
			return true;
	return false;
}

/* "1.5s" looks like a number but is not. */
static bool yaml_is_seconds(const char *s, size_t n)
{
	if (n < 2 || s[n - 1] != 's' || s[0] == '.')
		return false;
	for (size_t i = 0; i < n - 1; i++)
		if (s[i] != '.' && (s[i] < '0' || s[i] > '9'))
			return false;
	return true;
}

static bool yaml_is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Whether a string needs no quotes: it has no indicator, and no reader takes it for another
 * type. */
static bool yaml_is_plain(const char *s, size_t n)
{
	static const char inside[] = "_/.@+-=*$%() ,";

	if (!n || s[n - 1] == ' ' || s[n - 1] == ':' || yaml_is_word(s, n))
		return false;
	if (yaml_is_seconds(s, n))
		return true;
	if (!yaml_is_letter(s[0]) && s[0] != '_' && s[0] != '/')
		return false;
	for (size_t i = 0; i < n; i++) {
		if (yaml_is_letter(s[i]) || (s[i] >= '0' && s[i] <= '9'))
			continue;
		if (s[i] == ':' && s[i + 1] != ' ')
			continue;
		if (!s[i] || !strchr(inside, s[i]))
			return false;
	}
	return true;
}

static void text(struct document *d, const char *s, size_t n)
{
	/* JSON's strings are valid YAML: strbuf_json() escapes the characters that JSON allows raw
	 * and YAML 1.1 does not (its section 5.1: not printable, or a line break). */
	if (!is_json(d) && yaml_is_plain(s, n))
		strbuf_add(d->out, s, n);
	else
		strbuf_json(d->out, s, n);
}

void document_key_n(struct document *d, const char *key, size_t n)
{
	struct document_level *l = top(d);

	assert(l && !l->list);
	item(d, l);
	text(d, key, n);
	strbuf_putc(d->out, ':');
}

void document_key(struct document *d, const char *key)
{
	document_key_n(d, key, strlen(key));
}

void document_string_n(struct document *d, const char *s, size_t n)
{
	value(d, true);
	text(d, s, n);
	value_end(d);
}

void document_string(struct document *d, const char *s)
{
	document_string_n(d, s, strlen(s));
}

static void bare(struct document *d, const char *s)
{
	value(d, true);
	strbuf_puts(d->out, s);
	value_end(d);
}

void document_bool(struct document *d, bool v)
{
	bare(d, v ? "true" : "false");
}

void document_null(struct document *d)
{
	bare(d, "null");
}

void document_int(struct document *d, int64_t v)
{
	char s[24];

	(void)snprintf(s, sizeof(s), "%" PRId64, v);
	bare(d, s);
}

void document_uint(struct document *d, uint64_t v)
{
	char s[24];

	(void)snprintf(s, sizeof(s), "%" PRIu64, v);
	bare(d, s);
}

void document_double(struct document *d, double v)
{
	char s[40];

	for (int digits = 15; digits <= 17; digits++) {
		(void)snprintf(s, sizeof(s), "%.*g", digits, v);
		if (strtod(s, NULL) == v)
			break;
	}
	/* YAML 1.1 takes "1e+20" for a string: a float there has a point. */
	if (strchr(s, 'e') && !strchr(s, '.')) {
		char *e = strchr(s, 'e');

		memmove(e + 2, e, strlen(e) + 1);
		memcpy(e, ".0", 2);
	}
	bare(d, s);
}

void document_put_string(struct document *d, const char *key, const char *v)
{
	document_key(d, key);
	document_string(d, v);
}

void document_put_bool(struct document *d, const char *key, bool v)
{
	document_key(d, key);
	document_bool(d, v);
}

void document_put_int(struct document *d, const char *key, int64_t v)
{
	document_key(d, key);
	document_int(d, v);
}

void document_put_uint(struct document *d, const char *key, uint64_t v)
{
	document_key(d, key);
	document_uint(d, v);
}

void document_put_lines(struct document *d, const char *key, const char *lines)
{
	document_key(d, key);
	document_list(d);
	while (*lines) {
		size_t n = strcspn(lines, "\n");

		document_string_n(d, lines, n);
		lines += n + (lines[n] == '\n');
	}
	document_end(d);
}
