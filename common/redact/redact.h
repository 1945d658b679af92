/* Secrets with their secret parts replaced: data becomes fingerprints (HMAC-SHA-256), which are
 * equal where the data was. A certificate and its private key become another key and an equivalent
 * certificate for it, so the translation stays the same. docs/do/recording.md has the rules. */
#pragma once

#include "common/link/state.h"

struct redact;

/* key_file: the key of the fingerprints; NULL: a random key, so that they cannot be made again.
 * -errno of reading it, -EINVAL if it has less than 16 bytes. */
int redact_new(const char *key_file, struct redact **ret);
void redact_free(struct redact *r);
DEFINE_CLEANUP(struct redact *, redact_free)
/* A redacted copy of the item: a new reference. */
struct item *redact_item(const struct redact *r, struct item *i);
