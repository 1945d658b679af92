/* Routes of a surface that send clients elsewhere. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

/* The status of a route's "redirect", in its settings. */
int redirect_status(struct json_object *redirect);
/* In words: "redirect 301 to https://the same host". */
char *redirect_text(struct json_object *route);

/* Whether it sends clients to the same host and path by HTTPS, at any port. A slash at the end may
 * be cut off. */
bool redirect_is_to_https(struct json_object *route, const char *host);
/* The same for an answer with a Location, which some of ingress-nginx's redirects are. */
bool redirect_is_answer_to_https(struct json_object *route, const char *host);
