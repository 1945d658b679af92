/* Regular expressions, checked by RE2: the library that Envoy itself uses. */
#pragma once

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* 0, or -1 with RE2's reason in why. charged: bytes that the patterns of one object cost Envoy so
 * far (arena_charged()); too many are refused, as a short pattern can become a large program. */
int regex_check(const char *pattern, size_t *charged, char *why, size_t why_size);
/* Whether the whole text matches; 0 for a bad pattern. */
int regex_matches(const char *pattern, const char *text);
/* How many groups capture a part of the text; 0 for a bad pattern. */
int regex_groups(const char *pattern);
/* The text with all matches replaced, as Envoy does it; the caller frees it. NULL for a bad
 * pattern. */
char *regex_replace(const char *pattern, const char *text, const char *by);

#ifdef __cplusplus
}
#endif
