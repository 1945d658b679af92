/* The typed core of the decoder: a tree and a descriptor become a message. */
#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/decode/decode-message.h"
#include "common/decode/decode-rules.h"
#include "common/decode/decode-scalar.h"

/* ---- scalars ---- */

struct core {
	struct arena *arena;
	struct schemas *schemas;
	struct problems *problems;
};

/* How a value of this class goes into the message. */
struct slot {
	const ProtobufCFieldDescriptor *field;
	enum field_class class;
	void *at;
};

/* A number or boolean in quotes, or a string without them. */
static const char *quoting_hint(const struct node *n, const char *wanted)
{
	struct node plain = *n;

	if (strcmp(wanted, "a string") == 0)
		return n->type != NODE_MAP && n->type != NODE_LIST ? ": quote it" : "";
	if (n->type != NODE_STRING)
		return "";
	node_resolve_plain(&plain);
	return (plain.type == NODE_INT && strcmp(wanted, "a number") == 0) ||
			       (plain.type == NODE_BOOL && strcmp(wanted, "true or false") == 0)
		       ? ": remove the quotes"
		       : "";
}

static bool wrong_type(struct core *c, const struct node *n, const struct path *path,
		       const char *wanted)
{
	problems_add(c->problems, true, "WrongType", path, n->line, "must be %s, not %s%s", wanted,
		     node_type_name(n), quoting_hint(n, wanted));
	return false;
}

/* NULL if it is not a string; that has been reported. */
static const char *take_string(struct core *c, const struct node *n, const struct path *path)
{
	if (n->type != NODE_STRING) {
		(void)wrong_type(c, n, path, "a string");
		return NULL;
	}
	if (memchr(n->text, '\0', n->len)) {
		problems_add(c->problems, true, "WrongValue", path, n->line,
			     "must not hold a NUL character");
		return NULL;
	}
	return n->text;
}

static bool wrong_value(struct core *c, const struct node *n, const struct path *path,
			const char *must)
{
	problems_add(c->problems, true, "WrongValue", path, n->line, "\"%.64s\" %s", n->text, must);
	return false;
}

static bool decode_int(struct core *c, const struct slot *s, const struct node *n,
		       const struct path *path)
{
	static const struct {
		int64_t min, max;
	} ranges[] = {
		[PROTOBUF_C_TYPE_INT32] = { INT32_MIN, INT32_MAX },
		[PROTOBUF_C_TYPE_INT64] = { INT64_MIN, INT64_MAX },
		[PROTOBUF_C_TYPE_UINT32] = { 0, UINT32_MAX },
		[PROTOBUF_C_TYPE_UINT64] = { 0, INT64_MAX },
	};
	ProtobufCType type = s->field->type;
	int64_t min = ranges[type].min, max = ranges[type].max;
	size_t size = type == PROTOBUF_C_TYPE_INT32 || type == PROTOBUF_C_TYPE_UINT32 ? 4 : 8;

	if (n->type == NODE_FLOAT) {
		problems_add(c->problems, true, "WrongType", path, n->line,
			     "must be a whole number, not %.64s", n->text);
		return false;
	}
	if (n->type != NODE_INT)
		return wrong_type(c, n, path, "a number");
	if (n->integer < min || n->integer > max) {
		problems_add(c->problems, true, "OutOfRange", path, n->line,
			     "must be between %" PRId64 " and %" PRId64, min, max);
		return false;
	}
	/* Little-endian or not: the width decides which. */
	if (size == 4)
		*(int32_t *)s->at = (int32_t)n->integer;
	else
		*(int64_t *)s->at = n->integer;
	return n->integer != 0 || !s->field->default_value;
}

static void *new_message(struct core *c, const ProtobufCMessageDescriptor *type)
{
	ProtobufCMessage *m = arena_alloc(c->arena, type->sizeof_message);

	protobuf_c_message_init(type, m);
	return m;
}

static bool decode_time(struct core *c, const struct slot *s, const struct node *n,
			const struct path *path)
{
	K8s__Time *t = new_message(c, s->field->descriptor);
	const char *text = take_string(c, n, path);

	if (!text)
		return false;
	if (!scalar_time(text, &t->seconds))
		return wrong_value(c, n, path, "must be a time like 2006-01-02T15:04:05Z");
	t->has_seconds = t->seconds != 0;
	*(void **)s->at = t;
	return true;
}

