/* Refused routes. Used by admin and by the portolan command. */
#include <string.h>

#include "common/answer/json-print.h"
#include "common/answer/refusal.h"

const char *refusal_of_route(struct json_object *host, struct json_object *route)
{
	struct json_object *clusters = json_member(route, "clusters");
	bool plain = strcmp(json_text(route, "scheme"), "http") == 0;
	const char *why = json_text(host, plain ? "refused_plain" : "refused");

	for (size_t i = 0; i < json_length(clusters) && !*why; i++)
		why = json_text(json_object_array_get_idx(clusters, i), "refused");
	return why;
}
