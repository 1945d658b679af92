/* Paths as Envoy's routes see them: it changes the path of each request before it looks for a route
 * (normalize_path, merge_slashes). */
#pragma once

#include <stdbool.h>

#include "common/base/arena.h"

/* The result of normalize_path on a path with its query; NULL where Envoy answers 400. */
const char *path_normal(struct arena *a, const char *path);
/* The result of merge_slashes. */
const char *path_merged(struct arena *a, const char *path);
/* The path of a condition, with escapes as in requests: "|" as "%7C", "%61" as "a". Segments stay
 * unchanged. */
const char *path_escaped(struct arena *a, const char *path);
/* The reason that no request has this path, or with prefix a path that begins so; NULL: one can.
 * keep_slashes: escaped slashes stay in requests. */
const char *path_never(const char *path, bool prefix, bool keep_slashes);
/* The same of a regular expression: only where it must contain such a character. */
const char *path_regex_never(const char *regex);
/* The path that a rewrite puts into a request or a Location: it begins with a slash, and spaces and
 * the like, which would end it, are escaped. */
const char *path_to_send(struct arena *a, const char *path);
/* A hint where a path has a star, a pattern or a variable that means something else than in other
 * products; or NULL. The path is one as people write it, or one with escapes. */
const char *path_with_star(const char *path, bool regex);
/* The reason that no request has this name or value in its query, or NULL. */
const char *query_never(const char *text);
