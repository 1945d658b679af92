/* Hashes of passwords as htpasswd and others write them: which can be checked, and at what price.
 * The translator reports unusable ones in statuses; portolan-passwords computes them. */
#pragma once

#include <stddef.h>

enum password_hash {
	PASSWORD_HASH_PLAIN,  /* {PLAIN} */
	PASSWORD_HASH_SHA,    /* {SHA} */
	PASSWORD_HASH_SSHA,   /* {SSHA} */
	PASSWORD_HASH_APR1,   /* $apr1$ */
	PASSWORD_HASH_CRYPT,  /* $1$, $2…, $5$, $6$ and the old form of 13 bytes: crypt(3) */
	PASSWORD_HASH_REFUSED /* unknown, or it would take too long */
};

#define PASSWORD_HASH_MAX 256 /* bytes */

/* ret_why: a clause for PASSWORD_HASH_REFUSED. */
enum password_hash password_hash_kind(const char *hash, size_t len, const char **ret_why);
