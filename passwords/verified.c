/* A table of fixed size: each digest has a few places, and the oldest there makes room. */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "passwords/verified.h"

#define SETS       1024
#define WAYS       4
#define KEPT_USEC  (60 * USEC_PER_SEC)
#define SECRET_LEN 32

struct entry {
	uint8_t digest[VERIFIED_DIGEST];
	int64_t until; /* 0: empty */
};

struct verified {
	uint8_t secret[SECRET_LEN];
	bool good; /* there is a secret */
	struct entry entries[SETS][WAYS];
};

struct verified *verified_new(void)
{
	struct verified *v = xnew(struct verified, 1);

	v->good = RAND_bytes(v->secret, SECRET_LEN) == 1;
	return v;
}

void verified_free(struct verified *v)
{
	if (!v)
		return;
	OPENSSL_cleanse(v, sizeof(*v));
	free(v);
}

int verified_digest(const struct verified *v, const char *user, const char *password,
		    const char *hash, uint8_t ret[VERIFIED_DIGEST])
{
	size_t user_len = strlen(user) + 1, password_len = strlen(password) + 1;
	size_t hash_len = strlen(hash) + 1, len = user_len + password_len + hash_len;
	uint8_t *text = xnew(uint8_t, len);
	unsigned n = 0;
	bool good;

	memcpy(text, user, user_len);
	memcpy(text + user_len, password, password_len);
	memcpy(text + user_len + password_len, hash, hash_len);
	good = v->good && HMAC(EVP_sha256(), v->secret, SECRET_LEN, text, len, ret, &n) &&
	       n == VERIFIED_DIGEST;
	OPENSSL_cleanse(text, len);
	free(text);
	return good ? 0 : -EIO;
}

static const struct entry *set_of(const struct verified *v, const uint8_t *digest)
{
	return v->entries[(digest[0] | (size_t)digest[1] << 8) % SETS];
}

bool verified_has(const struct verified *v, const uint8_t digest[VERIFIED_DIGEST], int64_t now)
{
	const struct entry *set = set_of(v, digest);

	for (size_t i = 0; i < WAYS; i++)
		if (set[i].until > now &&
		    CRYPTO_memcmp(set[i].digest, digest, VERIFIED_DIGEST) == 0)
			return true;
	return false;
}

void verified_add(struct verified *v, const uint8_t digest[VERIFIED_DIGEST], int64_t now)
{
	struct entry *set = v->entries[(digest[0] | (size_t)digest[1] << 8) % SETS];
	size_t oldest = 0;

	for (size_t i = 1; i < WAYS; i++)
		if (set[i].until < set[oldest].until)
			oldest = i;
	memcpy(set[oldest].digest, digest, VERIFIED_DIGEST);
	set[oldest].until = now + KEPT_USEC;
}
