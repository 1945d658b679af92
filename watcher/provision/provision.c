/* A queue of objects, each looked at when its turn comes: is it wanted, is it there, does it
 * differ? Used by the watcher. */
#include "watcher/provision/provision.h"

#include <errno.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/decode/gateway-class.h"
#include "common/decode/object-kind.h"
#include "ipc.pb-c.h"
#include "k8s/gateway.pb-c.h"
#include "watcher/kube/kube-message.h"
#include "watcher/provision/fleet-certificate.h"
#include "watcher/provision/provision-parts.h"

#define IN_FLIGHT_MAX  8
#define OBJECTS_MAX    100000
#define REQUEST_USEC   (15 * USEC_PER_SEC)
#define RETRY_MIN_USEC (100 * USEC_PER_MSEC)
#define RETRY_MAX_USEC (60 * USEC_PER_SEC)
/* If we may not write, or the name is taken, frequent tries are useless. */
#define DENIED_USEC (30 * USEC_PER_SEC)
/* Certificates age, and a missed event is found this way. */
#define SWEEP_USEC (600 * USEC_PER_SEC)

#define APPLY_QUERY "?fieldManager=portolan&force=true"

/* ---- objects and their Gateways ---- */

static const void *key_of(const void *entry, size_t *ret_len)
{
	*ret_len = ((const struct owned *)entry)->key_len;
	return ((const struct owned *)entry)->key;
}

static const void *owner_key(const void *entry, size_t *ret_len)
{
	*ret_len = ((const struct owner *)entry)->len;
	return ((const struct owner *)entry)->key;
}

static void run_soon(struct provision *p)
{
	event_active(p->timer, 0, 0);
}

void owner_dirty(struct owner *owner)
{
	owner->dirty = true;
}

static struct owner *owner_get(struct provision *p, const char *key)
{
	size_t len = strlen(key);
	struct owner *owner = hashmap_get(&p->owners, key, len);

	if (owner)
		return owner;
	owner = xcalloc(1, sizeof(*owner) + len + 1);
	TAILQ_INIT(&owner->objects);
	owner->len = len;
	memcpy(owner->key, key, len);
	owner->kind = strncmp(key, FLEET_OF_CLASS, strlen(FLEET_OF_CLASS)) == 0
			      ? OBJECT_GATEWAY_CLASS
			      : OBJECT_GATEWAY;
	owner->object = owner->kind == OBJECT_GATEWAY ? owner->key : strchr(owner->key, '/');
	owner->title = xasprintf("%s %s", object_kind(owner->kind)->kind,
				 owner->object + (*owner->object == '/'));
	(void)hashmap_put(&p->owners, owner);
	return owner;
}

void owner_free(struct owner *owner)
{
	item_unref(owner->said);
	free(owner->title);
	free(owner);
}

struct owned *owned_find(struct provision *p, const char *key, size_t len, const char *gateway)
{
	struct owned *o = hashmap_get(&p->objects, key, len);
	const char *space, *slash;
	_cleanup_free_ char *kind = NULL;

	if (o || !gateway || p->objects.n >= OBJECTS_MAX)
		return o;
	o = xcalloc(1, sizeof(*o) + len + 1);
	memcpy(o->key, key, len);
	space = strchr(o->key, ' ');
	slash = space ? strchr(space, '/') : NULL;
	kind = space ? xstrndup(o->key, (size_t)(space - o->key)) : NULL;
	o->kind = kind ? owned_kind_named(kind) : NULL;
	if (!o->kind || !slash) {
		free(o);
		return NULL;
	}
	o->provision = p;
	o->key_len = len;
	o->namespace = xstrndup(space + 1, (size_t)(slash - space - 1));
	o->name = xstrdup(slash + 1);
	o->owner = owner_get(p, gateway);
	TAILQ_INSERT_TAIL(&o->owner->objects, o, of_owner);
	(void)hashmap_put(&p->objects, o);
	return o;
}

static void dequeue(struct owned *o)
{
	if (o->queued)
		TAILQ_REMOVE(&o->provision->queue, o, queue);
	o->queued = false;
}

static void owned_free(struct owned *o)
{
	dequeue(o);
	if (o->call)
		http_cancel(o->call);
	TAILQ_REMOVE(&o->owner->objects, o, of_owner);
	owner_dirty(o->owner);
	item_unref(o->desired);
	upgrade_forget(o);
	json_object_put(o->live);
	free(o->problem);
	free(o->reason);
	free(o->namespace);
	free(o->name);
	free(o);
}

