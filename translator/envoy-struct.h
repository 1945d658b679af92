/* google.protobuf.Struct: data without a schema, which some of Envoy's extensions take. */
#pragma once

#include "google/protobuf/struct.pb-c.h"
#include "translator/envoy.h"

typedef Google__Protobuf__Struct EnvoyStruct;

/* Room for n fields. They are kept in the order of their names, so that equal ones have equal bytes; a name
 * that is there already gets the new value. Names and texts are borrowed. */
EnvoyStruct *envoy_struct(struct arena *a, size_t n);
void envoy_struct_text(struct arena *a, EnvoyStruct *s, const char *name, const char *text);
void envoy_struct_number(struct arena *a, EnvoyStruct *s, const char *name, double number);
void envoy_struct_nested(struct arena *a, EnvoyStruct *s, const char *name, EnvoyStruct *fields);
