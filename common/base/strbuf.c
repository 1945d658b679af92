/* A growing byte string. Used by every process. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/character.h"
#include "common/base/strbuf.h"

void strbuf_done(struct strbuf *b)
{
	free_wiped(b->s, b->cap);
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
		size_t cap = MAX(b->cap + b->cap / 2, b->len + n + 1);

		cap = MAX(cap, (size_t)64);
		b->s = realloc_wiped(b->s, b->cap, cap);
		b->cap = cap;
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

void strbuf_escape(struct strbuf *b, uint32_t character)
{
	if (character > 0xffff) {
		character -= 0x10000;
		strbuf_printf(b, "\\u%04x", 0xd800 + (character >> 10));
		character = 0xdc00 + (character & 0x3ff);
	}
	strbuf_printf(b, "\\u%04x", character);
}

void strbuf_json(struct strbuf *b, const char *s, size_t n)
{
	static const char escapes[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	strbuf_putc(b, '"');
	for (size_t i = 0; i < n;) {
		unsigned char c = (unsigned char)s[i];
		const char *e = c && c < 0x80 ? strchr(escapes, c) : NULL;
		uint32_t character = 0;
		size_t len;

		while (e && (e - escapes) % 2)
			e = strchr(e + 1, c);
		if (e) {
			strbuf_putc(b, '\\');
			strbuf_putc(b, e[1]);
			i++;
			continue;
		}
		len = character_decode(s + i, n - i, &character);
		if (!len)
			strbuf_puts(b, "\xef\xbf\xbd");
		else if (character_is_printable(character))
			strbuf_add(b, s + i, len);
		else
			strbuf_escape(b, character);
		i += len ? len : 1;
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
