/* What somebody may have meant by a word that is none. */
#pragma once

#include <stddef.h>

/* How many letters differ (Levenshtein, case-insensitive); limit + 1 if more than limit. */
unsigned spelling_distance(const char *a, size_t a_len, const char *b, size_t b_len, unsigned limit);
/* So many may, in a word that is meant: about one of three. */
unsigned spelling_limit(size_t len);