static bool decode_duration(struct core *c, const struct slot *s, const struct node *n,
			    const struct path *path)
{
	K8s__Duration *d = new_message(c, s->field->descriptor);
	const char *text = take_string(c, n, path);

	if (!text)
		return false;
	if (!scalar_duration(text, &d->duration))
		return wrong_value(c, n, path, "must be a duration like 1h30m or 250ms");
	d->has_duration = d->duration != 0;
	*(void **)s->at = d;
	return true;
}

static bool decode_quantity(struct core *c, const struct slot *s, const struct node *n,
			    const struct path *path)
{
	K8s__Quantity *q = new_message(c, s->field->descriptor);
	const char *text = n->text;

	if (n->type != NODE_INT && n->type != NODE_FLOAT && n->type != NODE_STRING)
		return wrong_type(c, n, path, "a quantity like 100m or 1.5Gi");
	if (n->type == NODE_STRING)
		text = take_string(c, n, path);
	if (!text)
		return false;
	if (!scalar_is_quantity(text))
		return wrong_value(c, n, path, "must be a quantity like 100m or 1.5Gi");
	q->string = (char *)text;
	*(void **)s->at = q;
	return true;
}

static bool decode_int_or_string(struct core *c, const struct slot *s, const struct node *n,
				 const struct path *path)
{
	K8s__IntOrString *v = new_message(c, s->field->descriptor);

	if (n->type == NODE_INT) {
		const struct slot number = { &v->base.descriptor->fields[1], FIELD_INT,
					     &v->int_val };

		/* False for a zero, too, which the message says by silence. */
		v->has_int_val = decode_int(c, &number, n, path);
	} else if (n->type == NODE_STRING) {
		const char *text = take_string(c, n, path);

		if (!text)
			return false;
		v->type = v->has_type = 1;
		if (*text)
			v->str_val = (char *)text;
	} else {
		return wrong_type(c, n, path, "a number or a string");
	}
	*(void **)s->at = v;
	return true;
}

static bool decode_bytes(struct core *c, const struct slot *s, const struct node *n,
			 const struct path *path)
{
	ProtobufCBinaryData *d = s->at;
	const char *text = take_string(c, n, path);

	if (!text)
		return false;
	if (!scalar_base64(c->arena, text, n->len, &d->data, &d->len)) {
		/* Never the text: it can be a key. */
		problems_add(c->problems, true, "WrongValue", path, n->line, "must be base64");
		return false;
	}
	return true;
}

static bool decode_bool(struct core *c, const struct slot *s, const struct node *n,
			const struct path *path)
{
	if (n->type != NODE_BOOL)
		return wrong_type(c, n, path, "true or false");
	*(protobuf_c_boolean *)s->at = n->integer != 0;
	return n->integer != 0 || !s->field->default_value;
}

static bool decode_string(struct core *c, const struct slot *s, const struct node *n,
			  const struct path *path)
{
	const char *text = take_string(c, n, path);

	if (!text)
		return false;
	if (!*text && s->field->default_value)
		return false;
	*(char **)s->at = (char *)text;
	return true;
}

static bool decode_submessage(struct core *c, const struct slot *s, const struct node *n,
			      const struct path *path)
{
	if (n->type != NODE_MAP)
		return wrong_type(c, n, path, "a mapping");
	*(void **)s->at =
		message_from_node(c->arena, c->schemas, s->field->descriptor, n, path, c->problems);
	return true;
}

/* True if the slot was filled; false if the value counts as absent, or after an error. */
static bool decode_value(struct core *c, const struct slot *s, const struct node *n,
			 const struct path *path)
{
	static bool (*const by_class[])(struct core *, const struct slot *, const struct node *,
					const struct path *) = {
		[FIELD_STRING] = decode_string,
		[FIELD_BYTES] = decode_bytes,
		[FIELD_BOOL] = decode_bool,
		[FIELD_INT] = decode_int,
		[FIELD_MESSAGE] = decode_submessage,
		[FIELD_TIME] = decode_time,
		[FIELD_DURATION] = decode_duration,
		[FIELD_QUANTITY] = decode_quantity,
		[FIELD_INT_OR_STRING] = decode_int_or_string,
	};

	return by_class[s->class](c, s, n, path);
}

/* ---- lists and maps ---- */

static size_t size_of(const ProtobufCFieldDescriptor *f)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_BOOL:
		return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_UINT32:
		return 4;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_UINT64:
		return 8;
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	default:
		return sizeof(void *);
	}
}

