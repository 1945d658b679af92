/* The objects with our labels, in their state at the API. */
#include <errno.h>
#include <string.h>

#include "common/base/alloc.h"
#include "watcher/provision/provision-parts.h"

#define SELECTOR "labelSelector=app.kubernetes.io%2Fmanaged-by%3Dportolan%2Cportolan.io%2Ffleet"

static struct owned *find(struct owned_watch *w, struct json_object *o, bool make)
{
	struct json_object *meta = owned_get(o, "metadata", NULL);
	const char *gateway =
		owned_text(owned_get(meta, "annotations", OWNED_GATEWAY_ANNOTATION, NULL));
	_cleanup_free_ char *key = xasprintf("%s %s/%s", w->kind->kind,
					     owned_text(owned_get(meta, "namespace", NULL)),
					     owned_text(owned_get(meta, "name", NULL)));

	/* Anybody may set labels: without a Gateway's name it is not one of ours. */
	return owned_find(w->provision, key, strlen(key),
			  make && strchr(gateway, '/') ? gateway : NULL);
}

void owned_set_live(struct owned *o, struct json_object *live)
{
	struct owned *other;

	o->provision->counters.objects += (live != NULL) - (o->live != NULL);
	json_object_put(o->live);
	o->live = live;
	o->made = false;
	upgrade_live(o);
	/* The next owner of the name is asked for. */
	if (!live)
		o->asked = false;
	owner_dirty(o->owner);
	owned_enqueue(o, 0);
	/* One that is not wanted any more may wait for this. */
	TAILQ_FOREACH (other, &o->owner->objects, of_owner)
		if (!other->desired && other->live && other != o)
			owned_enqueue(other, 0);
}

bool owned_is_anothers(const struct provision *p, struct json_object *live)
{
	const char *controller = owned_text(
		owned_get(live, "metadata", "annotations", OWNED_CONTROLLER_ANNOTATION, NULL));

	return *controller && strcmp(controller, p->controller) != 0;
}

static void on_list_begins(void *ctx)
{
	((struct owned_watch *)ctx)->epoch++;
}

static int on_object(void *ctx, const struct kube_payload *payload)
{
	struct owned_watch *w = ctx;
	struct json_object *json = payload->json;
	bool anothers = json && owned_is_anothers(w->provision, json);
	struct owned *o = json ? find(w, json, !anothers) : NULL;

	if (!json)
		return -EBADMSG;
	if (!o)
		return 0;
	if (anothers && !o->desired) {
		owned_set_live(o, NULL);
		owned_release(o);
		return 0;
	}
	/* Half of an object, and of no use here. */
	json_object_object_del(owned_get(json, "metadata", NULL), "managedFields");
	o->epoch = w->epoch;
	owned_set_live(o, json_object_get(json));
	return 0;
}

static int on_deleted(void *ctx, const struct kube_payload *payload)
{
	struct owned *o = payload->json ? find(ctx, payload->json, false) : NULL;

	if (o) {
		owned_set_live(o, NULL);
		owned_release(o);
	}
	return 0;
}

static void drop_unlisted(struct owned_watch *w)
{
	struct owned **gone = xnew(struct owned *, w->provision->objects.n + 1), *o;
	size_t n = 0;

	HASHMAP_FOREACH (&w->provision->objects, o) {
		o->made &= o->kind != w->kind;
		if (o->kind == w->kind && o->live && o->epoch != w->epoch)
			gone[n++] = o;
	}
	while (n) {
		o = gone[--n];
		owned_set_live(o, NULL);
		owned_release(o);
	}
	free(gone);
}

static void on_listed(void *ctx)
{
	struct owned_watch *w = ctx;

	drop_unlisted(w);
	provision_look_again(w->provision);
	w->provision->config.synced(w->provision->config.ctx);
}

static void on_absent(void *ctx)
{
	((struct owned_watch *)ctx)->epoch++;
	on_listed(ctx);
}

static void on_denied(void *ctx)
{
	struct owned_watch *w = ctx;

	w->provision->config.synced(w->provision->config.ctx);
}

static const struct reflector_ops ops = {
	.list_begins = on_list_begins,
	.object = on_object,
	.deleted = on_deleted,
	.listed = on_listed,
	.absent = on_absent,
	.denied = on_denied,
};

void provision_watch(struct provision *p)
{
	for (size_t i = 0; i < OWNED_KINDS; i++) {
		struct owned_watch *w = &p->watches[i];
		_cleanup_free_ char *path = owned_kind_collection(owned_kind(i));
		_cleanup_free_ char *name = xasprintf("%s of Gateways", owned_kind(i)->kind);
		struct reflector_config config = REFLECTOR_CONFIG_DEFAULT;

		*w = (struct owned_watch){ .provision = p, .kind = owned_kind(i) };
		config.loop = p->config.loop;
		config.transport = reflector_transport_of(p->config.http);
		config.name = name;
		config.path = path;
		config.selector = SELECTOR;
		config.ops = &ops;
		config.ctx = w;
		w->reflector = reflector_new(&config);
	}
}

void provision_unwatch(struct provision *p)
{
	for (size_t i = 0; i < OWNED_KINDS; i++) {
		reflector_free(p->watches[i].reflector);
		p->watches[i].reflector = NULL;
	}
}

bool provision_synced(const struct provision *p)
{
	for (size_t i = 0; p->enabled && i < OWNED_KINDS; i++)
		if (!reflector_synced(p->watches[i].reflector) &&
		    !reflector_denied(p->watches[i].reflector))
			return false;
	return true;
}
