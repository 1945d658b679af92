/* Secrets without what is secret in them: data becomes fingerprints (HMAC-SHA-256), equal where it was
 * equal. A certificate and its private key become another key and a certificate for it that says the
 * same, so that what is made of them is as it was. docs/recording.md has the rules. */
#pragma once

#include "common/state.h"

struct redact;

/* key_file: what makes the fingerprints; NULL: random, and nobody can make them again. -errno of
 * reading it, -EINVAL if it has less than 16 bytes. */
int redact_new(const char *key_file, struct redact **ret);
void redact_free(struct redact *r);
DEFINE_CLEANUP(struct redact *, redact_free)
/* The item as it may be recorded: a new reference. */
struct item *redact_item(const struct redact *r, struct item *i);
