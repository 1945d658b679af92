/* Building google.protobuf.Struct. */
#include <string.h>

#include "translator/envoy/envoy-struct.h"

GoogleStruct *envoy_struct(struct arena *a, size_t n)
{
	GoogleStruct *s = message_new(a, GoogleStruct);

	s->fields = arena_new_of(a, GoogleStructFieldsEntry *, n);
	return s;
}

static GoogleValue *add(struct arena *a, GoogleStruct *s, const char *name)
{
	GoogleValue *v = message_new(a, GoogleValue);
	size_t at = s->n_fields;
	GoogleStructFieldsEntry *f;

	while (at > 0 && strcmp(s->fields[at - 1]->key, name) > 0)
		at--;
	if (at > 0 && strcmp(s->fields[at - 1]->key, name) == 0)
		return s->fields[at - 1]->value = v;
	f = message_new(a, GoogleStructFieldsEntry);
	f->key = (char *)name;
	f->value = v;
	memmove(s->fields + at + 1, s->fields + at,
		(s->n_fields - at) * sizeof(GoogleStructFieldsEntry *));
	s->fields[at] = f;
	s->n_fields++;
	return v;
}

void envoy_struct_text(struct arena *a, GoogleStruct *s, const char *name, const char *text)
{
	GoogleValue *v = add(a, s, name);

	v->kind_case = GoogleValue__KIND_STRING_VALUE;
	v->string_value = (char *)text;
}

void envoy_struct_number(struct arena *a, GoogleStruct *s, const char *name, double number)
{
	GoogleValue *v = add(a, s, name);

	v->kind_case = GoogleValue__KIND_NUMBER_VALUE;
	v->number_value = number;
}

void envoy_struct_nested(struct arena *a, GoogleStruct *s, const char *name, GoogleStruct *fields)
{
	GoogleValue *v = add(a, s, name);

	v->kind_case = GoogleValue__KIND_STRUCT_VALUE;
	v->struct_value = fields;
}
