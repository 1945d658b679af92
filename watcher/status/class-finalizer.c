/* The finalizer of GatewayClasses. Used by the watcher. */
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/decode/object-kind.h"
#include "watcher/status/class-finalizer.h"

#define FINALIZER "gateway-exists-finalizer.gateway.networking.k8s.io"

DEFINE_CLEANUP(struct json_object *, json_object_put)

static struct json_object *member(struct json_object *map, const char *key)
{
	struct json_object *value = NULL;

	if (map && json_object_is_type(map, json_type_object))
		(void)json_object_object_get_ex(map, key, &value);
	return value;
}

static bool is_ours(struct json_object *name)
{
	return json_object_is_type(name, json_type_string) &&
	       strcmp(json_object_get_string(name), FINALIZER) == 0;
}

static size_t length(struct json_object *list)
{
	return json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
}

/* Without ours; *ret_had says whether it was present. */
static struct json_object *others(struct json_object *list, bool *ret_had)
{
	struct json_object *new = json_object_new_array();

	*ret_had = false;
	for (size_t i = 0; i < length(list); i++) {
		struct json_object *name = json_object_array_get_idx(list, i);

		if (is_ours(name))
			*ret_had = true;
		else
			(void)json_object_array_add(new, json_object_get(name));
	}
	return new;
}

/* A class that is being deleted takes no new finalizers: without ours there is nothing to do. */
void class_finalizer_keep(struct kube_object *class, struct json_object *json)
{
	struct json_object *meta = member(json, "metadata");
	struct json_object *list = member(meta, "finalizers");
	_cleanup_(json_object_putp) struct json_object *rest = NULL;
	bool had;

	free(TAKE_PTR(class->finalizers));
	rest = others(list, &had);
	if (!meta || (!had && member(meta, "deletionTimestamp")))
		return;
	class->finalizers = xstrdup(
		had ? json_object_to_json_string_ext(list, JSON_C_TO_STRING_PLAIN |
								   JSON_C_TO_STRING_NOSLASHESCAPE)
		    : json_object_to_json_string_ext(rest, JSON_C_TO_STRING_PLAIN |
								   JSON_C_TO_STRING_NOSLASHESCAPE));
}

bool class_finalizer_render(const struct kube_object *class,
			    const Portolan__Ipc__ObjectStatus *status, struct strbuf *list)
{
	_cleanup_(json_object_putp) struct json_object *is = NULL, *wanted = NULL;
	bool had;

	if (!class->finalizers || !status->has_in_use)
		return false;
	is = json_tokener_parse(class->finalizers);
	wanted = others(is, &had);
	if (had == (status->in_use != 0))
		return false;
	if (status->in_use)
		(void)json_object_array_add(wanted, json_object_new_string(FINALIZER));
	strbuf_puts(list, json_object_to_json_string_ext(
				  wanted, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	return true;
}
