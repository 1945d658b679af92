/* Unit tests: TEST(name_of_the_behaviour) { … } registers itself; a program has one main, given by
 * this header. Arguments select tests by name. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test_case {
	const char *name;
	void (*fn)(void);
	struct test_case *next;
};

static struct test_case *test_first, **test_end = &test_first;

#define TEST(id)                                                           \
	static void test_##id(void);                                       \
	static struct test_case test_case_##id = { #id, test_##id, NULL }; \
	__attribute__((constructor)) static void test_register_##id(void)  \
	{                                                                  \
		*test_end = &test_case_##id;                               \
		test_end = &test_case_##id.next;                           \
	}                                                                  \
	static void test_##id(void)

#define CHECK(condition)                                                                          \
	((condition) ? (void)0                                                                    \
		     : (fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition), \
			exit(1)))
#define CHECK_EQ(a, b)                                                                             \
	do {                                                                                       \
		long long _a = (long long)(a), _b = (long long)(b);                                \
		if (_a != _b) {                                                                    \
			fprintf(stderr, "%s:%d: %s is %lld, %s is %lld\n", __FILE__, __LINE__, #a, \
				_a, #b, _b);                                                       \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)
#define CHECK_STR(a, b)                                                                     \
	do {                                                                                \
		const char *_a = (a), *_b = (b);                                            \
		if (!_a || !_b || strcmp(_a, _b) != 0) {                                    \
			fprintf(stderr, "%s:%d: %s is \"%s\", expected \"%s\"\n", __FILE__, \
				__LINE__, #a, _a ? _a : "(null)", _b ? _b : "(null)");      \
			exit(1);                                                            \
		}                                                                           \
	} while (0)

int main(int argc, char **argv)
{
	int n = 0;

	for (struct test_case *t = test_first; t; t = t->next) {
		int wanted = argc < 2;

		for (int i = 1; i < argc; i++)
			wanted |= strcmp(argv[i], t->name) == 0;
		if (!wanted)
			continue;
		fprintf(stderr, "test %s\n", t->name);
		t->fn();
		n++;
	}
	/* scripts/test counts these. */
	printf("%d tests passed\n", n);
	return n ? 0 : 1;
}
