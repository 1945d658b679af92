/* google.protobuf.Struct: data without a schema, which some of Envoy's extensions take. */
#pragma once

#include "google/protobuf/struct.pb-c.h"
#include "translator/envoy/envoy.h"

/* Room for n fields. They are kept in the order of their names, so that equal ones have equal
 * bytes; an existing name gets the new value. Names and texts are borrowed. */
GoogleStruct *envoy_struct(struct arena *a, size_t n);
void envoy_struct_text(struct arena *a, GoogleStruct *s, const char *name, const char *text);
void envoy_struct_number(struct arena *a, GoogleStruct *s, const char *name, double number);
void envoy_struct_nested(struct arena *a, GoogleStruct *s, const char *name, GoogleStruct *fields);
