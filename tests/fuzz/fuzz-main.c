/* Runs a fuzzer's seeds, and a few hundred damaged copies of each, as an ordinary test: for
 * compilers without libFuzzer. Arguments are files and folders; without any it is the folder of
 * this fuzzer's name in tests/fuzz/corpus/. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "tests/fuzz/fuzz.h"

#define DAMAGED_COPIES 300
#define SEED_MAX       (4 * 1024 * 1024)

static unsigned seeds;
static uint64_t random_state = 1;

static size_t pick(size_t n)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (size_t)(random_state >> 33) % n;
}

static void run(const uint8_t *bytes, size_t len)
{
	/* Of exactly this length, so that a sanitizer sees reads beyond it. */
	_cleanup_free_ uint8_t *copy = xmalloc(len + !len);

	if (len)
		memcpy(copy, bytes, len);
	(void)LLVMFuzzerTestOneInput(copy, len);
}

static void run_damaged(uint8_t *bytes, size_t len)
{
	static const uint8_t telling[] = { 0, 1, 0x7f, 0x80, 0xff };

	for (int i = 0; i < DAMAGED_COPIES; i++) {
		_cleanup_free_ uint8_t *copy = xmemdup(bytes, len);
		size_t at = pick(len), n = len;

		switch (pick(4)) {
		case 0:
			copy[at] ^= (uint8_t)(1 << pick(8));
			break;
		case 1:
			copy[at] = telling[pick(sizeof(telling))];
			break;
		case 2:
			n = at;
			break;
		default: /* a piece is missing */
			n = len - pick(len - at);
			memmove(copy + at, copy + at + len - n, n - at);
			break;
		}
		run(copy, n);
	}
}

static int run_file(const char *path)
{
	_cleanup_free_ uint8_t *bytes = xmalloc(SEED_MAX);
	FILE *f = fopen(path, "re");
	size_t len;

	if (!f) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -errno;
	}
	len = fread(bytes, 1, SEED_MAX, f);
	(void)fclose(f);
	fprintf(stderr, "seed %s\n", path);
	run(bytes, len);
	if (len)
		run_damaged(bytes, len);
	seeds++;
	return 0;
}

static int run_path(const char *path)
{
	struct dirent **names;
	struct stat st;
	int n, r = 0;

	if (stat(path, &st) < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -errno;
	}
	if (!S_ISDIR(st.st_mode))
		return run_file(path);
	n = scandir(path, &names, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *file = xasprintf("%s/%s", path, names[i]->d_name);

		if (names[i]->d_name[0] != '.' && r == 0)
			r = run_file(file);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	return n < 0 ? -errno : r;
}

int main(int argc, char **argv)
{
	const char *root = getenv("top_srcdir"), *name = strstr(argv[0], "fuzz-");
	int r = 0;

	for (const char *next = name; next; next = strstr(next + 1, "fuzz-"))
		name = next;
	if (argc < 2) {
		_cleanup_free_ char *corpus = NULL;

		corpus = xasprintf("%s/tests/fuzz/corpus/%s", root ? root : ".",
				   name ? name + strlen("fuzz-") : "");
		r = run_path(corpus);
	}
	for (int i = 1; i < argc && r == 0; i++)
		r = run_path(argv[i]);
	/* scripts/test counts these. */
	printf("%u tests passed\n", seeds);
	return r < 0 || !seeds ? 1 : 0;
}
