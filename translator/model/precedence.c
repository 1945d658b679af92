/* Precedence as bytes, and in words. */
#include "translator/model/precedence.h"

#include <string.h>

#include "common/base/cleanup.h"

struct order {
	uint8_t *at;
};

static void put(struct order *o, uint64_t value, size_t bytes)
{
	while (bytes-- > 0)
		*o->at++ = (uint8_t)(value >> (8 * bytes));
}

static uint64_t inverted(size_t n)
{
	return 0xffff - MIN(n, (size_t)0xffff);
}

uint8_t *precedence_encode(struct arena *a, const struct precedence *p, size_t *ret_len)
{
	size_t key_len = strlen(p->key) + 1;
	uint8_t *bytes = arena_alloc(a, 40 + key_len);
	struct order o = { bytes };

	/* The fields of `fields` below, in order. */
	put(&o, *p->own != '*' ? 0 : p->own[1] ? 1 : 2, 1);
	put(&o, inverted(strlen(p->own)), 2);
	put(&o, p->grpc ? 0 : 1, 1);
	put(&o, p->path_rank, 1);
	put(&o, inverted(p->first), 2);
	put(&o, inverted(p->second), 2);
	put(&o, p->method ? 0 : 1, 1);
	put(&o, inverted(p->headers), 2);
	put(&o, inverted(p->queries), 2);
	put(&o, p->age, 8);
	memcpy(o.at, p->key, key_len);
	o.at += key_len;
	put(&o, p->rule, 2);
	put(&o, p->match, 2);
	put(&o, p->sub, 2);
	*ret_len = (size_t)(o.at - bytes);
	return bytes;
}

static const struct {
	size_t bytes;
	const char *why;
} fields[] = {
	{ 1, "its route's host name is less specific: an exact name goes before a wildcard, and "
	     "that before none" },
	{ 2, "its route's host name is shorter" },
	{ 1, "a GRPCRoute goes before an HTTPRoute" },
	{ 1, "an exact path goes before a regular expression, and that before a prefix" },
	{ 2, "its path is shorter" },
	{ 2, "its method is shorter" },
	{ 1, "it has no condition on the method" },
	{ 2, "it has fewer conditions on headers" },
	{ 2, "it has fewer conditions on query parameters" },
	{ 8, "its route is younger" },
};

const char *precedence_why(const uint8_t *first, size_t first_len, const uint8_t *second,
			   size_t second_len)
{
	size_t at = 0;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (at + fields[i].bytes > MIN(first_len, second_len))
			break;
		if (memcmp(first + at, second + at, fields[i].bytes) != 0)
			return fields[i].why;
		at += fields[i].bytes;
	}
	/* The key, with its NUL. */
	if (strcmp((const char *)first + at, (const char *)second + at) != 0)
		return "its route is as old, and comes later by namespace and name";
	return "it stands later in the same route";
}
