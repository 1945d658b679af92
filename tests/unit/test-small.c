/* common/base/small.c: small pieces of memory do not touch each other and are used again. */
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/small.h"
#include "tests/lib/test.h"

enum { PIECES = 4000 };

static struct {
	unsigned char *p;
	size_t size;
	unsigned char fill;
} pieces[PIECES];

static void check_filled(unsigned i)
{
	for (size_t k = 0; k < pieces[i].size; k++)
		CHECK_EQ(pieces[i].p[k], pieces[i].fill);
}

TEST(pieces_of_all_sizes_keep_what_is_in_them)
{
	unsigned seed = 7;

	for (unsigned step = 0; step < 100000; step++) {
		unsigned i;

		seed = seed * 1103515245 + 12345;
		i = (seed >> 8) % PIECES;
		if (pieces[i].p) {
			check_filled(i);
			small_free(pieces[i].p, pieces[i].size);
			pieces[i].p = NULL;
			continue;
		}
		pieces[i].size = (seed >> 4) % 1200;
		pieces[i].fill = (unsigned char)step;
		pieces[i].p = small_alloc(pieces[i].size);
		CHECK((uintptr_t)pieces[i].p % 8 == 0);
		memset(pieces[i].p, pieces[i].fill, pieces[i].size);
	}
	for (unsigned i = 0; i < PIECES; i++)
		if (pieces[i].p) {
			check_filled(i);
			small_free(pieces[i].p, pieces[i].size);
		}
}

TEST(a_zeroed_piece_is_zero_and_a_copy_is_one)
{
	for (size_t size = 0; size < 600; size++) {
		unsigned char *p = small_alloc(size), *q;

		memset(p, 0xff, size);
		small_free(p, size);
		p = small_zalloc(size);
		for (size_t i = 0; i < size; i++) {
			CHECK_EQ(p[i], 0);
			p[i] = (unsigned char)i;
		}
		q = small_memdup(p, size);
		CHECK(memcmp(p, q, size) == 0);
		small_free(p, size);
		small_free(q, size);
	}
	small_free(NULL, 40);
}

struct link {
	small_ref next;
	uint32_t number;
};

TEST(references_lead_to_what_was_written)
{
	small_ref first = 0;
	struct link *l;

	CHECK(small_ref_of(NULL) == 0 && small_at(0) == NULL);
	for (uint32_t i = 0; i < 1000; i++) {
		l = small_alloc(sizeof(*l));
		l->next = first;
		l->number = i;
		first = small_ref_of(l);
		CHECK(first % 2 == 0);
	}
	for (uint32_t i = 1000; i-- > 0;) {
		l = small_at(first);
		CHECK_EQ(l->number, i);
		first = l->next;
		small_free(l, sizeof(*l));
	}
	CHECK(first == 0);
}

TEST(large_pieces_do_not_touch_each_other_either)
{
	static const size_t sizes[] = { 513, 577, 4096, 16383, 16384, 65537, 1 << 20, 3000001 };
	unsigned char *all[2][ARRAY_SIZE(sizes)];

	for (unsigned round = 0; round < 3; round++) {
		for (size_t i = 0; i < 2 * ARRAY_SIZE(sizes); i++) {
			unsigned char **p = &all[i % 2][i / 2];

			*p = small_alloc(sizes[i / 2]);
			memset(*p, (int)i + 1, sizes[i / 2]);
			CHECK(small_at(small_ref_of(*p)) == *p);
		}
		for (size_t i = 0; i < 2 * ARRAY_SIZE(sizes); i++) {
			unsigned char *p = all[i % 2][i / 2];

			CHECK_EQ(p[0], i + 1);
			CHECK_EQ(p[sizes[i / 2] - 1], i + 1);
			small_free(p, sizes[i / 2]);
		}
	}
}

/* As a fleet does whose objects grow: what was freed serves pieces of any other large size. */
TEST(freed_large_pieces_are_memory_for_other_sizes)
{
	static void *all[1000];
	struct rusage before, after;

	CHECK_EQ(getrusage(RUSAGE_SELF, &before), 0);
	for (size_t size = 600; size < 16000; size += 500) {
		for (size_t i = 0; i < ARRAY_SIZE(all); i++)
			all[i] = memset(small_alloc(size), 1, size);
		for (size_t i = 0; i < ARRAY_SIZE(all); i++)
			small_free(all[i], size);
	}
	CHECK_EQ(getrusage(RUSAGE_SELF, &after), 0);
#ifndef SANITIZED /* which keeps what was freed for a while */
	CHECK(after.ru_maxrss - before.ru_maxrss < 40 * 1024);
#endif
}

#ifndef SANITIZED /* which needs terabytes of addresses */
#define LIMITED "PORTOLAN_TEST_LIMITED_ADDRESSES"

static void use_pieces(void)
{
	static void *all[2000];

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		all[i] = small_alloc(i * 40);
		CHECK(small_at(small_ref_of(all[i])) == all[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		small_free(all[i], i * 40);
	/* As much is left for everything else. */
	free(xmalloc((size_t)256 << 20));
}

/* By a process of its own: the region is reserved once. */
TEST(limited_addresses_are_shared_with_the_rest_of_the_process)
{
	const struct rlimit addresses = { 1u << 30, 1u << 30 };
	int status = -1;
	pid_t pid;

	if (getenv(LIMITED)) {
		use_pieces();
		return;
	}
	pid = fork();
	if (pid == 0) {
		if (setrlimit(RLIMIT_AS, &addresses) == 0 && setenv(LIMITED, "1", 1) == 0)
			(void)execl("/proc/self/exe", "test-small",
				    "limited_addresses_are_shared_with_the_rest_of_the_process",
				    (char *)NULL);
		_exit(126);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}
#endif
