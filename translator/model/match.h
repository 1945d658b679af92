/* A route's conditions on a request, and the order in which Envoy must try two routes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/arena.h"

/* In order of precedence. The longer of two regexes goes first, and so does the longer of two
 * prefixes (of either kind). Paths are compared without the query. */
enum path_kind {
	PATH_EXACT,
	PATH_REGEX,    /* RE2, anchored at both ends */
	PATH_SEGMENTS, /* whole path elements: "/a" matches "/a" and "/a/b", not "/ab"; no slash at
			* the end, and not "/" */
	PATH_PREFIX,   /* a plain string prefix; "/" matches all */
};

enum match_operator {
	MATCH_EXACT,
	MATCH_REGEX, /* RE2, anchored at both ends */
	MATCH_PREFIX,
	MATCH_SUFFIX,
	MATCH_CONTAINS,
	MATCH_PRESENT,
	MATCH_ABOVE, /* a header with a number greater than this one */
};

/* A condition on a header or a query parameter. */
struct value_match {
	const char *name; /* headers: lower case */
	enum match_operator op;
	const char *value; /* "" for MATCH_PRESENT */
	bool ignore_case;
	bool invert;
	bool missing_as_empty; /* headers only */
};

/* A condition on the certificate that the client has shown. */
enum client_certificate {
	CLIENT_ANY,
	CLIENT_ABSENT,
	CLIENT_UNVERIFIED, /* there is one, and no authority of the host has signed it */
};

/* All conditions must hold. Fill in the fields, then call match_finish(). */
struct route_match {
	enum path_kind kind;
	const char *path;
	bool ignore_case;   /* of the path */
	const char *method; /* NULL: any */
	bool grpc;          /* gRPC requests only */
	enum client_certificate client;
	struct value_match *headers;
	size_t n_headers;
	struct value_match *queries;
	size_t n_queries;
	/* Matches this many of a million requests, by one random number for all routes: the shares
	 * of routes tried later are above this one's. 0: all. */
	uint32_t share;
	/* Made by match_finish(): all conditions besides path and its kind as text, equal for equal
	 * conditions, and an order among different ones. */
	const char *text;
};

/* One more condition on a header; the array of before stays as it was, for routes that share it. */
void match_add_header(struct arena *a, struct route_match *m, struct value_match condition);
/* Sorts headers and queries, writes the path as requests have it, and makes the text. */
void match_finish(struct arena *a, struct route_match *m);
/* Whether no request can meet all of these conditions. queries: on query parameters, not on
 * headers. */
bool match_is_impossible(const struct value_match *all, size_t n, bool queries);
/* Why no request can meet all of these conditions on headers, if no HTTP request has such values: a
 * sentence, or NULL. The host: that of the route, a name or a star and one. */
const char *match_headers_never(struct arena *a, const struct value_match *all, size_t n,
				const char *host);
/* The same of conditions on query parameters. */
const char *match_queries_never(struct arena *a, const struct value_match *all, size_t n);
/* A header that can be read: HTTP/2's pseudo-headers, too (RFC 9113, section 8.3.1). */
bool match_is_readable_header(const char *s);
/* Lower case, a copy in the arena. */
const char *match_lower(struct arena *a, const char *s);
/* The order in which Envoy must try two paths; a result like strcmp()'s. */
int match_compare_paths(enum path_kind a_kind, const char *a, enum path_kind b_kind, const char *b);