void owned_release(struct owned *o)
{
	struct provision *p = o->provision;

	if (o->desired || o->live || o->call)
		return;
	(void)hashmap_remove(&p->objects, o->key, o->key_len);
	owned_free(o);
	run_soon(p);
}

/* ---- the queue ---- */

void owned_enqueue(struct owned *o, int64_t delay)
{
	struct provision *p = o->provision;

	if (o->call) {
		o->again = true;
		return;
	}
	o->not_before = delay ? clock_monotonic() + delay : 0;
	if (!o->queued)
		TAILQ_INSERT_TAIL(&p->queue, o, queue);
	o->queued = true;
	run_soon(p);
}

static void retry(struct owned *o, int64_t at_least)
{
	o->retry_usec = MAX(o->retry_usec * 2, RETRY_MIN_USEC);
	o->retry_usec = MIN(o->retry_usec, RETRY_MAX_USEC);
	owned_enqueue(o, MAX(o->retry_usec, at_least));
}

static void set_problem(struct owned *o, const char *reason, const char *message)
{
	bool same = o->problem && message && strcmp(o->problem, message) == 0;

	if (same || (!o->problem && !message))
		return;
	free(o->problem);
	free(o->reason);
	o->problem = message ? xstrdup(message) : NULL;
	o->reason = message ? xstrdup(reason) : NULL;
	owner_dirty(o->owner);
	/* One that cannot be written lets others go first. */
	o->provision->upgrade_due |= owned_is_workload(o);
	if (message)
		log_warning("%s of %s: %s", o->key, o->owner->title, message);
}

/* ---- answers of the API ---- */

static void on_refusal(struct owned *o, const struct http_result *r)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(4096);
	struct kube_status s;

	kube_result_status(a, r, &s);
	o->provision->counters.failures++;
	upgrade_failed(o);
	switch (s.code) {
	case 401:
	case 403:
		set_problem(o, "Forbidden", s.message);
		retry(o, DENIED_USEC);
		return;
	case 400:
	case 422:
		set_problem(o, "Invalid", s.message);
		retry(o, DENIED_USEC);
		return;
	default:
		set_problem(o, "Failed", s.message);
		retry(o, s.retry_after_usec);
	}
}

static bool is_labelled(struct json_object *o)
{
	struct json_object *labels = owned_get(o, "metadata", "labels", NULL);

	return *owned_text(owned_get(labels, OWNED_FLEET_LABEL, NULL)) &&
	       strcmp(owned_text(owned_get(labels, "app.kubernetes.io/managed-by", NULL)),
		      "portolan") == 0;
}

/* If we have not made the object, we know only that its name is taken (P-NAM-6). */
static void on_found(struct owned *o, const struct http_result *r)
{
	struct json_object *json = NULL;

	if (r->status < 300 && kube_json_parse((const uint8_t *)r->body, r->body_len, &json) < 0) {
		retry(o, 0);
		return;
	}
	if (r->status == 404 || is_labelled(json)) {
		o->asked = true;
		owned_enqueue(o, 0);
	} else if (r->status < 300) {
		set_problem(o, "NotOurs",
			    "an object of this name exists, and Portolan has not made it: delete "
			    "or rename it");
		retry(o, DENIED_USEC);
	} else {
		on_refusal(o, r);
	}
	json_object_put(json);
}

static void on_written(struct owned *o, const struct http_result *r)
{
	struct provision *p = o->provision;

	if (o->deleted && (r->status < 300 || r->status == 404 || r->status == 409)) {
		p->counters.deleted += r->status < 300;
		o->asked = false;
	} else if (r->status < 300) {
		p->counters.applied++;
		o->made = !o->live;
		set_problem(o, NULL, NULL);
		o->retry_usec = 0;
	} else if (r->status == 409 && o->live) {
		/* Somebody has changed it since: the watch is about to say how. */
		upgrade_failed(o);
		retry(o, 0);
	} else {
		on_refusal(o, r);
	}
}

static void on_done(void *ctx, const struct http_result *r)
{
	struct owned *o = ctx;
	struct provision *p = o->provision;
	bool again = o->again, asking = !o->asked && !o->deleted;

	o->call = NULL;
	o->again = false;
	p->in_flight--;
	if (r->error < 0) {
		p->counters.failures++;
		upgrade_failed(o);
		retry(o, 0);
	} else if (asking) {
		on_found(o, r);
	} else {
		on_written(o, r);
	}
	o->deleted = false;
	if (again)
		owned_enqueue(o, 0);
	owned_release(o);
	run_soon(p);
}

