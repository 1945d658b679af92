/* The resources that Envoy is sent, for explanations. */
#include <string.h>

#include "translator/explain/explain-internal.h"

static int compare(const struct item *i, uint32_t kind, const char *name, size_t len)
{
	int d;

	if (i->kind != kind)
		return i->kind < kind ? -1 : 1;
	d = memcmp(i->data, name, MIN((size_t)i->key_len, len));
	return d ? d : (i->key_len > len) - (i->key_len < len);
}

/* The first that is not before it. */
static size_t lower_bound(const struct explain *e, uint32_t kind, const char *name, size_t len)
{
	size_t low = 0, high = e->n_sent;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(e->sent[middle], kind, name, len) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct item *explain_sent(const struct explain *e, enum resource_kind kind, const char *name)
{
	size_t len = strlen(name), at = lower_bound(e, kind, name, len);

	return at < e->n_sent && compare(e->sent[at], kind, name, len) == 0 ? e->sent[at] : NULL;
}

struct item *const *explain_sent_parts(const struct explain *e, enum resource_kind kind,
				       const char *name, size_t *ret_n)
{
	/* A part's key begins with the resource's name and a NUL. */
	size_t len = strlen(name) + 1, from = lower_bound(e, RESOURCE_PART + kind, name, len),
	       to = from;

	while (to < e->n_sent && e->sent[to]->kind == RESOURCE_PART + kind &&
	       e->sent[to]->key_len > len && memcmp(e->sent[to]->data, name, len) == 0)
		to++;
	*ret_n = to - from;
	return e->sent + from;
}

const char *explain_part_key(struct arena *a, const char *name, const char *part, size_t *ret_len)
{
	char *key = arena_printf(a, "%s %s", name, part);

	*ret_len = strlen(key);
	key[strlen(name)] = '\0';
	return key;
}

const struct item *explain_sent_part(const struct explain *e, enum resource_kind kind,
				     const char *name, const char *part)
{
	size_t len, at;
	const char *key = explain_part_key(e->scratch, name, part, &len);

	at = lower_bound(e, RESOURCE_PART + kind, key, len);
	return at < e->n_sent && compare(e->sent[at], RESOURCE_PART + kind, key, len) == 0
		       ? e->sent[at]
		       : NULL;
}

void *explain_any(struct arena *a, const GoogleAny *any, const ProtobufCMessageDescriptor *type)
{
	const char *slash = any && any->type_url ? strchr(any->type_url, '/') : NULL;

	if (!slash || strcmp(slash + 1, type->name) != 0)
		return NULL;
	return protobuf_c_message_unpack(type, arena_pb(a), any->value.len, any->value.data);
}
