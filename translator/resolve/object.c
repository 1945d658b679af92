/* Keys, annotations and references of objects. */
#include <string.h>

#include "translator/resolve/object.h"

void object_split_key(struct reader *r, const char *key, const char **ret_namespace,
		      const char **ret_name)
{
	const char *slash = strchr(key, '/');

	*ret_namespace = arena_strndup(reader_arena(r), key, slash ? (size_t)(slash - key) : 0);
	*ret_name = slash ? slash + 1 : key;
}

const char *object_annotation(const K8s__ObjectMeta *meta, const char *name)
{
	for (size_t i = 0; meta && i < meta->n_annotations; i++)
		if (strcmp(meta->annotations[i]->key, name) == 0)
			return meta->annotations[i]->value;
	return NULL;
}

/* Why the object cannot be read, in its source's words; NULL: no reason given. */
static const char *refusal(struct reader *r, enum object_kind kind, const char *key)
{
	const char *text = arena_printf(reader_arena(r), "%u %s", kind, key);
	const struct item *i = read_beside(r, OBJECT_REFUSED, text);

	return i ? arena_strndup(reader_arena(r), (const char *)item_value(i), i->value_len) : NULL;
}

const char *object_missing(struct reader *r, enum object_kind kind, const char *key)
{
	const char *name = object_kind(kind)->kind, *why = refusal(r, kind, key);

	if (why)
		return arena_printf(reader_arena(r), "%s %s is there, but cannot be read: %s", name,
				    key, why);
	return arena_printf(reader_arena(r), "there is no %s %s", name, key);
}

const char *object_missing_why(struct reader *r, enum object_kind kind, const char *key)
{
	const char *why = refusal(r, kind, key);

	return why ? arena_printf(reader_arena(r), "it is there, but cannot be read: %s", why)
		   : "it does not exist";
}

const char *object_reference(struct reader *r, const K8s__ConfigReference *ref)
{
	if (!ref || !*ref->name || !*ref->namespace_)
		return NULL;
	return arena_printf(reader_arena(r), "%s/%s", ref->namespace_, ref->name);
}
