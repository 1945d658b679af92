/* Host names as users write them in Ingress rules and certificates' hosts. */
#pragma once

#include <stdbool.h>

#include "common/base/arena.h"

/* Lower case, a copy in the arena; "" becomes "*". NULL with a sentence in *ret_why if it is not a
 * DNS name, or a star and one (networking.k8s.io/v1, IngressRule.host). */
const char *host_name_normal(struct arena *a, const char *host, const char **ret_why);
/* Whether "*.example.com" covers "a.example.com": exactly one label. */
int host_name_covers(const char *wildcard, const char *host);

/* Host names of Gateway API: "*" covers all names, "*.x" all that end in ".x", with any number of
 * labels before it, but not x. */

/* Whether `pattern` covers all names that `name` covers (both may have a star). */
bool host_name_is_within(const char *name, const char *pattern);
/* The intersection of the two names, which is one of the two; NULL if they share no name. */
const char *host_name_intersect(const char *a, const char *b);
/* The next less specific pattern that covers the name: "*.b.c" for "a.b.c", "*.c" for "*.b.c", "*"
 * for "*.c", NULL for "*". In the arena. */
const char *host_name_above(struct arena *a, const char *name);
