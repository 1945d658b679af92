/* Passwords that were right a moment ago, so that a page of fifty requests costs one check. Keeps a
 * keyed digest of user, password and hash, with a secret of this process; a changed hash is another
 * entry. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/cleanup.h"

#define VERIFIED_DIGEST 32

struct verified;

struct verified *verified_new(void);
void verified_free(struct verified *v);
DEFINE_CLEANUP(struct verified *, verified_free)

/* -EIO: it cannot be computed. */
int verified_digest(const struct verified *v, const char *user, const char *password,
		    const char *hash, uint8_t ret[VERIFIED_DIGEST]);
bool verified_has(const struct verified *v, const uint8_t digest[VERIFIED_DIGEST], int64_t now);
void verified_add(struct verified *v, const uint8_t digest[VERIFIED_DIGEST], int64_t now);