static void request(struct owned *o, const char *method, const char *query, const char *type,
		    const char *body)
{
	struct provision *p = o->provision;
	_cleanup_free_ char *path = owned_kind_path(o->kind, o->namespace, o->name);
	_cleanup_free_ char *full = xasprintf("%s%s", path, query);
	struct http_request q = {
		.method = method,
		.path = full,
		.accept = "application/json",
		.content_type = type,
		.body = body,
		.body_len = body ? strlen(body) : 0,
		.total_usec = REQUEST_USEC,
		.done = on_done,
		.ctx = o,
	};

	o->call = http_send(p->config.http, &q);
	p->in_flight++;
}

/* ---- one object ---- */

static const char *uid_of(const struct provision *p, const struct owner *owner)
{
	const struct kube_object *g = kube_objects_get(p->config.objects, owner->kind,
						       owner->object, strlen(owner->object));

	return g && *g->uid ? g->uid : NULL;
}

/* A certificate that is good stays. -ENOENT: there is no authority. */
static int add_certificate(struct owned *o, struct json_object *json)
{
	struct provision *p = o->provision;
	struct secret authority = { 0 };
	int r = fleet_certificate_authority(p->config.store, p->authority, &authority);

	if (r < 0)
		return r;
	if (!o->live || !fleet_certificate_is_good(o->live, &authority, o->owner->key))
		r = fleet_certificate_add(json, &authority, o->owner->key);
	else
		json_object_object_add(json, "data",
				       json_object_get(owned_get(o->live, "data", NULL)));
	secret_done(&authority);
	return r;
}

/* The number of pods is set only once, unless the parameters have it: then autoscalers and people
 * decide (P-NAM-7). The write names the state that the number is from: the API server refuses it if
 * somebody has changed the object since. */
static void keep_replicas(const struct owned *o, struct json_object *json)
{
	struct json_object *there = owned_get(o->live, "spec", "replicas", NULL);
	struct json_object *version = owned_get(o->live, "metadata", "resourceVersion", NULL);

	if (o->fixed_replicas || !there || !owned_get(json, "spec", "replicas", NULL))
		return;
	json_object_object_add(owned_get(json, "spec", NULL), "replicas", json_object_get(there));
	json_object_object_add(owned_get(json, "metadata", NULL), "resourceVersion",
			       json_object_get(version));
}

/* The author of the GatewayClass decides that its Gateways share Envoys, not the translator alone:
 * these Envoys run in our own namespace, beside our Secrets. */
static bool class_agrees(const struct owned *o)
{
	const struct item *i = state_get(o->provision->config.store, OBJECT_GATEWAY_CLASS,
					 o->owner->object, strlen(o->owner->object));
	K8s__GatewayClass *c = i ? k8s__gateway_class__unpack(NULL, i->value_len, item_value(i))
				 : NULL;
	const char *word;
	bool agrees = gateway_class_merges(c, &word);

	k8s__gateway_class__free_unpacked(c, NULL);
	return agrees;
}

static struct json_object *compose(struct owned *o, const char *uid, const char **ret_why)
{
	const struct owned_writer writer = { o->provision->config.own_namespace,
					     o->provision->controller };

	if (o->owner->kind == OBJECT_GATEWAY_CLASS && !class_agrees(o)) {
		*ret_why = "its GatewayClass does not say that its Gateways share Envoys";
		return NULL;
	}
	return owned_compose(o, uid, &writer, ret_why);
}

