/* The changes between two worlds of a recording, in the form of diff -u. */
#pragma once

#include <json-c/json.h>

#include "common/base/strbuf.h"

/* changes: a translator's output for --print-changes=json --full. */
void unified_changes(struct json_object *changes, struct strbuf *out);
