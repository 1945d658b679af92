/* What keeps requests out of a route of a surface: addresses, passwords, tokens, services, rates.
 */
#pragma once

#include <json-c/json.h>

/* What is not checked any more, in words: "authorization, rates"; NULL: all that was is. Moving a
 * check, from a route to its host for example, loses none. */
char *route_guards_lost(struct json_object *host_before, struct json_object *route_before,
			struct json_object *host_after, struct json_object *route_after);
