/* A growing byte string, always NUL-terminated. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/cleanup.h"

struct strbuf {
	char *s; /* NULL until something is added: see strbuf_str() */
	size_t len;
	size_t cap;
};

#define STRBUF_INIT ((struct strbuf){ 0 })

void strbuf_done(struct strbuf *b);
#define _cleanup_strbuf_ _cleanup_(strbuf_done)
void strbuf_clear(struct strbuf *b);
void strbuf_add(struct strbuf *b, const void *data, size_t n);
void strbuf_puts(struct strbuf *b, const char *s);
void strbuf_putc(struct strbuf *b, char c);
void strbuf_printf(struct strbuf *b, const char *fmt, ...) _printf_(2, 3);
/* Appends "\uNNNN", or two of them beyond U+FFFF, as JSON has it (RFC 8259, section 7). */
void strbuf_escape(struct strbuf *b, uint32_t character);
/* A JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD; characters that cannot be
 * printed are escaped. */
void strbuf_json(struct strbuf *b, const char *s, size_t n);
/* Never NULL. */
const char *strbuf_str(const struct strbuf *b);
/* The caller owns the result; the buffer is empty afterwards. */
char *strbuf_take(struct strbuf *b);
/* Room for n more bytes; returns where they go. Add n to len after writing. */
char *strbuf_room(struct strbuf *b, size_t n);
