/* JSON Web Key Sets, checked as Envoy will read them: a set of which it can use nothing it takes all the
 * same, logs it with all that is in it, and answers every request with 401. */
#pragma once

#include <stddef.h>

#include "common/arena.h"

struct jwks {
	const char *text; /* JSON again, of the usable keys and without what Envoy does not need */
	size_t len;
	const char *warning; /* keys that are left out, or NULL */
};

/* What is returned is in the arena. -EINVAL with a sentence that never quotes a key. */
int jwks_check(struct arena *a, const void *text, size_t len, struct jwks *ret, const char **ret_why);
