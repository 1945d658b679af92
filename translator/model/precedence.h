/* The place of a Gateway API route among all routes of a host name: bytes that memcmp() orders, the
 * first is tried first (HTTPRoute.spec.rules.matches says in which order). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"

struct precedence {
	const char *own;      /* the route's own host name; "*": it has none */
	bool grpc;            /* before HTTPRoutes: its matches are of gRPC requests only */
	uint8_t path_rank;    /* exact, regex, prefix */
	size_t first, second; /* lengths, the longer first: of the path; of service and method */
	bool method;
	size_t headers, queries;
	uint64_t age;    /* when it was made, in seconds */
	const char *key; /* of the object */
	size_t rule, match, sub;
};

uint8_t *precedence_encode(struct arena *a, const struct precedence *p, size_t *ret_len);
/* Why the second of two comes after the first, as a sentence about the second. */
const char *precedence_why(const uint8_t *first, size_t first_len, const uint8_t *second,
			   size_t second_len);
