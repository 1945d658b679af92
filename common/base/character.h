/* Characters of Unicode, and how UTF-8 encodes them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False for controls (C0, C1, DEL), for line separators, for marks that change the direction of
 * text, for characters without width, and for code points that are no characters. */
bool character_is_printable(uint32_t character);
/* Decodes one character of UTF-8 (RFC 3629, section 4) at s, of n bytes: its length, or 0 if the
 * bytes are not a character. */
size_t character_decode(const char *s, size_t n, uint32_t *ret);
