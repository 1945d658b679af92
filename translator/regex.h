/* Regular expressions, checked by RE2: the library that Envoy itself uses. */
#pragma once

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* 0, or -1 with RE2's reason in why. Larger programs than Envoy's default limit are refused. */
int regex_check(const char *pattern, char *why, size_t why_size);
/* Whether the whole text matches; 0 for a bad pattern. */
int regex_matches(const char *pattern, const char *text);

#ifdef __cplusplus
}
#endif
