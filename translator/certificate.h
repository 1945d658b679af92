/* Certificates and keys, checked as Envoy will check them: what it would reject must not reach it. */
#pragma once

#include <stddef.h>

#include "common/arena.h"

struct certificate_facts {
	char **names; /* DNS names and IP addresses of the leaf */
	size_t n_names;
	const char *warning; /* expired or not valid yet: served all the same; or NULL */
};

/* chain: PEM certificates, the leaf first; text around them is allowed. key: exactly one PEM private
 * key, not encrypted. Everything returned is in the arena. -EINVAL with a sentence in *ret_why that
 * never quotes key material. */
int certificate_check(struct arena *a, const void *chain, size_t chain_len, const void *key,
		      size_t key_len, struct certificate_facts *ret, const char **ret_why);

/* A bundle of PEM certificates, all of which can be read. -EINVAL with a sentence. */
int certificate_check_authority(const void *bundle, size_t len, const char **ret_why);

/* PEM revocation lists, all of which can be read, and at least one. -EINVAL with a sentence. */
int certificate_check_revoked(const void *lists, size_t len, const char **ret_why);

/* Whether one of the names covers the host (RFC 6125, section 6.4.3: a star for one label). */
int certificate_covers(char *const *names, size_t n, const char *host);
