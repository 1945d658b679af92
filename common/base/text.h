/* Text for people. Texts from an object, a node, a file or a peer may hold characters that move a
 * terminal's cursor, forge a line of a log, or show words in another order than they are written.
 * Here they become escapes as in JSON: \u001b. Bytes that are not UTF-8 become \xNN. Everything
 * else stays, backslashes included. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/strbuf.h"

/* Appends s as a part of one line. */
void strbuf_text(struct strbuf *b, const char *s, size_t n);
/* The same, but line feeds and tabs stay. */
void strbuf_lines(struct strbuf *b, const char *s, size_t n);
/* As strbuf_text(), in memory that the caller frees. */
char *text_of(const char *s);
