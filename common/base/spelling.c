/* Words that are near each other. */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/spelling.h"

#define WORD_MAX 64

unsigned spelling_distance(const char *a, size_t a_len, const char *b, size_t b_len, unsigned limit)
{
	unsigned row[WORD_MAX + 1], best;

	if (a_len > WORD_MAX || b_len > WORD_MAX)
		return limit + 1;
	for (unsigned k = 0; k <= b_len; k++)
		row[k] = k;
	for (unsigned i = 1; i <= a_len; i++) {
		unsigned diagonal = row[0];

		best = row[0] = i;
		for (unsigned k = 1; k <= b_len; k++) {
			unsigned up = row[k];
			bool same = tolower((unsigned char)a[i - 1]) ==
				    tolower((unsigned char)b[k - 1]);

			row[k] = MIN(up, row[k - 1]);
			row[k] = MIN(row[k] + 1, diagonal + !same);
			best = MIN(best, row[k]);
			diagonal = up;
		}
		if (best > limit)
			return limit + 1;
	}
	return row[b_len];
}

unsigned spelling_limit(size_t len)
{
	return (unsigned)(len < 4 ? 1 : len / 3);
}

void spelling_init(struct spelling *s, const char *typed, size_t len)
{
	*s = (struct spelling){ .typed = typed, .len = len, .distance = spelling_limit(len) + 1 };
}

void spelling_try(struct spelling *s, const char *word)
{
	unsigned d =
		spelling_distance(s->typed, s->len, word, strlen(word), spelling_limit(s->len));

	if (d < s->distance) {
		s->distance = d;
		s->best = word;
	}
}
