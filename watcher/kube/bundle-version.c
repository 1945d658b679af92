/* The bundle version of Gateway API's definitions. Used by the watcher. */
#include <string.h>

#include "common/base/alloc.h"
#include "watcher/kube/bundle-version.h"
#include "watcher/kube/reflector.h"

#define PATH     "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
#define NAME     "gatewayclasses.gateway.networking.k8s.io"
#define SELECTOR "fieldSelector=metadata.name%3D" NAME
#define KEY      "gateway.networking.k8s.io/bundle-version"

struct bundle_version {
	struct event_loop *loop;
	struct http *http;
	bundle_version_fn fn;
	void *ctx;
	struct reflector *reflector; /* NULL: no follower yet */
	char *version, *listed;      /* the last report; from an incomplete list */
	bool listing, said;
};

static void say(struct bundle_version *b, const char *version)
{
	if (b->said && (!b->version) == !version && (!version || strcmp(b->version, version) == 0))
		return;
	b->said = true;
	free(b->version);
	b->version = version ? xstrdup(version) : NULL;
	b->fn(b->ctx, b->version);
}

/* NULL if the member is absent. */
static struct json_object *member(struct json_object *map, const char *key)
{
	struct json_object *value = NULL;

	if (map && json_object_is_type(map, json_type_object))
		(void)json_object_object_get_ex(map, key, &value);
	return value;
}

static const char *text(struct json_object *value)
{
	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

static int on_object(void *ctx, const struct kube_payload *object)
{
	struct bundle_version *b = ctx;
	struct json_object *meta = member(object->json, "metadata");
	const char *version;

	/* A server that passes over the selector lists all of them. */
	if (strcmp(text(member(meta, "name")), NAME) != 0)
		return 0;
	version = text(member(member(meta, "annotations"), KEY));
	if (!b->listing) {
		say(b, version);
		return 0;
	}
	free(b->listed);
	b->listed = xstrdup(version);
	return 0;
}

static int on_deleted(void *ctx, const struct kube_payload *object)
{
	struct bundle_version *b = ctx;

	if (strcmp(text(member(member(object->json, "metadata"), "name")), NAME) == 0)
		say(b, NULL);
	return 0;
}

static void on_list_begins(void *ctx)
{
	struct bundle_version *b = ctx;

	b->listing = true;
	free(TAKE_PTR(b->listed));
}

static void on_listed(void *ctx)
{
	struct bundle_version *b = ctx;

	b->listing = false;
	say(b, b->listed);
}

static void on_unknown(void *ctx)
{
	say(ctx, NULL);
}

static const struct reflector_ops ops = {
	.list_begins = on_list_begins,
	.object = on_object,
	.deleted = on_deleted,
	.listed = on_listed,
	.absent = on_unknown,
	.denied = on_unknown,
};

void bundle_version_follow(struct bundle_version *b)
{
	struct reflector_config config = REFLECTOR_CONFIG_DEFAULT;

	if (b->reflector)
		return;
	config.loop = b->loop;
	config.transport = reflector_transport_of(b->http);
	config.name = "CustomResourceDefinition " NAME;
	config.path = PATH;
	config.selector = SELECTOR;
	config.ops = &ops;
	config.ctx = b;
	b->reflector = reflector_new(&config);
}

bool bundle_version_settled(const struct bundle_version *b)
{
	return !b->reflector || reflector_synced(b->reflector) || reflector_denied(b->reflector);
}

void bundle_version_hurry(struct bundle_version *b)
{
	if (b->reflector)
		reflector_hurry(b->reflector);
}

struct bundle_version *bundle_version_new(struct event_loop *loop, struct http *http,
					  bundle_version_fn fn, void *ctx)
{
	struct bundle_version *b = xnew(struct bundle_version, 1);

	b->loop = loop;
	b->http = http;
	b->fn = fn;
	b->ctx = ctx;
	return b;
}

void bundle_version_free(struct bundle_version *b)
{
	if (!b)
		return;
	reflector_free(b->reflector);
	free(b->version);
	free(b->listed);
	free(b);
}
