/* Objects that only unserved objects mention: Services and Secrets are never said to be unused
 * because of what Portolan does not do. */
#include <string.h>

#include "common/answer/json-print.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/decode/object-kind.h"
#include "k8s/discovery.pb-c.h"
#include "portolan/migration.h"

/* {"namespace/word": null}: every text in an object could be a name, also of another namespace
 * ("namespace/name", "namespace/name:port"). */
static void add_word(struct json_object *words, const char *namespace, const char *text)
{
	_cleanup_free_ char *key = xasprintf("%s/%s", namespace, text);

	(void)json_object_object_add(words, key, NULL);
	if (strchr(text, '/')) {
		_cleanup_free_ char *other = xstrndup(text, strcspn(text, ":"));

		(void)json_object_object_add(words, other, NULL);
	}
}

static void add_words(struct json_object *words, const char *namespace, const ProtobufCMessage *m)
{
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
		const uint8_t *at = (const uint8_t *)m + f->offset;
		bool many = f->label == PROTOBUF_C_LABEL_REPEATED;
		size_t n = many ? *(const size_t *)((const uint8_t *)m + f->quantifier_offset) : 1;
		const void *const *values = many ? *(const void *const *const *)at
						 : (const void *const *)at;

		if (f->type != PROTOBUF_C_TYPE_STRING && f->type != PROTOBUF_C_TYPE_MESSAGE)
			continue;
		for (size_t k = 0; k < n; k++)
			if (values[k] && f->type == PROTOBUF_C_TYPE_STRING)
				add_word(words, namespace, values[k]);
			else if (values[k])
				add_words(words, namespace, values[k]);
	}
}

static bool is_unserved(struct json_object *o)
{
	return strcmp(json_text(o, "class"), migration_class_name(MIGRATION_NOT_SERVED)) == 0;
}

static struct item *item_of(const struct migration *m, struct json_object *o)
{
	_cleanup_free_ char *key =
		xasprintf("%s/%s", json_text(o, "namespace"), json_text(o, "name"));

	return state_get(m->world.objects, object_kind_named(json_text(o, "kind")), key,
			 strlen(key));
}

static struct json_object *mentioned(const struct migration *m)
{
	struct json_object *words = json_object_new_object();

	for (size_t i = 0; i < json_length(m->objects); i++) {
		struct json_object *o = json_object_array_get_idx(m->objects, i);
		const struct item *item = is_unserved(o) ? item_of(m, o) : NULL;
		_cleanup_(arena_freep) struct arena *a = item ? arena_new(4096) : NULL;
		const ProtobufCMessage *message =
			item ? protobuf_c_message_unpack(object_kind(item->kind)->descriptor,
							 arena_pb(a), item->value_len,
							 item_value(item))
			     : NULL;

		if (message)
			add_words(words, json_text(o, "namespace"), message);
	}
	return words;
}

/* A slice belongs to what mentions its Service. */
static char *name_of(const struct migration *m, struct json_object *o)
{
	const struct item *i = item_of(m, o);
	K8s__EndpointSlice *s =
		i && i->kind == OBJECT_ENDPOINT_SLICE
			? k8s__endpoint_slice__unpack(NULL, i->value_len, item_value(i))
			: NULL;
	const char *name = json_text(o, "name");
	char *key;

	for (size_t k = 0; s && s->metadata && k < s->metadata->n_labels; k++)
		if (strcmp(s->metadata->labels[k]->key, SERVICE_NAME_LABEL) == 0)
			name = s->metadata->labels[k]->value;
	key = xasprintf("%s/%s", json_text(o, "namespace"), name);
	if (s)
		k8s__endpoint_slice__free_unpacked(s, NULL);
	return key;
}

static bool is_dependent(struct json_object *o)
{
	static const char *const kinds[] = { "Service", "EndpointSlice", "Secret", "ConfigMap" };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(kinds[i], json_text(o, "kind")) == 0)
			return strcmp(json_text(o, "class"),
				      migration_class_name(MIGRATION_NEVER)) == 0;
	return false;
}

void migration_mentioned(struct migration *m)
{
	struct json_object *words = mentioned(m);

	for (size_t i = 0; i < json_length(m->objects); i++) {
		struct json_object *o = json_object_array_get_idx(m->objects, i), *reasons;
		_cleanup_free_ char *name = is_dependent(o) ? name_of(m, o) : NULL;

		if (!name || !json_object_object_get_ex(words, name, NULL))
			continue;
		reasons = json_object_new_array();
		migration_reason(reasons, "", "what refers to it is not served, or in part not");
		(void)json_object_object_add(
			o, "class",
			json_object_new_string(migration_class_name(MIGRATION_NOT_SERVED)));
		(void)json_object_object_add(o, "reasons", reasons);
		m->counts[MIGRATION_NEVER]--;
		m->counts[MIGRATION_NOT_SERVED]++;
	}
	json_object_put(words);
}
