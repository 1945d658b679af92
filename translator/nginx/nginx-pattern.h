/* Regular expressions of snippets, which nginx searches for in a variable's text, as Envoy's, which
 * are compared with the whole value of the header that the text is a part of. */
#pragma once

#include <stdbool.h>

#include "common/base/arena.h"

/* The place of a variable's text in a header's value: the text before it, the texts around a match
 * that is not bound to its begin or end, what follows its end, any one character of it, and the
 * character that it cannot have, as it ends there. */
struct nginx_shape {
	const char *before, *head, *tail, *end, *one;
	char stop;  /* '\0': none */
	bool lower; /* nginx has made it lower case */
};

/* Whether RE2 takes it. */
bool nginx_pattern_is_regex(const char *regex);
/* Over the header's whole value; NULL: it cannot be said. */
const char *nginx_pattern_search(struct arena *a, const char *regex, const struct nginx_shape *s,
				 bool any_case);
/* The header's value with this text in its place. */
const char *nginx_pattern_equal(struct arena *a, const char *text, const struct nginx_shape *s);
/* What is before the value of the first parameter of that name, in the address; of the first
 * cookie, in its header. Names of nginx's variables are letters, digits and _. */
const char *nginx_pattern_parameter(struct arena *a, const char *name);
const char *nginx_pattern_cookie(struct arena *a, const char *name);
