/* common/link/state.c */
#include <stdint.h>

#include "common/link/state.h"
#include "tests/lib/test.h"

struct seen {
	int puts, removes, commits;
};

static void on_change(void *ctx, struct item *before, struct item *after)
{
	struct seen *seen = ctx;

	(void)before;
	if (after)
		seen->puts++;
	else
		seen->removes++;
}

static void on_commit(void *ctx)
{
	((struct seen *)ctx)->commits++;
}

static struct item *make(const char *key, const char *value)
{
	return item_new(3, key, strlen(key), "m", 1, value, strlen(value));
}

TEST(an_equal_item_changes_nothing_and_moves_no_generation)
{
	_cleanup_(state_freep) struct state *s = state_new();
	struct seen seen = { 0 };
	struct state_observer o = { on_change, on_commit, &seen, NULL };

	state_observe(s, &o);
	CHECK(!state_complete(s));
	CHECK(state_put(s, make("a", "1")));
	state_commit(s, 7);
	CHECK(state_complete(s));
	CHECK_EQ(state_generation(s), 1);
	CHECK(!state_put(s, make("a", "1")));
	state_commit(s, 7);
	CHECK_EQ(state_generation(s), 1);
	state_commit(s, 8);
	CHECK_EQ(state_generation(s), 2);
	CHECK_EQ(state_source(s), 8);
	CHECK(state_remove(s, 3, "a", 1));
	CHECK(!state_remove(s, 3, "a", 1));
	CHECK_EQ(seen.puts, 1);
	CHECK_EQ(seen.removes, 1);
	CHECK_EQ(seen.commits, 2);
	state_unobserve(s, &o);
}

TEST(digest_depends_on_content_and_not_on_history)
{
	_cleanup_(state_freep) struct state *a = state_new(), *b = state_new();

	for (int i = 0; i < 100; i++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "k%d", i);
		state_put(a, make(key, "old"));
		state_put(a, make(key, key));
		(void)snprintf(key, sizeof(key), "k%d", 99 - i);
		state_put(b, make(key, key));
	}
	CHECK_EQ(state_count(a), 100);
	CHECK_EQ(state_count_kind(a, 3), 100);
	CHECK(state_digest(a) == state_digest(b));
	CHECK_EQ(state_bytes(a), state_bytes(b));
	state_put(b, make("k1", "other"));
	CHECK(state_digest(a) != state_digest(b));
}

TEST(bytes_cannot_move_between_key_meta_and_value_unnoticed)
{
	_cleanup_(item_unrefp) struct item *a = item_new(1, "ab", 2, "c", 1, "d", 1);
	_cleanup_(item_unrefp) struct item *b = item_new(1, "a", 1, "bc", 2, "d", 1);
	_cleanup_(item_unrefp) struct item *c = item_new(2, "ab", 2, "c", 1, "d", 1);

	CHECK(a->hash != b->hash);
	CHECK(a->hash != c->hash);
	CHECK(!item_equal(a, b));
	CHECK(!item_equal(a, c));
	CHECK_STR(item_key(b), "a");
	CHECK_STR(item_meta(b), "bc");
	CHECK_STR((const char *)item_value(b), "d");
}

TEST(iteration_meets_every_item_of_every_kind_once)
{
	_cleanup_(state_freep) struct state *s = state_new();
	size_t pos = 0, n = 0;

	for (uint32_t kind = 0; kind < STATE_KIND_MAX; kind++)
		for (int i = 0; i < 20; i++) {
			char key[16];

			(void)snprintf(key, sizeof(key), "%d", i);
			state_put(s, item_new(kind, key, strlen(key), NULL, 0, NULL, 0));
		}
	while (state_next(s, &pos))
		n++;
	CHECK_EQ(n, STATE_KIND_MAX * 20);
}
