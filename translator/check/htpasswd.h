/* Password files in htpasswd's format, and the part of them that Envoy accepts. */
#pragma once

#include "common/base/arena.h"

/* The file's lines "user:{SHA}…", the only ones that Envoy's basic_auth filter accepts, in the
 * arena. NULL with a sentence if a line has another kind of hash: its user could not log in, so the
 * whole file is refused. Lines without a hash are left out: they let no user in. */
const char *htpasswd_usable(struct arena *a, const char *text, const char **ret_why);

/* The file for portolan-passwords: its lines "user:hash". NULL with a sentence if it has no line.
 * *ret_warning: a sentence about the first line with a hash that cannot be checked (its user cannot
 * log in), or NULL. */
const char *htpasswd_checkable(struct arena *a, const char *text, const char **ret_why,
			       const char **ret_warning);
