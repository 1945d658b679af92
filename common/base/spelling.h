/* The word that was probably meant by a mistyped one. */
#pragma once

#include <stddef.h>

/* How many letters differ (Levenshtein, case-insensitive); limit + 1 if more than limit. */
unsigned spelling_distance(const char *a, size_t a_len, const char *b, size_t b_len,
			   unsigned limit);
/* The most edits in a word that is still meant: about one in three letters. */
unsigned spelling_limit(size_t len);

/* A search for the nearest word:
 *
 *	spelling_init(&s, typed, strlen(typed)); spelling_try(&s, "run"); … s.best */
struct spelling {
	const char *typed;
	size_t len;
	const char *best; /* borrowed; NULL: no word is near */
	unsigned distance;
};

void spelling_init(struct spelling *s, const char *typed, size_t len);
void spelling_try(struct spelling *s, const char *word);
