/* Verdicts and problems by object, read from states of statuses, and the differences between two
 * such tables. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

#include "common/link/state.h"

/* objects: say where they came from. NULL: only statuses with problems do. */
/* A table by "Kind namespace/name": {"kind", "namespace", "name", "verdict", "origin", "problems":
 * [{"severity", "reason", "field", "message"}]}. notes may be NULL: the watcher's problems with
 * objects and files that it could not read. */
struct json_object *verdicts_read(const struct state *statuses, const struct state *notes,
				  const struct state *objects);
/* One item with an ObjectStatus, as in the table. NULL for another item. */
struct json_object *verdict_of(const struct item *i, const struct state *objects);
/* partial or rejected. */
bool verdict_is_bad(struct json_object *v);
/* "accepted", or "rejected ServicePortMissing": the verdict with the first reason of weight. */
char *verdict_words(struct json_object *v);
/* Adds the changed verdicts to a list of changes (surface.h). */
void verdicts_compare(struct json_object *before, struct json_object *after,
		      struct json_object *changes);
