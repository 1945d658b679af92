/* Building google.protobuf.Struct. Runs in the translator. */
#include <string.h>

#include "translator/envoy-struct.h"

typedef Google__Protobuf__Struct__FieldsEntry Field;
typedef Google__Protobuf__Value Value;

EnvoyStruct *envoy_struct(struct arena *a, size_t n)
{
	EnvoyStruct *s = ENVOY_NEW(a, EnvoyStruct, GOOGLE__PROTOBUF__STRUCT__INIT);

	s->fields = arena_new_of(a, Field *, n);
	return s;
}

static Value *add(struct arena *a, EnvoyStruct *s, const char *name)
{
	Value *v = ENVOY_NEW(a, Value, GOOGLE__PROTOBUF__VALUE__INIT);
	size_t at = s->n_fields;
	Field *f;

	while (at > 0 && strcmp(s->fields[at - 1]->key, name) > 0)
		at--;
	if (at > 0 && strcmp(s->fields[at - 1]->key, name) == 0)
		return s->fields[at - 1]->value = v;
	f = ENVOY_NEW(a, Field, GOOGLE__PROTOBUF__STRUCT__FIELDS_ENTRY__INIT);
	f->key = (char *)name;
	f->value = v;
	memmove(s->fields + at + 1, s->fields + at, (s->n_fields - at) * sizeof(Field *));
	s->fields[at] = f;
	s->n_fields++;
	return v;
}

void envoy_struct_text(struct arena *a, EnvoyStruct *s, const char *name, const char *text)
{
	Value *v = add(a, s, name);

	v->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_STRING_VALUE;
	v->string_value = (char *)text;
}

void envoy_struct_number(struct arena *a, EnvoyStruct *s, const char *name, double number)
{
	Value *v = add(a, s, name);

	v->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_NUMBER_VALUE;
	v->number_value = number;
}

void envoy_struct_nested(struct arena *a, EnvoyStruct *s, const char *name, EnvoyStruct *fields)
{
	Value *v = add(a, s, name);

	v->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_STRUCT_VALUE;
	v->struct_value = fields;
}
