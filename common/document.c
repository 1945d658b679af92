/* A writer of JSON and YAML. YAML is written so that a reader of 1.1 and one of 1.2 get the same
 * strings: what either could take for something else is in double quotes, which are JSON's. Used by
 * the translator (offline translation, debug pages) and the portolan command. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/document.h"

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

/* Goes to where the next item of the innermost map or list begins. */
static void item(struct document *d, struct document_level *l)
{
	if (d->format == DOCUMENT_JSON) {
		strbuf_puts(d->out, l->items ? ",\n" : "\n");
		spaces(d->out, 2 * d->depth);
	} else if (l->items || l->lead != LEAD_SPACE) {
		if (!l->items && l->lead == LEAD_NEWLINE)
			strbuf_putc(d->out, '\n');
		spaces(d->out, l->indent);
	} else {
		strbuf_putc(d->out, ' ');
	}
	l->items++;
}

/* Before any value: a list's dash, or the space that divides a value from its key. */
static void value(struct document *d, bool scalar)
{
	struct document_level *l = top(d);

	if (!l)
		return;
	if (l->list)
		item(d, l);
	if (d->format == DOCUMENT_JSON) {
		if (!l->list)
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
	if (d->format == DOCUMENT_JSON) {
		strbuf_putc(d->out, list ? '[' : '{');
	} else if (up) {
		l.lead = up->list ? LEAD_SPACE : LEAD_NEWLINE;
		/* A list stands under its key: the dashes set it off. */
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
	if (d->format == DOCUMENT_JSON) {
		if (l.items) {
			strbuf_putc(d->out, '\n');
			spaces(d->out, 2 * d->depth);
		}
		strbuf_putc(d->out, l.list ? ']' : '}');
		value_end(d);
	} else if (!l.items) {
		if (d->depth)
			strbuf_putc(d->out, ' ');
		strbuf_puts(d->out, l.list ? "[]\n" : "{}\n");
	}
}

/* What YAML 1.1 or 1.2 resolves to something other than a string (yaml.org/type/bool.html and
 * null.html); what begins with a digit, a sign, a dot or "~" is quoted anyway. */
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

/* "1.5s": begins like a number and is none. */
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

/* May stand without quotes: nothing in it is an indicator, no reader takes it for another type. */
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

/* JSON's string, but for the characters that JSON takes as they are and YAML 1.1 does not (section
 * 5.1 of its specification: not printable, or a line break). */
static void yaml_quoted(struct strbuf *b, const char *s, size_t n)
{
	static const struct {
		unsigned char bytes[3];
		unsigned char length, last; /* last byte of a range that begins with bytes */
		unsigned first;
	} rows[] = {
		{ { 0xc2, 0x80 }, 2, 0x9f, 0x0080 },
		{ { 0xe2, 0x80, 0xa8 }, 3, 0xa9, 0x2028 },
		{ { 0xef, 0xbb, 0xbf }, 3, 0xbf, 0xfeff },
		{ { 0xef, 0xbf, 0xbe }, 3, 0xbf, 0xfffe },
	};
	_cleanup_strbuf_ struct strbuf json = STRBUF_INIT;

	strbuf_json(&json, s, n);
	for (size_t i = 0; i < json.len;) {
		const unsigned char *p = (const unsigned char *)json.s + i;
		size_t r;

		for (r = 0; r < ARRAY_SIZE(rows); r++) {
			size_t last = rows[r].length - 1u;

			if (*p >= 0x80 && json.len - i > last && !memcmp(p, rows[r].bytes, last) &&
			    p[last] >= rows[r].bytes[last] && p[last] <= rows[r].last)
				break;
		}
		if (r < ARRAY_SIZE(rows)) {
			size_t last = rows[r].length - 1u;

			strbuf_printf(b, "\\u%04x", rows[r].first + p[last] - rows[r].bytes[last]);
			i += rows[r].length;
		} else {
			strbuf_putc(b, json.s[i++]);
		}
	}
}

static void text(struct document *d, const char *s, size_t n)
{
	if (d->format == DOCUMENT_JSON)
		strbuf_json(d->out, s, n);
	else if (yaml_is_plain(s, n))
		strbuf_add(d->out, s, n);
	else
		yaml_quoted(d->out, s, n);
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
