/* Answers of stages, printed again. */
#include "common/answer/json-print.h"

/* A value, where the document expects one. NULL is null. */
static void print_value(struct document *d, struct json_object *o)
{
	switch (json_object_get_type(o)) {
	case json_type_null:
		document_null(d);
		break;
	case json_type_boolean:
		document_bool(d, json_object_get_boolean(o));
		break;
	case json_type_double:
		document_double(d, json_object_get_double(o));
		break;
	case json_type_int:
		document_int(d, json_object_get_int64(o));
		break;
	case json_type_string:
		document_string_n(d, json_object_get_string(o),
				  (size_t)json_object_get_string_len(o));
		break;
	case json_type_array:
		document_list(d);
		for (size_t i = 0; i < json_object_array_length(o); i++)
			print_value(d, json_object_array_get_idx(o, i));
		document_end(d);
		break;
	case json_type_object:
		document_map(d);
		json_object_object_foreach (o, key, value) {
			document_key(d, key);
			print_value(d, value);
		}
		document_end(d);
		break;
	}
}

void json_print(struct json_object *o, enum document_format format, struct strbuf *out)
{
	struct document d;

	document_init(&d, out, format);
	print_value(&d, o);
}

struct json_object *json_member(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) ? v : NULL;
}

const char *json_text(struct json_object *o, const char *key)
{
	struct json_object *v = json_member(o, key);

	return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";
}

int64_t json_number(struct json_object *o, const char *key)
{
	struct json_object *v = json_member(o, key);

	return v ? json_object_get_int64(v) : 0;
}

size_t json_length(struct json_object *o)
{
	return json_object_is_type(o, json_type_array) ? json_object_array_length(o) : 0;
}
