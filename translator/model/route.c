/* Lists of routes, and the words in them. */
#include <string.h>

#include "translator/model/route.h"

void routes_add(struct arena *a, struct routes *l, const struct route *route)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 8;
		struct route *more = arena_new_of(a, struct route, cap);

		if (l->n)
			memcpy(more, l->all, l->n * sizeof(*more));
		l->cap = cap;
		l->all = more;
	}
	l->all[l->n++] = *route;
}

bool retry_word_is_known(const char *word, size_t len)
{
	static const char *const words[] = {
		"5xx",
		"gateway-error",
		"reset",
		"reset-before-request",
		"connect-failure",
		"envoy-ratelimited",
		"retriable-4xx",
		"refused-stream",
		"retriable-status-codes",
		"retriable-headers",
		"http3-post-connect-failure",
		"cancelled",
		"deadline-exceeded",
		"internal",
		"resource-exhausted",
		"unavailable",
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strlen(words[i]) == len && memcmp(word, words[i], len) == 0)
			return true;
	return false;
}
