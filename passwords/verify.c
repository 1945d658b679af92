/* Password hashes: those of crypt(3) by libxcrypt; Apache's own are computed here. */
#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/password-hash.h"
#include "passwords/verify.h"

#define MD5_LEN   16
#define SHA1_LEN  20
#define APR1      "$apr1$"
#define APR1_LEN  6
#define SALT_MAX  8
#define ROUNDS    1000
#define APR1_SIZE (APR1_LEN + SALT_MAX + 1 + 22 + 1)

struct piece {
	const void *data;
	size_t len;
};

static void context_free(EVP_MD_CTX **c)
{
	EVP_MD_CTX_free(*c);
}

static bool digest(const EVP_MD *md, const struct piece *pieces, size_t n, uint8_t *ret)
{
	_cleanup_(context_free) EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool good = c && EVP_DigestInit_ex(c, md, NULL) == 1;

	for (size_t i = 0; good && i < n; i++)
		good = EVP_DigestUpdate(c, pieces[i].data, pieces[i].len) == 1;
	return good && EVP_DigestFinal_ex(c, ret, NULL) == 1;
}

static bool equal(const void *a, size_t a_len, const void *b, size_t b_len)
{
	return a_len == b_len && CRYPTO_memcmp(a, b, a_len) == 0;
}

/* ---- {SHA}, {SSHA} ---- */

static bool verify_sha(const char *password, const char *text)
{
	uint8_t bytes[PASSWORD_HASH_MAX + 3], own[SHA1_LEN];
	size_t len = strlen(text), pad = 0;
	struct piece pieces[2] = { { password, strlen(password) } };
	int n;

	if (!len || len % 4 || len > PASSWORD_HASH_MAX)
		return false;
	n = EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)len);
	while (pad < 2 && text[len - 1 - pad] == '=')
		pad++;
	if (n < (int)(SHA1_LEN + pad))
		return false;
	pieces[1] = (struct piece){ bytes + SHA1_LEN, (size_t)n - pad - SHA1_LEN };
	return digest(EVP_sha1(), pieces, 2, own) && equal(own, SHA1_LEN, bytes, SHA1_LEN);
}

/* ---- $apr1$ ---- */

/* The mixing of MD5-crypt: first the password, its salt, and as much of a digest of both. */
static bool begin(const char *password, size_t len, const char *salt, size_t salt_len,
		  uint8_t *state)
{
	struct piece alternate[] = { { password, len }, { salt, salt_len }, { password, len } };
	_cleanup_(context_free) EVP_MD_CTX *c = EVP_MD_CTX_new();
	uint8_t other[MD5_LEN];

	if (!c || !digest(EVP_md5(), alternate, 3, other) ||
	    EVP_DigestInit_ex(c, EVP_md5(), NULL) != 1)
		return false;
	(void)EVP_DigestUpdate(c, password, len);
	(void)EVP_DigestUpdate(c, APR1, APR1_LEN);
	(void)EVP_DigestUpdate(c, salt, salt_len);
	for (size_t left = len; left; left -= MIN(left, (size_t)MD5_LEN))
		(void)EVP_DigestUpdate(c, other, MIN(left, (size_t)MD5_LEN));
	for (size_t bits = len; bits; bits >>= 1)
		(void)EVP_DigestUpdate(c, bits & 1 ? "" : password, 1);
	return EVP_DigestFinal_ex(c, state, NULL) == 1;
}

static bool turn(const char *password, size_t len, const char *salt, size_t salt_len, unsigned i,
		 uint8_t *state)
{
	const struct piece word = { password, len }, before = { state, MD5_LEN };
	struct piece pieces[4];
	size_t n = 0;

	pieces[n++] = i & 1 ? word : before;
	if (i % 3)
		pieces[n++] = (struct piece){ salt, salt_len };
	if (i % 7)
		pieces[n++] = word;
	pieces[n++] = i & 1 ? before : word;
	return digest(EVP_md5(), pieces, n, state);
}

static void put64(char **at, unsigned value, int n)
{
	static const char letters[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz";

	for (; n > 0; n--, value >>= 6)
		*(*at)++ = letters[value & 0x3f];
}

static void print_apr1(const char *salt, size_t salt_len, const uint8_t *state, char *ret)
{
	static const uint8_t order[5][3] = {
		{ 0, 6, 12 }, { 1, 7, 13 }, { 2, 8, 14 }, { 3, 9, 15 }, { 4, 10, 5 }
	};
	char *at = ret;

	memcpy(at, APR1, APR1_LEN);
	memcpy(at + APR1_LEN, salt, salt_len);
	at += APR1_LEN + salt_len;
	*at++ = '$';
	for (size_t i = 0; i < 5; i++)
		put64(&at,
		      (unsigned)state[order[i][0]] << 16 | (unsigned)state[order[i][1]] << 8 |
			      state[order[i][2]],
		      4);
	put64(&at, state[11], 2);
	*at = '\0';
}

static bool verify_apr1(const char *password, const char *hash)
{
	const char *salt = hash + APR1_LEN;
	size_t salt_len = strcspn(salt, "$"), len = strlen(password);
	uint8_t state[MD5_LEN];
	char own[APR1_SIZE];

	salt_len = MIN(salt_len, (size_t)SALT_MAX);
	if (!begin(password, len, salt, salt_len, state))
		return false;
	for (unsigned i = 0; i < ROUNDS; i++)
		if (!turn(password, len, salt, salt_len, i, state))
			return false;
	print_apr1(salt, salt_len, state, own);
	return equal(own, strlen(own), hash, strlen(hash));
}

/* ---- crypt(3) ---- */

static bool verify_crypt(const char *password, const char *hash)
{
	struct crypt_data *data;
	const char *own;
	bool good;

	if (strlen(password) >= CRYPT_MAX_PASSPHRASE_SIZE)
		return false;
	data = xnew(struct crypt_data, 1);
	own = crypt_r(password, hash, data);
	/* "*0" means a failure, and no hash begins with it. */
	good = own && *own != '*' && equal(own, strlen(own), hash, strlen(hash));
	OPENSSL_cleanse(data, sizeof(*data));
	free(data);
	return good;
}

/* ---- all ---- */

bool verify_password(const char *password, const char *hash)
{
	const char *why, *plain = hash + strlen("{PLAIN}");

	switch (password_hash_kind(hash, strlen(hash), &why)) {
	case PASSWORD_HASH_PLAIN:
		return equal(password, strlen(password), plain, strlen(plain));
	case PASSWORD_HASH_SHA:
		return verify_sha(password, hash + strlen("{SHA}"));
	case PASSWORD_HASH_SSHA:
		return verify_sha(password, hash + strlen("{SSHA}"));
	case PASSWORD_HASH_APR1:
		return verify_apr1(password, hash);
	case PASSWORD_HASH_CRYPT:
		return verify_crypt(password, hash);
	case PASSWORD_HASH_REFUSED:
		break;
	}
	return false;
}

bool verify_is_cheap(const char *hash)
{
	const char *why;
	enum password_hash kind = password_hash_kind(hash, strlen(hash), &why);

	return kind != PASSWORD_HASH_CRYPT && kind != PASSWORD_HASH_APR1;
}
