/* common/base/word.c: lists with commas, and how a word ends. */
#include <string.h>

#include "common/base/arena.h"
#include "common/base/word.h"
#include "tests/lib/test.h"

TEST(a_list_has_an_item_between_any_two_commas)
{
	static const char *const items[] = { "a", "", "b c", "" };
	const char *list = " a ,,\tb c ,", *word;
	size_t n, i = 0;

	while ((word = word_next(&list, &n))) {
		CHECK(i < ARRAY_SIZE(items));
		CHECK_EQ(n, strlen(items[i]));
		CHECK(strncmp(word, items[i], n) == 0);
		i++;
	}
	CHECK_EQ(i, ARRAY_SIZE(items));
	CHECK(!word_next(&list, &n));
}

TEST(copies_are_of_items_that_are_not_empty)
{
	struct arena *arena = arena_new(256);
	const char *list = ", a,\t, b";

	CHECK_STR(word_next_copy(arena, &list), "a");
	CHECK_STR(word_next_copy(arena, &list), "b");
	CHECK(!word_next_copy(arena, &list));
	list = " , ";
	CHECK(!word_next_copy(arena, &list));
	list = NULL;
	CHECK(!word_next_copy(arena, &list));
	arena_free(arena);
}

TEST(a_word_ends_with_its_own_end)
{
	CHECK(word_ends_with("/a/..", "/.."));
	CHECK(word_ends_with("a", "a"));
	CHECK(word_ends_with("a", ""));
	CHECK(!word_ends_with("a", "ba"));
	CHECK(!word_ends_with("ab", "a"));
}
