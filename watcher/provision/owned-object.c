/* Makes the object to write from the object that the translator wants. */
#include "watcher/provision/owned-object.h"

#include <string.h>

#include "common/base/alloc.h"
#include "common/link/version.h"
#include "ipc.pb-c.h"

#define VERSION_ANNOTATION "portolan.io/version"

static void put(struct json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, json_object_new_string(value));
}

/* The object is then deleted with its owner even if the watcher does not run (P-NAM-5). */
static void add_owner(struct json_object *o, const struct owner *owner, const char *uid)
{
	struct json_object *list = json_object_new_array(), *ref = json_object_new_object();

	put(ref, "apiVersion", "gateway.networking.k8s.io/v1");
	put(ref, "kind", object_kind(owner->kind)->kind);
	put(ref, "name", strchr(owner->key, '/') + 1);
	put(ref, "uid", uid);
	json_object_object_add(ref, "controller", json_object_new_boolean(true));
	json_object_object_add(ref, "blockOwnerDeletion", json_object_new_boolean(true));
	json_object_array_add(list, ref);
	json_object_object_add(owned_get(o, "metadata", NULL), "ownerReferences", list);
}

/* A member that is not wanted any more makes a difference, too: then the API server takes it away.
 */
static void annotate(struct json_object *o, const ProtobufCBinaryData *text, const char *controller)
{
	struct json_object *meta = owned_get(o, "metadata", NULL);
	struct json_object *annotations = owned_get(meta, "annotations", NULL);
	uint8_t version[VERSION_SIZE];
	char hex[VERSION_HEX + 1];

	version_of(text->data, text->len, version);
	version_to_hex(version, hex);
	if (!annotations) {
		annotations = json_object_new_object();
		json_object_object_add(meta, "annotations", annotations);
	}
	put(annotations, VERSION_ANNOTATION, hex);
	put(annotations, OWNED_CONTROLLER_ANNOTATION, controller);
}

static bool is_at_home(const struct owned *o, const char *namespace)
{
	size_t len = strlen(o->namespace);

	if (o->owner->kind == OBJECT_GATEWAY_CLASS)
		return strcmp(o->namespace, namespace) == 0;
	return strncmp(o->namespace, o->owner->key, len) == 0 && o->owner->key[len] == '/';
}

/* The Secret's name is the others' and "-xds", shortened: the translator cannot choose which Secret
 * pods use. */
static struct json_object *parse(const struct owned *o, const struct owned_writer *writer,
				 const char **ret_why)
{
	Portolan__Ipc__DesiredObject *m = portolan__ipc__desired_object__unpack(
		NULL, o->desired->value_len, item_value(o->desired));
	_cleanup_free_ char *text = m ? xstrndup((const char *)m->json.data, m->json.len) : NULL;
	struct json_object *json = text ? json_tokener_parse(text) : NULL;

	*ret_why = "it cannot be read";
	/* The translator does not know our namespace. */
	if (json && o->owner->kind == OBJECT_GATEWAY_CLASS)
		put(owned_get(json, "metadata", NULL), "namespace", writer->namespace);
	if (json)
		*ret_why = owned_kind_refuses(o->kind, json, o->namespace, o->name);
	if (!*ret_why && !is_at_home(o, writer->namespace))
		*ret_why = "it is not in its Gateway's namespace";
	if (!*ret_why &&
	    strcmp(owned_text(owned_get(json, "metadata", "name", NULL)), o->name) != 0)
		*ret_why = "it has another name than it says";
	if (!*ret_why)
		annotate(json, &m->json, writer->controller);
	portolan__ipc__desired_object__free_unpacked(m, NULL);
	return json;
}

struct json_object *owned_compose(const struct owned *o, const char *uid,
				  const struct owned_writer *writer, const char **ret_why)
{
	struct json_object *json = parse(o, writer, ret_why);

	if (*ret_why) {
		json_object_put(json);
		return NULL;
	}
	add_owner(json, o->owner, uid);
	return json;
}

static bool list_is_within(struct json_object *wanted, struct json_object *live)
{
	size_t n = json_object_array_length(wanted);

	if (n != json_object_array_length(live))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!owned_is_within(json_object_array_get_idx(wanted, i),
				     json_object_array_get_idx(live, i)))
			return false;
	return true;
}

bool owned_is_within(struct json_object *wanted, struct json_object *live)
{
	struct json_object *there;

	if (json_object_is_type(wanted, json_type_array))
		return json_object_is_type(live, json_type_array) && list_is_within(wanted, live);
	if (!json_object_is_type(wanted, json_type_object))
		return json_object_equal(wanted, live) == 1;
	if (!json_object_is_type(live, json_type_object))
		return false;
	json_object_object_foreach (wanted, key, value)
		if (!json_object_object_get_ex(live, key, &there) || !owned_is_within(value, there))
			return false;
	return true;
}
