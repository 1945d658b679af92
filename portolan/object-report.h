/* The verdicts on objects, out of the list that /debug/statuses gives. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

#include "common/base/strbuf.h"

/* name: KIND/NAMESPACE/NAME or KIND/NAME (which looks in all namespaces). *ret: the matching
 * objects, in a new list. Returns the exit code: 0 if all of them are served as written. */
int object_report_one(struct json_object *statuses, const char *name, struct json_object **ret);
/* Reports on stderr that there is no such object, with a similar name of its kind. */
void object_report_missing(struct json_object *statuses, const char *name);

/* False, after a sentence on stderr, if the name's kind is near one that there is, but is not one.
 */
bool object_name_check(const char *command, const char *name);

struct object_filter {
	const char *namespace; /* NULL: all */
	bool problems;         /* only those with a warning, an error or a bad verdict */
};

/* *ret: the objects that pass the filter, in a new list. 0 if all of them are served as written. */
int object_report_select(struct json_object *statuses, const struct object_filter *f,
			 struct json_object **ret);
/* A row each; wide: with origin and first message. */
void object_report_table(struct json_object *list, bool wide, struct strbuf *out);

/* The lines on one object: origin, name, verdict, then its problems. */
void object_report_text(struct json_object *status, struct strbuf *out);
/* Verdict other than accepted and ignored. */
bool object_report_is_bad(struct json_object *status);
