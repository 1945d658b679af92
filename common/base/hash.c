/* XXH3 with a secret instead of its public one. */
#include <assert.h>
#include <errno.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/base/hash.h"

static struct {
	uint8_t bytes[XXH3_SECRET_DEFAULT_SIZE];
	uint64_t add, multiply;
} secret;

/* Runs before main(), and so before any thread and any sandbox. */
__attribute__((constructor)) static void make_secret(void)
{
	uint8_t *p = (uint8_t *)&secret;
	size_t have = 0;

	/* More than 256 bytes may come in pieces; the first may have to wait for the machine's
	 * start. */
	while (have < sizeof(secret)) {
		ssize_t n = getrandom(p + have, sizeof(secret) - have, 0);

		assert(n > 0 || errno == EINTR);
		have += n > 0 ? (size_t)n : 0;
	}
	secret.multiply |= 1;
}

uint64_t hash_bytes(const void *data, size_t len)
{
	return XXH3_64bits_withSecret(data, len, secret.bytes, sizeof(secret.bytes));
}

uint64_t hash_number(uint64_t n)
{
	n = (n + secret.add) * secret.multiply;
	n = (n ^ n >> 32) * 0x9e3779b97f4a7c15ull;
	return n ^ n >> 29;
}
