/* nginx's variables in texts that annotations and snippets hold. */
#pragma once

#include "translator/nginx/nginx-plan.h"

/* The text as a format of Envoy's; NULL if a variable in it has no counterpart. */
const char *nginx_variable_format(struct nginx_plan *p, const struct nginx_source *s,
				  const char *text);
/* The text if it is the same for every request of the path; NULL if it depends on the request. */
const char *nginx_variable_plain(struct nginx_plan *p, const struct nginx_source *s,
				 const char *text);
/* at: "$name…" or "${name}…". Returns the text after it, and the name; NULL: not a variable. */
const char *nginx_variable_scan(struct arena *a, const char *at, const char **ret_name);
/* The header of $http_NAME, as the client sent it. */
const char *nginx_variable_header(struct arena *a, const char *name);
/* The text of a rewrite: $1…$9 become RE2's groups. A group that the pattern lacks is empty, as in
 * nginx; Envoy would leave the whole path alone. */
const char *nginx_variable_groups(struct arena *a, const char *text, const char *pattern);