static void apply(struct owned *o, const char *uid)
{
	struct provision *p = o->provision;
	const char *why = NULL;
	struct json_object *json = compose(o, uid, &why);
	int r;

	if (!json) {
		p->counters.refused++;
		set_problem(o, "Refused", why);
		return;
	}
	keep_replicas(o, json);
	r = strcmp(o->kind->kind, "Secret") == 0 ? add_certificate(o, json) : 0;
	if (r < 0) {
		_cleanup_free_ char *text = xasprintf(
			r == -ENOENT ? "Secret %s, the authority of the Envoys' certificates, does "
				       "not exist or lacks tls.crt or tls.key"
				     : "the Envoys' certificates cannot be signed with tls.crt and "
				       "tls.key of Secret %s",
			p->authority);

		set_problem(o, "NoAuthority", text);
		retry(o, USEC_PER_SEC);
	} else if (o->live && owned_is_within(json, o->live)) {
		set_problem(o, NULL, NULL);
		o->retry_usec = 0;
	} else if (upgrade_allows(o)) {
		upgrade_sent(o);
		request(o, "PATCH", APPLY_QUERY, "application/apply-patch+yaml",
			json_object_to_json_string_ext(
				json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	}
	json_object_put(json);
}

static bool is_marked(const struct owned *o)
{
	return *owned_text(owned_get(o->live, "metadata", "annotations",
				     OWNED_CONTROLLER_ANNOTATION, NULL)) != '\0';
}

static bool is_anothers_owner(const struct item *status)
{
	Portolan__Ipc__ObjectStatus *s =
		portolan__ipc__object_status__unpack(NULL, status->value_len, item_value(status));
	bool is = s && s->verdict == PORTOLAN__IPC__VERDICT__VERDICT_IGNORED;

	portolan__ipc__object_status__free_unpacked(s, NULL);
	return is;
}

/* The translator has seen the Gateway, and wants the object no more; or the Gateway is gone. */
static bool is_over(const struct owned *o)
{
	const struct provision *p = o->provision;
	const struct item *status;
	const char *uid = uid_of(p, o->owner);
	struct json_object *owners = owned_get(o->live, "metadata", "ownerReferences", NULL);
	struct json_object *first = json_object_is_type(owners, json_type_array)
					    ? json_object_array_get_idx(owners, 0)
					    : NULL;

	if (!uid || strcmp(owned_text(owned_get(first, "uid", NULL)), uid) != 0)
		return true;
	status = state_get(p->config.statuses, o->owner->kind, o->owner->object,
			   strlen(o->owner->object));
	/* A release before this mark has written it: then the Gateway's status tells whose it is.
	 */
	return status && (is_marked(o) || !is_anothers_owner(status));
}

bool owned_is_workload(const struct owned *o)
{
	return strcmp(o->kind->api_version, "apps/v1") == 0;
}

static bool is_available(const struct owned *o)
{
	struct json_object *n = owned_get(o->live, "status", "availableReplicas", NULL);

	n = n ? n : owned_get(o->live, "status", "numberAvailable", NULL);
	return json_object_get_int(n) > 0;
}

/* A Deployment stays until a pod of the DaemonSet that takes its place is ready, and the other way
 * round (P-OBJ-6). */
static bool is_awaited(const struct owned *o)
{
	const struct owned *other;

	if (!owned_is_workload(o) || !uid_of(o->provision, o->owner))
		return false;
	TAILQ_FOREACH (other, &o->owner->objects, of_owner)
		if (other != o && other->desired && owned_is_workload(other) &&
		    !is_available(other))
			return true;
	return false;
}

static void delete_object(struct owned *o)
{
	const char *uid = owned_text(owned_get(o->live, "metadata", "uid", NULL));
	_cleanup_free_ char *body =
		xasprintf("{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"propagationPolicy\":"
			  "\"Background\",\"preconditions\":{\"uid\":\"%s\"}}",
			  uid);

	log_info("%s of %s is not wanted any more: deleting it", o->key, o->owner->title);
	o->deleted = true;
	request(o, "DELETE", "", "application/json", body);
}

static void look_at(struct owned *o)
{
	const char *uid = uid_of(o->provision, o->owner);

	if (!o->provision->leader)
		return;
	if (!o->desired) {
		/* Its class went to another Portolan, which has taken it over. */
		if (o->live && owned_is_anothers(o->provision, o->live)) {
			owned_set_live(o, NULL);
			owned_release(o);
		} else if (o->live && !owned_get(o->live, "metadata", "deletionTimestamp", NULL) &&
			   is_over(o) && !is_awaited(o)) {
			delete_object(o);
		}
		return;
	}
	/* A Gateway that we do not see now is looked at again when we do. */
	if (!uid || o->kept || o->made)
		return;
	o->asked |= o->live != NULL;
	if (o->asked)
		apply(o, uid);
	else
		request(o, "GET", "", NULL, NULL);
}

static void on_timer(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct provision *p = ctx;
	int64_t now = clock_monotonic(), wake = INT64_MAX;
	struct owned *o, *next;

	for (o = provision_synced(p) && p->enabled ? TAILQ_FIRST(&p->queue) : NULL; o; o = next) {
		next = TAILQ_NEXT(o, queue);
		if (o->not_before > now) {
			wake = MIN(wake, o->not_before);
			continue;
		}
		if (p->in_flight >= IN_FLIGHT_MAX)
			break; /* the end of one of them runs this again */
		dequeue(o);
		look_at(o);
	}
	if (provision_synced(p) && p->enabled)
		upgrade_look(p);
	provision_tell(p);
	if (wake != INT64_MAX)
		event_loop_arm(p->timer, wake - now);
}

/* ---- calls of the owner ---- */

void provision_look_again(struct provision *p)
{
	struct owned *o;

	HASHMAP_FOREACH (&p->objects, o)
		owned_enqueue(o, 0);
}

void provision_decided(struct provision *p, unsigned kind, const char *object, size_t len)
{
	_cleanup_free_ char *key =
		kind == OBJECT_GATEWAY ? xstrndup(object, len)
				       : xasprintf(FLEET_OF_CLASS "%.*s", (int)len - 1, object + 1);
	struct owner *owner = hashmap_get_str(&p->owners, key);
	struct owned *o;

	if (!owner)
		return;
	TAILQ_FOREACH (o, &owner->objects, of_owner)
		if (!o->desired)
			owned_enqueue(o, 0);
}

static void on_sweep(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct provision *p = ctx;
	struct owned *o;

	/* It may have gone before the watch could show it. */
	HASHMAP_FOREACH (&p->objects, o)
		o->made = false;
	p->upgrade_due = true;
	provision_look_again(p);
	event_loop_arm(p->sweep, SWEEP_USEC);
}

static void note_wanted(struct owned *o, const Portolan__Ipc__DesiredObject *m)
{
	_cleanup_free_ char *text = o->desired && m->json.len
					    ? xstrndup((const char *)m->json.data, m->json.len)
					    : NULL;
	struct json_object *json = text ? json_tokener_parse(text) : NULL;

	upgrade_wanted(o, json);
	json_object_put(json);
}

/* The translator leaves our own namespace out: "Kind /name". */
static char *whole_key(const struct provision *p, const char *key, size_t len)
{
	const char *slash = memchr(key, '/', len);

	if (!slash || slash == key || slash[-1] != ' ')
		return xstrndup(key, len);
	return xasprintf("%.*s%s%.*s", (int)(slash - key), key, p->config.own_namespace,
			 (int)(key + len - slash), slash);
}

void provision_desired(struct provision *p, const char *key, size_t len, struct item *desired)
{
	Portolan__Ipc__DesiredObject *m =
		desired ? portolan__ipc__desired_object__unpack(NULL, desired->value_len,
								item_value(desired))
			: NULL;
	const char *gateway = m && m->gateway && strchr(m->gateway, '/') ? m->gateway : NULL;
	_cleanup_free_ char *whole = whole_key(p, key, len);
	struct owned *o = owned_find(p, whole, strlen(whole), gateway);

	if (o) {
		item_unref(o->desired);
		o->desired = desired && gateway ? item_ref(desired) : NULL;
		o->kept = o->desired && !m->has_json;
		o->fixed_replicas = o->desired && m->fixed_replicas;
		if (!o->desired || o->kept)
			set_problem(o, NULL, NULL);
		note_wanted(o, m);
		owner_dirty(o->owner);
		owned_enqueue(o, 0);
		owned_release(o);
	}
	portolan__ipc__desired_object__free_unpacked(m, NULL);
}

void provision_leader(struct provision *p, bool leader)
{
	p->leader = leader;
	if (leader)
		provision_look_again(p);
}

void provision_enable(struct provision *p, bool enabled, const char *authority,
		      const char *controller, enum provision_upgrades upgrades)
{
	char *secret = strchr(authority, '/')
			       ? xstrdup(authority)
			       : xasprintf("%s/%s", p->config.own_namespace,
					   *authority ? authority : "portolan-xds-ca");

	free(p->authority);
	p->authority = secret;
	free(p->controller);
	p->controller = xstrdup(*controller ? controller : GATEWAY_CONTROLLER);
	if (p->upgrades != upgrades) {
		p->upgrades = upgrades;
		p->upgrade_due = true;
		provision_look_again(p);
	}
	/* Once on, it stays on: objects must be deleted when they are not wanted any more. */
	if (enabled && !p->enabled) {
		p->enabled = true;
		provision_watch(p);
		event_loop_arm(p->sweep, SWEEP_USEC);
	}
}

struct provision *provision_new(const struct provision_config *config)
{
	struct provision *p = xnew(struct provision, 1);

	p->config = *config;
	p->objects = HASHMAP_INIT(key_of);
	p->owners = HASHMAP_INIT(owner_key);
	TAILQ_INIT(&p->queue);
	p->timer = event_loop_timer(config->loop, on_timer, p);
	p->sweep = event_loop_timer(config->loop, on_sweep, p);
	return p;
}

void provision_free(struct provision *p)
{
	struct owner *owner;
	struct owned *o;

	if (!p)
		return;
	provision_unwatch(p);
	HASHMAP_FOREACH (&p->objects, o)
		owned_free(o);
	hashmap_done(&p->objects);
	HASHMAP_FOREACH (&p->owners, owner)
		owner_free(owner);
	hashmap_done(&p->owners);
	event_free(p->timer);
	event_free(p->sweep);
	free(p->authority);
	free(p->controller);
	free(p);
}
