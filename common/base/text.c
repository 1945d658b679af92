/* Text for people. */
#include <string.h>

#include "common/base/character.h"
#include "common/base/text.h"

static void add(struct strbuf *b, const char *s, size_t n, const char *stays)
{
	size_t plain = 0;

	for (size_t i = 0; i < n;) {
		uint32_t c = 0;
		size_t length = character_decode(s + i, n - i, &c);

		if (length &&
		    (character_is_printable(c) || (c && c < 0x80 && strchr(stays, (int)c)))) {
			i += length;
			continue;
		}
		strbuf_add(b, s + plain, i - plain);
		if (length)
			strbuf_escape(b, c);
		else
			strbuf_printf(b, "\\x%02x", (unsigned char)s[i]);
		i += length ? length : 1;
		plain = i;
	}
	strbuf_add(b, s + plain, n - plain);
}

void strbuf_text(struct strbuf *b, const char *s, size_t n)
{
	add(b, s, n, "");
}

void strbuf_lines(struct strbuf *b, const char *s, size_t n)
{
	add(b, s, n, "\n\t");
}

char *text_of(const char *s)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_text(&b, s, strlen(s));
	return strbuf_take(&b);
}
