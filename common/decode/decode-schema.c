/* Message descriptors made ready for decoding. Used by the decoder. */
#include <assert.h>
#include <ctype.h>
#include <json-c/json.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/spelling.h"
#include "common/decode/builtin-rules.h"
#include "common/decode/decode-rules.h"
#include "common/decode/decode-schema.h"
#include "common/decode/field-rules.h"
#include "common/decode/gateway-rules.h"
#include "k8s/meta.pb-c.h"

/* ---- how a field is read ---- */

static const struct {
	const ProtobufCMessageDescriptor *type;
	enum field_class class;
} special[] = {
	{ &k8s__time__descriptor, FIELD_TIME },
	{ &k8s__duration__descriptor, FIELD_DURATION },
	{ &k8s__quantity__descriptor, FIELD_QUANTITY },
	{ &k8s__int_or_string__descriptor, FIELD_INT_OR_STRING },
};

/* protobuf writes "map<K, V> labels" as a repeated nested message LabelsEntry { key = 1, value = 2
 * }; protobuf-c gives no other sign of a map. */
static bool is_map(const ProtobufCMessageDescriptor *parent, const ProtobufCFieldDescriptor *f)
{
	const ProtobufCMessageDescriptor *entry = f->descriptor;
	size_t n = strlen(parent->name), m = strlen(entry->name);

	return f->label == PROTOBUF_C_LABEL_REPEATED && entry->n_fields == 2 &&
	       entry->fields[0].id == 1 && strcmp(entry->fields[0].name, "key") == 0 &&
	       entry->fields[1].id == 2 && strcmp(entry->fields[1].name, "value") == 0 &&
	       strncmp(entry->name, parent->name, n) == 0 && entry->name[n] == '.' && m > n + 5 &&
	       strcmp(entry->name + m - 5, "Entry") == 0;
}

static enum field_class class_of(const ProtobufCMessageDescriptor *parent,
				 const ProtobufCFieldDescriptor *f)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_STRING:
		return FIELD_STRING;
	case PROTOBUF_C_TYPE_BYTES:
		return FIELD_BYTES;
	case PROTOBUF_C_TYPE_BOOL:
		return FIELD_BOOL;
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_UINT64:
		return FIELD_INT;
	case PROTOBUF_C_TYPE_MESSAGE:
		for (size_t i = 0; i < ARRAY_SIZE(special); i++)
			if (special[i].type == f->descriptor)
				return special[i].class;
		return is_map(parent, f) ? FIELD_MAP : FIELD_MESSAGE;
	default:
		/* The Kubernetes fields that we read have no enums and no floating point. */
		assert(!"a schema with a type that the decoder does not know");
		return FIELD_STRING;
	}
}

/* protobuf's own rule: an underscore goes and the letter after it becomes a capital. */
static char *camel_case(const char *name)
{
	char *out = xmalloc(strlen(name) + 1), *p = out;
	bool up = false;

	for (; *name; name++) {
		if (*name == '_') {
			up = true;
			continue;
		}
		*p++ = up ? (char)toupper((unsigned char)*name) : *name;
		up = false;
	}
	*p = '\0';
	return out;
}

/* ---- the API server's treatment of a field ---- */

static regex_t *compile(const char *pattern)
{
	regex_t *regex;
	int r;

	if (!pattern)
		return NULL;
	regex = xnew(regex_t, 1);
	r = regcomp(regex, pattern, REG_EXTENDED | REG_NOSUB);
	assert(r == 0);
	(void)r;
	return regex;
}

static void find_rule(struct schema_field *f, const char *message)
{
	for (size_t i = 0; i < n_field_rules; i++) {
		const struct field_rule *rule = &field_rules[i];

		if (strcmp(rule->message, message) != 0 || strcmp(rule->field, f->field->name) != 0)
			continue;
		f->rule = rule;
		f->value_regex = compile(rule->value.pattern);
		f->items_regex = compile(rule->items.pattern);
		f->fallback = rule->fallback ? json_tokener_parse(rule->fallback) : NULL;
		assert(!rule->fallback == !f->fallback);
		return;
	}
}

