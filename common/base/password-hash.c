/* Kinds of password hashes and their price. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/password-hash.h"

#define BCRYPT_COST_MAX 14      /* about a second */
#define ROUNDS_MAX      1000000 /* of SHA-crypt: about half a second */
#define OLD_LEN         13      /* of crypt(3)'s first form */

static const char unknown[] = "is of a kind that is not known";
static const char dear[] = "would take too long to check";

static const struct {
	const char *prefix;
	enum password_hash kind;
} kinds[] = {
	{ "{PLAIN}", PASSWORD_HASH_PLAIN }, { "{SHA}", PASSWORD_HASH_SHA },
	{ "{SSHA}", PASSWORD_HASH_SSHA },   { "$apr1$", PASSWORD_HASH_APR1 },
	{ "$1$", PASSWORD_HASH_CRYPT },     { "$2a$", PASSWORD_HASH_CRYPT },
	{ "$2b$", PASSWORD_HASH_CRYPT },    { "$2y$", PASSWORD_HASH_CRYPT },
	{ "$5$", PASSWORD_HASH_CRYPT },     { "$6$", PASSWORD_HASH_CRYPT },
};

static bool begins(const char *text, size_t len, const char *prefix)
{
	size_t n = strlen(prefix);

	return len >= n && memcmp(text, prefix, n) == 0;
}

/* "$2y$10$…" */
static bool is_dear_bcrypt(const char *hash, size_t len)
{
	if (len < 7 || hash[4] < '0' || hash[4] > '3' || hash[5] < '0' || hash[5] > '9' ||
	    hash[6] != '$')
		return true;
	return (hash[4] - '0') * 10 + hash[5] - '0' > BCRYPT_COST_MAX;
}

/* "$6$rounds=5000$…" */
static bool is_dear_sha(const char *hash, size_t len)
{
	char digits[16] = "";
	size_t n = 0;

	if (!begins(hash + 3, len - 3, "rounds="))
		return false;
	hash += 10;
	len -= 10;
	while (n < len && n < sizeof(digits) - 1 && hash[n] >= '0' && hash[n] <= '9') {
		digits[n] = hash[n];
		n++;
	}
	return n == 0 || n > 9 || strtoul(digits, NULL, 10) > ROUNDS_MAX;
}

static bool is_old(const char *hash, size_t len)
{
	static const char letters[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz";

	for (size_t i = 0; i < len; i++)
		if (!memchr(letters, hash[i], sizeof(letters) - 1))
			return false;
	return len == OLD_LEN;
}

enum password_hash password_hash_kind(const char *hash, size_t len, const char **ret_why)
{
	*ret_why = unknown;
	if (len > PASSWORD_HASH_MAX || memchr(hash, 0, len))
		return PASSWORD_HASH_REFUSED;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!begins(hash, len, kinds[i].prefix))
			continue;
		*ret_why = dear;
		if ((hash[1] == '2' && is_dear_bcrypt(hash, len)) ||
		    ((hash[1] == '5' || hash[1] == '6') && is_dear_sha(hash, len)))
			return PASSWORD_HASH_REFUSED;
		return kinds[i].kind;
	}
	return is_old(hash, len) ? PASSWORD_HASH_CRYPT : PASSWORD_HASH_REFUSED;
}
