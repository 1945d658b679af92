/* The keys of ingress-nginx's ConfigMap in one table; the ConfigMap's status and
 * docs/do/from-ingress-nginx.md are made from it. Keys with an annotation's name are that
 * annotation's default. */
#pragma once

#include "translator/nginx/nginx-annotation.h"

struct nginx_key {
	const char *name;
	enum nginx_fidelity fidelity;
	const char *note; /* the difference, or the advice; a part of a sentence, or NULL */
};

extern const struct nginx_key nginx_keys[];
extern const size_t nginx_n_keys;

/* NULL: ingress-nginx has no such key. */
const struct nginx_key *nginx_key_find(const char *name);