static void forget_rule(struct schema_field *f)
{
	if (f->value_regex)
		regfree(f->value_regex);
	if (f->items_regex)
		regfree(f->items_regex);
	free(f->value_regex);
	free(f->items_regex);
	json_object_put(f->fallback);
}

/* ---- building ---- */

static const void *field_key(const void *entry, size_t *ret_len)
{
	const struct schema_field *f = entry;

	*ret_len = f->json_len;
	return f->json;
}

static const void *schema_key(const void *entry, size_t *ret_len)
{
	const struct schema *s = entry;

	*ret_len = sizeof(s->type);
	return &s->type;
}

static size_t count_fields(const ProtobufCMessageDescriptor *type)
{
	size_t n = 0;

	for (unsigned i = 0; i < type->n_fields; i++)
		n += rule_inlined(type->name, type->fields[i].name)
			     ? count_fields(type->fields[i].descriptor)
			     : 1;
	return n;
}

static void add_fields(struct schema *s, const ProtobufCMessageDescriptor *type,
		       const ProtobufCFieldDescriptor *inlined_in)
{
	for (unsigned i = 0; i < type->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &type->fields[i];
		const char *name = rule_json_name(type->name, f->name);
		struct schema_field *to;

		if (rule_inlined(type->name, f->name)) {
			assert(!inlined_in && f->label == PROTOBUF_C_LABEL_OPTIONAL);
			add_fields(s, f->descriptor, f);
			continue;
		}
		to = &s->fields[s->n_fields++];
		to->json = name ? xstrdup(name) : camel_case(f->name);
		to->json_len = strlen(to->json);
		to->class = class_of(type, f);
		to->field = f;
		to->inlined_in = inlined_in;
		if (to->class == FIELD_MAP) {
			const ProtobufCMessageDescriptor *entry = f->descriptor;

			to->key = &entry->fields[0];
			to->value = &entry->fields[1];
			to->value_class = class_of(entry, to->value);
			assert(to->key->type == PROTOBUF_C_TYPE_STRING);
		}
		find_rule(to, type->name);
		(void)hashmap_put(&s->by_name, to);
	}
}

/* No message contains itself. */
static bool has_rules(struct schemas *all, const struct schema *s)
{
	bool any = s->has_checks;

	for (size_t i = 0; i < s->n_fields; i++) {
		const struct schema_field *f = &s->fields[i];

		any |= f->rule || (f->class == FIELD_MESSAGE &&
				   schemas_get(all, f->field->descriptor)->has_rules);
	}
	return any;
}

const struct schema *schemas_get(struct schemas *all, const ProtobufCMessageDescriptor *type)
{
	struct schema *s = hashmap_get(&all->by_type, &type, sizeof(type));

	if (s)
		return s;
	s = xnew(struct schema, 1);
	s->type = type;
	s->by_name = HASHMAP_INIT(field_key);
	s->fields = xnew(struct schema_field, count_fields(type));
	add_fields(s, type, NULL);
	(void)hashmap_put(&all->by_type, s);
	s->has_checks = gateway_rules_has(type->name) || builtin_rules_has(type->name);
	s->has_rules = has_rules(all, s);
	return s;
}

void schemas_init(struct schemas *s)
{
	s->by_type = HASHMAP_INIT(schema_key);
}

void schemas_done(struct schemas *all)
{
	struct schema *s;

	HASHMAP_FOREACH (&all->by_type, s) {
		for (size_t i = 0; i < s->n_fields; i++) {
			free((char *)s->fields[i].json);
			forget_rule(&s->fields[i]);
		}
		free(s->fields);
		hashmap_done(&s->by_name);
		free(s);
	}
	hashmap_done(&all->by_type);
}

const struct schema_field *schema_find(const struct schema *s, const char *json, size_t len)
{
	return hashmap_get(&s->by_name, json, len);
}

const struct schema_field *schema_find_similar(const struct schema *s, const char *json, size_t len)
{
	unsigned limit = spelling_limit(len), best_distance = limit + 1;
	const struct schema_field *best = NULL;

	for (size_t i = 0; i < s->n_fields; i++) {
		const struct schema_field *f = &s->fields[i];
		unsigned distance = spelling_distance(json, len, f->json, f->json_len, limit);

		if (distance < best_distance) {
			best_distance = distance;
			best = f;
		}
	}
	return best;
}