static void decode_list(struct core *c, const struct schema_field *f, const struct node *n,
			char *message, const struct path *parent)
{
	size_t size = size_of(f->field), filled = 0;
	struct path path = { .parent = parent };
	char *array;

	if (n->type != NODE_LIST) {
		(void)wrong_type(c, n, parent, "a list");
		return;
	}
	array = arena_alloc(c->arena, n->n * size);
	for (const struct node *e = n->first; e; e = e->next, path.index++) {
		const struct slot slot = { f->field, f->class, array + filled * size };

		if (e->type == NODE_NULL)
			problems_add(c->problems, true, "WrongType", &path, e->line,
				     "must not be empty");
		else if (decode_value(c, &slot, e, &path))
			filled++;
	}
	*(size_t *)(message + f->field->quantifier_offset) = filled;
	*(char **)(message + f->field->offset) = array;
}

static int compare_entries(const void *a, const void *b, void *key)
{
	size_t offset = ((const ProtobufCFieldDescriptor *)key)->offset;
	const char *x = *(const char *const *)a, *y = *(const char *const *)b;

	return strcmp(*(const char *const *)(x + offset), *(const char *const *)(y + offset));
}

static void sort_entries(void *entries, size_t n, const ProtobufCFieldDescriptor *key)
{
	for (size_t i = 1; i < n; i++)
		if (compare_entries((char **)entries + i - 1, (char **)entries + i, (void *)key) >
		    0) {
			qsort_r(entries, n, sizeof(void *), compare_entries, (void *)key);
			return;
		}
}

/* A null value is an empty one, as in Go. */
static void empty_value(const struct schema_field *f, void *at)
{
	if (f->value_class == FIELD_STRING)
		*(const char **)at = "";
}

static void decode_map(struct core *c, const struct schema_field *f, const struct node *n,
		       char *message, const struct path *parent)
{
	const ProtobufCMessageDescriptor *type = f->field->descriptor;
	struct path path = { .parent = parent, .in_map = true };
	size_t filled = 0;
	char **entries;

	if (n->type != NODE_MAP) {
		(void)wrong_type(c, n, parent, "a mapping");
		return;
	}
	entries = arena_alloc(c->arena, n->n * sizeof(*entries));
	for (const struct node *e = n->first; e; e = e->next) {
		char *entry = new_message(c, type);
		const struct slot slot = { f->value, f->value_class, entry + f->value->offset };

		path.key = e->key;
		path.key_len = e->key_len;
		*(const char **)(entry + f->key->offset) = e->key;
		if (e->type == NODE_NULL)
			empty_value(f, slot.at);
		else if (!decode_value(c, &slot, e, &path))
			continue;
		if (f->value->type != PROTOBUF_C_TYPE_STRING &&
		    f->value->type != PROTOBUF_C_TYPE_MESSAGE)
			*(protobuf_c_boolean *)(entry + f->value->quantifier_offset) = 1;
		entries[filled++] = entry;
	}
	sort_entries(entries, filled, f->key);
	*(size_t *)(message + f->field->quantifier_offset) = filled;
	*(char ***)(message + f->field->offset) = entries;
}

/* ---- messages ---- */

static void unknown_field(struct core *c, const struct schema *schema, const struct node *n,
			  const struct path *path)
{
	const struct schema_field *similar;

	if (rule_unused(schema->type->name, n->key, n->key_len))
		return;
	/* The fields that tell an object's kind; metadata comes first. */
	if (strcmp(schema->type->fields[0].name, "metadata") == 0 &&
	    (node_key_is(n, "apiVersion") || node_key_is(n, "kind")))
		return;
	similar = schema_find_similar(schema, n->key, n->key_len);
	if (similar)
		problems_add(c->problems, false, "UnknownField", path, n->line,
			     "unknown field, did you mean \"%s\"?", similar->json);
	else
		problems_add(c->problems, false, "UnknownField", path, n->line,
			     "unknown field, not read");
}

static bool is_pointer(enum field_class class)
{
	return class != FIELD_BOOL && class != FIELD_INT && class != FIELD_BYTES;
}

static void decode_field(struct core *c, const struct schema_field *f, const struct node *n,
			 char *message, const struct path *path)
{
	struct slot slot = { f->field, f->class, NULL };

	if (f->inlined_in) {
		void **sub = (void **)(message + f->inlined_in->offset);

		if (!*sub)
			*sub = new_message(c, f->inlined_in->descriptor);
		message = *sub;
	}
	if (f->class == FIELD_MAP) {
		decode_map(c, f, n, message, path);
	} else if (f->field->label == PROTOBUF_C_LABEL_REPEATED) {
		decode_list(c, f, n, message, path);
	} else {
		slot.at = message + f->field->offset;
		if (decode_value(c, &slot, n, path) && !is_pointer(f->class))
			*(protobuf_c_boolean *)(message + f->field->quantifier_offset) = 1;
	}
}

