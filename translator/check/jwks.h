/* JSON Web Key Sets, checked as Envoy will read them: Envoy accepts a set without a usable key,
 * logs all of its content, and answers every request with 401. */
#pragma once

#include <stddef.h>

#include "common/base/arena.h"

struct jwks {
	const char *text; /* JSON again: only usable keys and members that Envoy needs */
	size_t len;
	const char *warning; /* keys that are left out, or NULL */
};

/* The result is in the arena. -EINVAL with a sentence that never quotes a key. */
int jwks_check(struct arena *a, const void *text, size_t len, struct jwks *ret,
	       const char **ret_why);
