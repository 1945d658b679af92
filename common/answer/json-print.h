/* Answers of stages, printed again: by the one writer of JSON and YAML. */
#pragma once

#include <json-c/json.h>

#include "common/base/document.h"

/* The whole document. */
void json_print(struct json_object *o, enum document_format format, struct strbuf *out);

/* Members of an object: "" or 0 if absent. */
const char *json_text(struct json_object *o, const char *key);
int64_t json_number(struct json_object *o, const char *key);
/* A list's length; 0 for anything else. */
size_t json_length(struct json_object *o);
/* A member; NULL if absent. */
struct json_object *json_member(struct json_object *o, const char *key);
