/* Words in texts: the items of lists with commas, and how a word ends. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/arena.h"

/* The next item of a list with commas, without the blanks around it, as *ret_len bytes of the list;
 * moves the list on. An item may be empty. NULL at the end of the list, and for a list that is
 * NULL. */
const char *word_next(const char **list, size_t *ret_len);
/* The same, but a copy in the arena, and empty items are passed over. */
const char *word_next_copy(struct arena *a, const char **list);
bool word_ends_with(const char *s, const char *end);
