/* The objects of the Kubernetes API as the watcher keeps them, and how they are cut down. */
#include <errno.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/decode/object-kind.h"
#include "k8s/core.pb-c.h"
#include "k8s/meta.pb-c.h"

#include "watcher/kube/kube-object.h"

#define CONFIG_MAP_MAX (64 * 1024)

struct kube_objects {
	struct hashmap kinds[OBJECT_KIND_MAX_];
};

static const void *object_key(const void *entry, size_t *ret_len)
{
	const struct kube_object *o = entry;

	*ret_len = o->item->key_len;
	return item_key(o->item);
}

struct kube_objects *kube_objects_new(void)
{
	struct kube_objects *o = xnew(struct kube_objects, 1);

	for (unsigned k = 0; k < OBJECT_KIND_MAX_; k++)
		o->kinds[k] = HASHMAP_INIT(object_key);
	return o;
}

static void object_free(struct kube_object *o)
{
	item_unref(o->item);
	free(o->version);
	free(o->status);
	free(o->finalizers);
	free(o->propagated);
	free(o);
}

void kube_objects_free(struct kube_objects *o)
{
	if (!o)
		return;
	for (unsigned k = 0; k < OBJECT_KIND_MAX_; k++) {
		struct kube_object *e;

		HASHMAP_FOREACH (&o->kinds[k], e)
			object_free(e);
		hashmap_done(&o->kinds[k]);
	}
	free(o);
}

struct kube_object *kube_objects_get(const struct kube_objects *o, unsigned kind, const char *key,
				     size_t len)
{
	return kind < OBJECT_KIND_MAX_ ? hashmap_get(&o->kinds[kind], key, len) : NULL;
}

struct kube_object *kube_objects_put(struct kube_objects *o, unsigned kind, struct item *item)
{
	struct kube_object *e = kube_objects_get(o, kind, item_key(item), item->key_len);

	if (e) {
		/* The map looks for the key in the item: an equal one is as good. */
		struct item *old = e->item;

		e->item = item_ref(item);
		item_unref(old);
		return e;
	}
	e = xnew(struct kube_object, 1);
	e->item = item_ref(item);
	(void)hashmap_put(&o->kinds[kind], e);
	return e;
}

void kube_objects_remove(struct kube_objects *o, struct kube_object *object)
{
	(void)hashmap_remove(&o->kinds[object->item->kind], item_key(object->item),
			     object->item->key_len);
	object_free(object);
}

struct kube_object *kube_objects_next(const struct kube_objects *o, unsigned kind, size_t *pos)
{
	return hashmap_next(&o->kinds[kind], pos);
}

bool kube_object_set_status(struct kube_object *o, const uint8_t *status, size_t len)
{
	if (len == o->status_len && (len == 0 || memcmp(status, o->status, len) == 0))
		return false;
	free(o->status);
	o->status = len ? xmemdup(status, len) : NULL;
	o->status_len = len;
	return true;
}

const char *kube_object_api_key(const struct kube_object *o)
{
	return o->api_key ? o->api_key : item_key(o->item);
}

/* ---- trimming ---- */

/* kubectl apply adds this: another copy of the whole object. */
static bool is_useless_annotation(const char *key)
{
	return strcmp(key, "kubectl.kubernetes.io/last-applied-configuration") == 0;
}

static void trim_annotations(K8s__ObjectMeta *m, unsigned kind, struct kube_trimmed *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n_annotations; i++)
		if (kind == OBJECT_INGRESS && strcmp(m->annotations[i]->key, KUBE_PROPAGATED) == 0)
			ret->propagated = m->annotations[i]->value;
		else if (!is_useless_annotation(m->annotations[i]->key))
			m->annotations[n++] = m->annotations[i];
	m->n_annotations = n;
}

static void trim_metadata(K8s__ObjectMeta *m, unsigned kind, struct kube_trimmed *ret)
{
	ret->uid = m->uid;
	ret->version = m->resource_version;
	ret->generation = m->generation;
	m->uid = (char *)(uintptr_t)protobuf_c_empty_string;
	m->resource_version = (char *)(uintptr_t)protobuf_c_empty_string;
	m->deletion_timestamp = NULL;
	trim_annotations(m, kind, ret);
}

/* kubernetes.io/tls and Opaque are the types whose data can be referenced. */
static void trim_secret(ProtobufCMessage *message)
{
	K8s__Secret *s = (K8s__Secret *)message;

	if (strcmp(s->type, "kubernetes.io/tls") != 0 && strcmp(s->type, "Opaque") != 0 &&
	    s->type[0])
		s->n_data = 0;
}

/* A CA bundle may be referenced (BackendTLSPolicy). Other data is read only where Ingresses of
 * ingress-nginx are served; its settings are never so large that the limit cuts them off. */
static void trim_config_map(ProtobufCMessage *message, bool whole)
{
	K8s__ConfigMap *c = (K8s__ConfigMap *)message;
	size_t n = 0;

	c->n_binary_data = 0;
	if (whole && protobuf_c_message_get_packed_size(message) <= CONFIG_MAP_MAX)
		return;
	for (size_t i = 0; i < c->n_data; i++)
		if (strcmp(c->data[i]->key, "ca.crt") == 0)
			c->data[n++] = c->data[i];
	c->n_data = n;
}

/* Takes the member out of the message. */
static ProtobufCMessage *take_member(ProtobufCMessage *m, const char *name)
{
	const ProtobufCFieldDescriptor *f =
		protobuf_c_message_descriptor_get_field_by_name(m->descriptor, name);
	ProtobufCMessage **at;

	if (!f || f->type != PROTOBUF_C_TYPE_MESSAGE || f->label == PROTOBUF_C_LABEL_REPEATED)
		return NULL;
	at = (ProtobufCMessage **)(void *)((char *)m + f->offset);
	return TAKE_PTR(*at);
}

static ProtobufCMessage *peek_member(ProtobufCMessage *m, const char *name)
{
	const ProtobufCFieldDescriptor *f =
		protobuf_c_message_descriptor_get_field_by_name(m->descriptor, name);

	if (!f || f->type != PROTOBUF_C_TYPE_MESSAGE || f->label == PROTOBUF_C_LABEL_REPEATED)
		return NULL;
	return *(ProtobufCMessage **)(void *)((char *)m + f->offset);
}

int kube_object_trim(struct arena *arena, unsigned kind, const uint8_t *value, size_t len,
		     bool whole_config_maps, struct kube_trimmed *ret)
{
	const struct object_kind_row *row = object_kind(kind);
	ProtobufCMessage *m, *metadata, *status;

	m = protobuf_c_message_unpack(row->descriptor, arena_pb(arena), len, value);
	if (!m)
		return -EBADMSG;
	metadata = peek_member(m, "metadata");
	if (!metadata || metadata->descriptor != &k8s__object_meta__descriptor)
		return -EBADMSG;
	*ret = (struct kube_trimmed){ 0 };
	trim_metadata((K8s__ObjectMeta *)metadata, kind, ret);
	status = take_member(m, "status");
	if (kind == OBJECT_SECRET)
		trim_secret(m);
	else if (kind == OBJECT_CONFIG_MAP)
		trim_config_map(m, whole_config_maps);
	ret->value_len = protobuf_c_message_get_packed_size(m);
	ret->value = arena_alloc(arena, ret->value_len + 1);
	(void)protobuf_c_message_pack(m, ret->value);
	if (status) {
		ret->status_len = protobuf_c_message_get_packed_size(status);
		ret->status = arena_alloc(arena, ret->status_len + 1);
		(void)protobuf_c_message_pack(status, ret->status);
	}
	return 0;
}
