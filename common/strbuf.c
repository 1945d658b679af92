/* A growing byte string. Used by every process. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "common/strbuf.h"

void strbuf_done(struct strbuf *b)
{
	free(b->s);
	*b = STRBUF_INIT;
}

void strbuf_clear(struct strbuf *b)
{
	b->len = 0;
	if (b->s)
		b->s[0] = '\0';
}

char *strbuf_room(struct strbuf *b, size_t n)
{
	if (b->cap - b->len < n + 1) {
		b->cap = MAX(b->cap + b->cap / 2, b->len + n + 1);
		b->cap = MAX(b->cap, (size_t)64);
		b->s = xrealloc(b->s, b->cap);
	}
	return b->s + b->len;
}

void strbuf_add(struct strbuf *b, const void *data, size_t n)
{
	char *p = strbuf_room(b, n);

	if (n)
		memcpy(p, data, n);
	b->len += n;
	b->s[b->len] = '\0';
}

void strbuf_puts(struct strbuf *b, const char *s)
{
	strbuf_add(b, s, strlen(s));
}

void strbuf_putc(struct strbuf *b, char c)
{
	strbuf_add(b, &c, 1);
}

void strbuf_printf(struct strbuf *b, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	(void)vsnprintf(strbuf_room(b, (size_t)n), (size_t)n + 1, fmt, again);
	va_end(again);
	b->len += (size_t)n;
}

/* Length of the UTF-8 sequence at s, or 0 where it is not one (RFC 3629, section 4). */
static size_t utf8_length(const unsigned char *s, size_t n)
{
	static const struct {
		unsigned char first_min, first_max, second_min, second_max;
		unsigned char length;
	} rows[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	if (s[0] < 0x80)
		return 1;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (s[0] < rows[i].first_min || s[0] > rows[i].first_max || n < rows[i].length)
			continue;
		if (s[1] < rows[i].second_min || s[1] > rows[i].second_max)
			return 0;
		for (size_t k = 2; k < rows[i].length; k++)
			if ((s[k] & 0xc0) != 0x80)
				return 0;
		return rows[i].length;
	}
	return 0;
}

void strbuf_json(struct strbuf *b, const char *s, size_t n)
{
	static const char escapes[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	strbuf_putc(b, '"');
	for (size_t i = 0; i < n;) {
		unsigned char c = (unsigned char)s[i];
		const char *e = c && c < 0x80 ? strchr(escapes, c) : NULL;
		size_t len;

		while (e && (e - escapes) % 2)
			e = strchr(e + 1, c);
		if (e) {
			strbuf_putc(b, '\\');
			strbuf_putc(b, e[1]);
			i++;
		} else if (c < 0x20 || c == 0x7f) {
			strbuf_printf(b, "\\u%04x", c);
			i++;
		} else if ((len = utf8_length((const unsigned char *)s + i, n - i))) {
			strbuf_add(b, s + i, len);
			i += len;
		} else {
			strbuf_puts(b, "\xef\xbf\xbd");
			i++;
		}
	}
	strbuf_putc(b, '"');
}

const char *strbuf_str(const struct strbuf *b)
{
	return b->s ? b->s : "";
}

char *strbuf_take(struct strbuf *b)
{
	char *s = b->s ? b->s : xstrdup("");

	*b = STRBUF_INIT;
	return s;
}
