/* Rewriting of the cookies that an upstream sets. */
#pragma once

#include <stddef.h>

enum cookie_secure {
	COOKIE_SECURE_AS_IT_IS,
	COOKIE_SECURE_YES,
	COOKIE_SECURE_NO,
};

/* The cookie with that name; NULL: as the upstream sent it. All texts are checked: they become part
 * of a header. */
struct cookie_rule {
	const char *name;
	const char *path;
	const char *domain;
	const char *same_site;
	enum cookie_secure secure;
};

struct cookie_rules {
	struct cookie_rule *all; /* in the arena */
	size_t n;
};
