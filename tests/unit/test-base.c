/* common/: hashmap, arena, strbuf */
#include <malloc.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/hashmap.h"
#include "common/base/sanitized.h"
#include "common/base/strbuf.h"
#include "common/link/frame-input.h"
#include "common/link/state.h"
#include "tests/lib/test.h"

static const void *key_of(const void *entry, size_t *ret_len)
{
	*ret_len = strlen(entry);
	return entry;
}

TEST(hashmap_agrees_with_a_plain_array_through_random_puts_and_removes)
{
	enum { KEYS = 500 };
	struct hashmap m = HASHMAP_INIT(key_of);
	char names[KEYS][8];
	int present[KEYS] = { 0 };
	unsigned seed = 1;
	size_t n = 0;

	for (int i = 0; i < KEYS; i++)
		(void)snprintf(names[i], sizeof(names[i]), "k%d", i);
	for (int step = 0; step < 20000; step++) {
		int k = rand_r(&seed) % KEYS;

		if (rand_r(&seed) % 2) {
			CHECK(hashmap_put(&m, names[k]) == (present[k] ? names[k] : NULL));
			n += !present[k];
			present[k] = 1;
		} else {
			CHECK((hashmap_remove(&m, names[k], strlen(names[k])) != NULL) ==
			      present[k]);
			n -= present[k];
			present[k] = 0;
		}
		CHECK_EQ(m.n, n);
	}
	for (int i = 0; i < KEYS; i++)
		CHECK((hashmap_get_str(&m, names[i]) != NULL) == present[i]);
	hashmap_done(&m);
}

TEST(arena_memory_is_zeroed_aligned_and_reusable)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(1024);

	for (int round = 0; round < 3; round++) {
		for (size_t size = 1; size < 3000; size += 37) {
			unsigned char *p = arena_alloc(a, size);

			CHECK_EQ((size_t)p % 16, 0);
			for (size_t i = 0; i < size; i++)
				CHECK_EQ(p[i], 0);
			memset(p, 0xff, size);
		}
		CHECK(arena_used(a) > 0);
		arena_reset(a);
		CHECK_EQ(arena_used(a), 0);
	}
	CHECK_STR(arena_printf(a, "%s-%d", "x", 7), "x-7");
}

TEST(json_strings_escape_controls_and_replace_bytes_that_are_not_utf8)
{
	static const struct {
		const char *what, *in, *out;
	} rows[] = {
		{ "plain", "abc", "\"abc\"" },
		{ "quotes", "a\"b\\c", "\"a\\\"b\\\\c\"" },
		{ "newline", "a\nb\t", "\"a\\nb\\t\"" },
		{ "letters of escapes", "bfnrt", "\"bfnrt\"" },
		{ "escape character", "\x1b[0m", "\"\\u001b[0m\"" },
		{ "two bytes", "\xc3\xa9", "\"\xc3\xa9\"" },
		{ "overlong", "\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "surrogate", "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "four bytes", "\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\"" },
		{ "cut short", "\xf0\x9f", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

		strbuf_json(&b, rows[i].in, strlen(rows[i].in));
		fprintf(stderr, "  %s\n", rows[i].what);
		CHECK_STR(strbuf_str(&b), rows[i].out);
	}
}

#ifndef SANITIZED
/* Inspects memory when it is freed: with glibc a program may replace malloc(3)'s free(). */
#define KEY "-----BEGIN PRIVATE KEY-----"

extern void __libc_free(void *p);
static unsigned keys_given_back;

void free(void *p)
{
	size_t n = p ? malloc_usable_size(p) : 0;

	if (n && memmem(p, n, KEY, sizeof(KEY) - 1))
		keys_given_back++;
	__libc_free(p);
}

static void use_arena(const char *key)
{
	struct arena *a = arena_new(256);

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 20; i++)
			(void)arena_strdup(a, key);
		(void)arena_memdup(a, key, 400);
		arena_reset(a);
	}
	(void)arena_strdup(a, key);
	arena_free(a);
}

static void use_strbuf(const char *key)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	for (int i = 0; i < 200; i++)
		strbuf_puts(&b, key);
}

static void use_item(const char *key)
{
	item_unref(item_new(1, "a/b", 3, "file", 4, key, strlen(key)));
}

static void use_frame_input(const char *key)
{
	struct frame_input in = { 0 };
	int fds[2];

	CHECK_EQ(pipe(fds), 0);
	CHECK_EQ(write(fds[1], key, 1024), 1024);
	CHECK(frame_input_fill(&in, fds[0]) > 0);
	frame_input_done(&in);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

TEST(memory_that_held_a_key_is_wiped_before_it_is_given_back)
{
	static char key[4096] = KEY;
	static void (*const users[])(const char *) = { use_arena, use_strbuf, use_item,
						       use_frame_input };
	char *plain = xstrdup(key);

	free(plain);
	CHECK_EQ(keys_given_back, 1); /* the test sees it */
	keys_given_back = 0;
	for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
		users[i](key);
		CHECK_EQ(keys_given_back, 0);
	}
}
#endif
