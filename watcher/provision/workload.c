/* Used by the watcher. */
#include "watcher/provision/workload.h"

#include <string.h>

#include "common/base/strbuf.h"
#include "watcher/provision/owned-kind.h"

static void add_images(struct strbuf *b, struct json_object *containers)
{
	size_t n = json_object_is_type(containers, json_type_array)
			   ? json_object_array_length(containers)
			   : 0;

	for (size_t i = 0; i < n; i++) {
		struct json_object *one = json_object_array_get_idx(containers, i);

		strbuf_printf(b, "%s%s", b->len ? ", " : "",
			      owned_text(owned_get(one, "image", NULL)));
	}
}

char *workload_images(struct json_object *workload)
{
	struct json_object *pod = owned_get(workload, "spec", "template", "spec", NULL);
	struct strbuf b = STRBUF_INIT;

	if (!pod)
		return NULL;
	add_images(&b, owned_get(pod, "initContainers", NULL));
	add_images(&b, owned_get(pod, "containers", NULL));
	return strbuf_take(&b);
}

static int64_t number(struct json_object *o, int64_t absent)
{
	return o ? json_object_get_int64(o) : absent;
}

static int64_t count(struct json_object *status, const char *key)
{
	return number(owned_get(status, key, NULL), 0);
}

static int64_t generation(struct json_object *workload)
{
	return number(owned_get(workload, "metadata", "generation", NULL), 0);
}

/* Who has chosen OnDelete replaces the pods when he likes. */
static bool replaces_pods(struct json_object *spec)
{
	return strcmp(owned_text(owned_get(spec, "updateStrategy", "type", NULL)), "OnDelete") != 0;
}

bool workload_is_complete(struct json_object *workload, bool daemon_set)
{
	struct json_object *spec = owned_get(workload, "spec", NULL);
	struct json_object *status = owned_get(workload, "status", NULL);
	int64_t wanted;

	if (count(status, "observedGeneration") < generation(workload))
		return false;
	if (daemon_set) {
		wanted = count(status, "desiredNumberScheduled");
		return !replaces_pods(spec) || (count(status, "updatedNumberScheduled") >= wanted &&
						count(status, "numberAvailable") >= wanted);
	}
	wanted = number(owned_get(spec, "replicas", NULL), 1);
	return count(status, "updatedReplicas") >= wanted &&
	       count(status, "replicas") <= count(status, "updatedReplicas") &&
	       count(status, "availableReplicas") >= wanted;
}

bool workload_is_new(struct json_object *workload)
{
	return generation(workload) <= 1;
}

const char *workload_failure(struct json_object *workload)
{
	struct json_object *all = owned_get(workload, "status", "conditions", NULL);
	size_t n = json_object_is_type(all, json_type_array) ? json_object_array_length(all) : 0;

	for (size_t i = 0; i < n; i++) {
		struct json_object *c = json_object_array_get_idx(all, i);

		if (strcmp(owned_text(owned_get(c, "type", NULL)), "Progressing") == 0 &&
		    strcmp(owned_text(owned_get(c, "status", NULL)), "False") == 0)
			return owned_text(owned_get(c, "message", NULL));
	}
	return NULL;
}
