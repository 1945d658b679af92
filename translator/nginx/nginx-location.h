/* The locations of one host, in the order in which Envoy must try them to choose as nginx does: by
 * exact text, then by the longest prefix; or, on a host with any regular expression, all of them as
 * regular expressions, the longest text first (ingress-nginx, "Ingress Path Matching", and nginx's
 * ngx_http_core_find_location). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/arena.h"

/* A path of an Ingress, as an input; or the implicit / of the host. */
struct nginx_path {
	const char *text; /* never empty */
	bool exact;       /* pathType Exact; the other types are Prefix */
	bool use_regex;   /* the Ingress has use-regex: true */
	bool rewrites;    /* the Ingress has a rewrite-target that is not the text itself */
	const void *of;   /* the caller's */
};

enum nginx_match {
	NGINX_MATCH_EXACT,    /* the whole path, case counts */
	NGINX_MATCH_PREFIX,   /* text is a prefix, as a string */
	NGINX_MATCH_ANY_CASE, /* the same, and case does not count */
	NGINX_MATCH_REGEX,    /* text is RE2 and matches the whole path */
};

struct nginx_location {
	enum nginx_match match;
	const char *text;
	const struct nginx_path *path;
	bool slash; /* answers 301 to text and a slash: nginx's redirect to a location's own name */
};

/* A path that RE2, and so Envoy, refuses as a regular expression. */
struct nginx_bad_path {
	const struct nginx_path *path;
	const char *why;
};

/* A path with the host, text and type of an earlier one. */
struct nginx_lost {
	const struct nginx_path *path, *winner;
};

struct nginx_locations {
	bool regex; /* the host's paths are regular expressions */
	struct nginx_location *all;
	size_t n;
	struct nginx_lost *lost;
	size_t n_lost;
	struct nginx_bad_path *bad; /* none of these is in `all` */
	size_t n_bad;
};

/* paths: oldest Ingress first, in the order of the objects, the implicit / (if any) last. The
 * result is in the arena and points to the paths. */
void nginx_locations(struct arena *a, const struct nginx_path *paths, size_t n,
		     struct nginx_locations *ret);

/* Whether the text of a path is meant to be a regular expression: it has characters that paths of
 * requests hardly ever have. */
bool nginx_location_is_pattern(const char *text);
/* Whether no request can have the path, as it must have two slashes that follow each other: those
 * of requests have been made one. regex: it is a regular expression. */
bool nginx_location_is_never(const char *text, bool regex);
