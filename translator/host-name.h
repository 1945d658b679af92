/* Host names as users write them in Ingress rules and certificates' hosts. */
#pragma once

#include "common/arena.h"

/* Lower case, a copy in the arena; "" becomes "*". NULL with a sentence in *ret_why if it is not a
 * DNS name, or a star and one (networking.k8s.io/v1, IngressRule.host). */
const char *host_name_normal(struct arena *a, const char *host, const char **ret_why);
/* Whether "*.example.com" covers "a.example.com": exactly one label. */
int host_name_covers(const char *wildcard, const char *host);
