/* Which members of two JSON values differ, in words. */
#pragma once

#include <json-c/json.h>

#include "common/base/strbuf.h"

#define JSON_DIFF_SHOWN 6

struct json_diff {
	struct strbuf text;
	size_t n; /* differences; the first JSON_DIFF_SHOWN are named */
};

void json_diff_init(struct json_diff *d);
/* at: the text before the names of members. Either may be NULL. */
void json_diff_add(struct json_diff *d, const char *at, struct json_object *was,
		   struct json_object *is);
/* "route.timeout 5s → 10s; …" for the caller to free; NULL if nothing differs. Ends the diff's
 * use. */
char *json_diff_text(struct json_diff *d);