ProtobufCMessage *message_from_node(struct arena *arena, struct schemas *schemas,
				    const ProtobufCMessageDescriptor *type, const struct node *node,
				    const struct path *parent, struct problems *problems)
{
	struct core c = { arena, schemas, problems };
	const struct schema *schema = schemas_get(schemas, type);
	ProtobufCMessage *m = new_message(&c, type);

	for (const struct node *n = node->first; n; n = n->next) {
		const struct path path = { .parent = parent, .key = n->key, .key_len = n->key_len };
		const struct schema_field *f = schema_find(schema, n->key, n->key_len);

		if (!f)
			unknown_field(&c, schema, n, &path);
		else if (n->type != NODE_NULL)
			decode_field(&c, f, n, (char *)m, &path);
	}
	return m;
}

/* ---- for unpacked messages ---- */

static bool canonical_string(char **s, const ProtobufCFieldDescriptor *f)
{
	if (*s && !**s && f->default_value)
		*s = (char *)f->default_value;
	return !*s || scalar_is_utf8(*s, strlen(*s));
}

static bool is_zero(const void *at, size_t size)
{
	static const char zero[8];

	return memcmp(at, zero, size) == 0;
}

static bool canonical_one(struct schemas *schemas, const struct schema_field *f,
			  enum field_class class, void *at)
{
	switch (class) {
	case FIELD_STRING:
		return canonical_string(at, f->class == FIELD_MAP ? f->value : f->field);
	case FIELD_BYTES:
	case FIELD_BOOL:
	case FIELD_INT:
		return true;
	default:
		return !*(void **)at || message_canonical(schemas, *(void **)at);
	}
}

static bool canonical_map(struct schemas *schemas, const struct schema_field *f, char **entries,
			  size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char **key = (char **)(entries[i] + f->key->offset);
		char *value = entries[i] + f->value->offset;

		((ProtobufCMessage *)entries[i])->n_unknown_fields = 0;
		/* An encoder may leave an empty one out. */
		if (!*key)
			*key = (char *)"";
		if (f->value_class == FIELD_STRING && !*(char **)value)
			*(const char **)value = "";
		if (f->value_class == FIELD_BYTES)
			*(protobuf_c_boolean *)(entries[i] + f->value->quantifier_offset) = 1;
		if (!scalar_is_utf8(*key, strlen(*key)) ||
		    !canonical_one(schemas, f, f->value_class, value))
			return false;
	}
	sort_entries(entries, n, f->key);
	return true;
}

static bool canonical_field(struct schemas *schemas, const struct schema_field *f, char *message)
{
	char *at = message + f->field->offset;
	size_t size = size_of(f->field), n;

	if (f->field->label == PROTOBUF_C_LABEL_REPEATED) {
		n = *(size_t *)(message + f->field->quantifier_offset);
		at = *(char **)at;
		if (f->class == FIELD_MAP)
			return canonical_map(schemas, f, (char **)at, n);
		for (size_t i = 0; i < n; i++)
			if (!canonical_one(schemas, f, f->class, at + i * size))
				return false;
		return true;
	}
	if (!canonical_one(schemas, f, f->class, at))
		return false;
	if ((f->class == FIELD_BOOL || f->class == FIELD_INT) && f->field->default_value &&
	    is_zero(at, size))
		*(protobuf_c_boolean *)(message + f->field->quantifier_offset) = 0;
	/* Go writes a time that is not set as an empty message. */
	if (f->class == FIELD_TIME && *(K8s__Time **)at && !(*(K8s__Time **)at)->seconds)
		*(void **)at = NULL;
	return true;
}

bool message_canonical(struct schemas *schemas, ProtobufCMessage *m)
{
	const struct schema *schema = schemas_get(schemas, m->descriptor);

	m->n_unknown_fields = 0;
	for (size_t i = 0; i < schema->n_fields; i++) {
		const struct schema_field *f = &schema->fields[i];
		char *in = (char *)m;

		if (f->inlined_in) {
			in = *(char **)(in + f->inlined_in->offset);
			if (!in)
				continue;
			((ProtobufCMessage *)in)->n_unknown_fields = 0;
		}
		if (!canonical_field(schemas, f, in))
			return false;
	}
	return true;
}
