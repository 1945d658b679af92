/* Routes of an answer that no Envoy serves, because all refuse something that they need. */
#pragma once

#include <json-c/json.h>

/* Envoy's words about the certificate or the table of the host, or about what the route goes to; ""
 * if nothing of it is refused. */
const char *refusal_of_route(struct json_object *host, struct json_object *route);
