/* Words in texts. */
#include <string.h>

#include "common/base/word.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

const char *word_next(const char **list, size_t *ret_len)
{
	const char *word = *list, *end;

	if (!word)
		return NULL;
	while (is_blank(*word))
		word++;
	end = strchrnul(word, ',');
	*list = *end ? end + 1 : NULL;
	while (end > word && is_blank(end[-1]))
		end--;
	*ret_len = (size_t)(end - word);
	return word;
}

const char *word_next_copy(struct arena *a, const char **list)
{
	const char *word;
	size_t n;

	while ((word = word_next(list, &n)))
		if (n)
			return arena_strndup(a, word, n);
	return NULL;
}

bool word_ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}
