/* Certificates and keys, checked by Envoy's rules: one that Envoy would reject must not reach
 * it. */
#pragma once

#include <stddef.h>

#include "common/base/arena.h"

struct certificate_facts {
	char **names; /* DNS names and IP addresses of the leaf */
	size_t n_names;
	int64_t not_after;   /* of the leaf, seconds since 1970; 0: unreadable */
	const char *warning; /* expired or not valid yet: served all the same; or NULL */
};

/* chain: PEM certificates, the leaf first; text around them is allowed. key: the first PEM private
 * key counts; it must not be encrypted. Refuses all that Envoy 1.36 or newer refuses. Results are
 * in the arena. -EINVAL with a sentence in *ret_why that never quotes key material. */
int certificate_check(struct arena *a, const void *chain, size_t chain_len, const void *key,
		      size_t key_len, struct certificate_facts *ret, const char **ret_why);

/* Checks a bundle of PEM certificates: all must be readable, and at least one must be there.
 * -EINVAL with a sentence in the arena. */
int certificate_check_authority(struct arena *a, const void *bundle, size_t len,
				const char **ret_why);

/* Checks PEM revocation lists: all must be readable, and there must be at least one, since Envoy
 * accepts a file without any and then revokes nothing. -EINVAL with a sentence in the arena. */
int certificate_check_revoked(struct arena *a, const void *lists, size_t len, const char **ret_why);

/* Whether one of the names covers the host (RFC 6125, section 6.4.3: a star for one label). */
int certificate_covers(char *const *names, size_t n, const char *host);
