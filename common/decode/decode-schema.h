/* Message descriptors made ready for decoding: fields by JSON name, with the way to read them.
 * Inside libdecode only. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <regex.h>
#include <stddef.h>

#include "common/base/hashmap.h"

struct field_rule;
struct json_object;
struct schema;

enum field_class {
	FIELD_STRING,
	FIELD_BYTES, /* base64 in JSON */
	FIELD_BOOL,
	FIELD_INT, /* every width and sign */
	FIELD_MESSAGE,
	FIELD_MAP, /* repeated entry messages, sorted by key */
	/* messages that are scalars in JSON */
	FIELD_TIME,
	FIELD_DURATION,
	FIELD_QUANTITY,
	FIELD_INT_OR_STRING,
};

struct schema_field {
	const char *json; /* name; the schema's */
	size_t json_len;
	enum field_class class;
	const ProtobufCFieldDescriptor *field;
	/* In JSON its members are in the parent; in the message they are in this field (or
	 * NULL). */
	const ProtobufCFieldDescriptor *inlined_in;
	const ProtobufCFieldDescriptor *key, *value; /* FIELD_MAP */
	enum field_class value_class;                /* FIELD_MAP */
	/* The API server's rule for it; NULL: none. */
	const struct field_rule *rule;
	struct json_object *fallback;
	regex_t *value_regex, *items_regex;
};

struct schema {
	const ProtobufCMessageDescriptor *type;
	struct schema_field *fields;
	size_t n_fields;
	struct hashmap by_name;
	bool has_rules;  /* it, or a message in it */
	bool has_checks; /* gateway-rules.c or builtin-rules.c know the message */
};

struct schemas {
	struct hashmap by_type;
};

void schemas_init(struct schemas *s);
void schemas_done(struct schemas *s);
/* Made at first use, kept. */
const struct schema *schemas_get(struct schemas *s, const ProtobufCMessageDescriptor *type);
const struct schema_field *schema_find(const struct schema *s, const char *json, size_t len);
/* The field that is most likely meant, or NULL. */
const struct schema_field *schema_find_similar(const struct schema *s, const char *json,
					       size_t len);
