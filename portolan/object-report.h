/* What became of objects, out of the list that /debug/statuses gives. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

#include "common/strbuf.h"

/* name: KIND/NAMESPACE/NAME or KIND/NAME (which looks in all namespaces). Returns the exit code: 0 if
 * everything so named is served as it says. */
int object_report_one(struct json_object *statuses, const char *name, bool json, struct strbuf *out);
/* All of which not everything is served. 0 if there are none. */
int object_report_problems(struct json_object *statuses, bool json, struct strbuf *out);

/* The lines on one object: origin, name, verdict, then its problems. */
void object_report_text(struct json_object *status, struct strbuf *out);
/* Verdict other than accepted and ignored. */
bool object_report_is_bad(struct json_object *status);
