/* Requests of discovery.proto, decoded with the minimal schema in proto/xds.proto: nothing in it is
 * recursive, and what it does not declare is skipped. Used by xds-server's streams. */
#include <errno.h>
#include <string.h>

#include "common/resource-kind.h"
#include "common/wire.h"
#include "proto/xds.pb-c.h"
#include "xds-server/request.h"

#define AGENT_MAX 64

/* A field of two bytes becomes a hundred in memory: count before unpacking. */
static int count_fields(const uint8_t *data, size_t len)
{
	struct wire w = { data, data + len };
	struct wire_field f;
	size_t n = 0;
	int r;

	while ((r = wire_next(&w, &f)) > 0)
		if (++n > REQUEST_FIELDS_MAX)
			return -E2BIG;
	return r;
}

static const struct request_node *node_of(struct arena *a, const Envoy__Service__Discovery__V3__Node *pb)
{
	struct request_node *n;
	const char *version = "";
	bool newer = false;

	if (!pb)
		return NULL;
	n = arena_new_of(a, struct request_node, 1);
	if (pb->user_agent_version_type_case ==
		    ENVOY__SERVICE__DISCOVERY__V3__NODE__USER_AGENT_VERSION_TYPE_USER_AGENT_BUILD_VERSION &&
	    pb->user_agent_build_version && pb->user_agent_build_version->version) {
		const Envoy__Service__Discovery__V3__SemanticVersion *v =
			pb->user_agent_build_version->version;

		version = arena_printf(a, "/%u.%u.%u", v->major_number, v->minor_number, v->patch);
		newer = strcmp(pb->user_agent_name, "envoy") == 0 &&
			resource_kind_is_for(RESOURCE_NEWER_LISTENER, v->major_number, v->minor_number);
	}
	*n = (struct request_node){
		.id = pb->id,
		.cluster = pb->cluster,
		.agent = arena_printf(a, "%.*s%s", AGENT_MAX, pb->user_agent_name, version),
		.newer = newer,
	};
	return n;
}

static void take_error(struct arena *a, struct request *r, const Envoy__Service__Discovery__V3__Status *pb)
{
	r->rejects = pb != NULL;
	r->error = pb ? arena_strndup(a, pb->message, strnlen(pb->message, REQUEST_ERROR_MAX)) : "";
}

static int read_sotw(struct arena *a, const uint8_t *data, size_t len, struct request *ret)
{
	const Envoy__Service__Discovery__V3__DiscoveryRequest *pb =
		envoy__service__discovery__v3__discovery_request__unpack(arena_pb(a), len, data);

	if (!pb)
		return -EBADMSG;
	*ret = (struct request){
		.node = node_of(a, pb->node),
		.type_url = pb->type_url,
		.nonce = pb->response_nonce,
		.version = pb->version_info,
		.names = pb->resource_names,
		.n_names = pb->n_resource_names,
	};
	take_error(a, ret, pb->error_detail);
	return 0;
}

static int read_delta(struct arena *a, const uint8_t *data, size_t len, struct request *ret)
{
	const Envoy__Service__Discovery__V3__DeltaDiscoveryRequest *pb =
		envoy__service__discovery__v3__delta_discovery_request__unpack(arena_pb(a), len, data);

	if (!pb)
		return -EBADMSG;
	*ret = (struct request){
		.node = node_of(a, pb->node),
		.type_url = pb->type_url,
		.nonce = pb->response_nonce,
		.version = "",
		.names = pb->resource_names_subscribe,
		.n_names = pb->n_resource_names_subscribe,
		.unsubscribe = pb->resource_names_unsubscribe,
		.n_unsubscribe = pb->n_resource_names_unsubscribe,
		.n_initial = pb->n_initial_resource_versions,
	};
	ret->initial = arena_new_of(a, struct request_version, ret->n_initial + 1);
	for (size_t i = 0; i < ret->n_initial; i++) {
		ret->initial[i].name = pb->initial_resource_versions[i]->key;
		ret->initial[i].version = pb->initial_resource_versions[i]->value;
	}
	take_error(a, ret, pb->error_detail);
	return 0;
}

int request_read(struct arena *a, bool delta, const uint8_t *data, size_t len, struct request *ret)
{
	int r = count_fields(data, len);

	if (r < 0)
		return r;
	return delta ? read_delta(a, data, len, ret) : read_sotw(a, data, len, ret);
}
