/* Text for nginx's configuration, cut into directives (nginx's ngx_conf_read_token). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/arena.h"

#define NGINX_WORDS_MAX      16
#define NGINX_DIRECTIVES_MAX 200

struct nginx_directive {
	const char
		*words[NGINX_WORDS_MAX]; /* the first is the name; quotes and escapes are undone */
	size_t n;
	unsigned line;  /* from 1 */
	unsigned depth; /* of the blocks that it is in */
	bool block;     /* a block begins after it */
};

struct nginx_directives {
	struct nginx_directive *all;
	size_t n;
};

/* -EINVAL with a sentence, for text that nginx could not read either. */
int nginx_tokens_read(struct arena *a, const char *text, struct nginx_directives *ret,
		      const char **ret_why);
