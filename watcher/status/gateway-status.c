/* The wanted status of an object of Gateway API. Used by the watcher. */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/decode/object-kind.h"
#include "watcher/status/gateway-status.h"

#define GROUP       "gateway.networking.k8s.io"
#define MESSAGE_MAX 32768u

DEFINE_CLEANUP(struct json_object *, json_object_put)
#define _cleanup_json_ _cleanup_(json_object_putp)

/* ---- kinds ---- */

/* Condition types that we write, or have written: others belong to other controllers. */
static const char *const of_class[] = { "Accepted", "SupportedVersion", NULL };
static const char *const of_gateway[] = { "Accepted",          "Programmed",
					  "ResolvedRefs",      "InsecureFrontendValidationMode",
					  "AddressesAssigned", NULL };
static const char *const of_set[] = { "Accepted", "Programmed", NULL };
static const char *const of_listener[] = { "Accepted",     "Programmed",           "Conflicted",
					   "ResolvedRefs", "OverlappingTLSConfig", NULL };
static const char *const of_entry[] = { "Accepted", "ResolvedRefs", "PartiallyInvalid", NULL };

/* The list of entries that a kind has, and how many the API lets there be. */
static const struct entries {
	const char *list, *reference;
	size_t max;
} parents = { "parents", "parentRef", 32 }, ancestors = { "ancestors", "ancestorRef", 16 };

static const struct kind {
	unsigned kind;
	const char *const *conditions; /* NULL: it has no conditions of its own */
	const struct entries *entries; /* NULL: no entries */
} kinds[] = {
	{ OBJECT_GATEWAY_CLASS, of_class, NULL },
	{ OBJECT_GATEWAY, of_gateway, NULL },
	{ OBJECT_LISTENER_SET, of_set, NULL },
	{ OBJECT_HTTP_ROUTE, NULL, &parents },
	{ OBJECT_GRPC_ROUTE, NULL, &parents },
	{ OBJECT_TLS_ROUTE, NULL, &parents },
	{ OBJECT_TCP_ROUTE, NULL, &parents },
	{ OBJECT_UDP_ROUTE, NULL, &parents },
	{ OBJECT_BACKEND_TLS_POLICY, NULL, &ancestors },
	{ OBJECT_X_BACKEND, NULL, &ancestors },
	{ OBJECT_X_BACKEND_TRAFFIC_POLICY, NULL, &ancestors },
	{ OBJECT_X_TELEMETRY_POLICY, NULL, &ancestors },
};

static const struct kind *kind_of(unsigned kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].kind == kind)
			return &kinds[i];
	return NULL;
}

bool gateway_status_is_json(unsigned kind)
{
	return kind_of(kind) != NULL;
}

/* ---- JSON ---- */

/* NULL if absent. */
static struct json_object *get(struct json_object *map, const char *key)
{
	struct json_object *value = NULL;

	if (map && json_object_is_type(map, json_type_object))
		(void)json_object_object_get_ex(map, key, &value);
	return value;
}

static const char *get_text(struct json_object *map, const char *key)
{
	struct json_object *value = get(map, key);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

static size_t length(struct json_object *list)
{
	return json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
}

static struct json_object *item(struct json_object *list, size_t i)
{
	return json_object_array_get_idx(list, i);
}

static void put_text(struct json_object *map, const char *key, const char *value)
{
	(void)json_object_object_add(map, key, json_object_new_string(value ? value : ""));
}

static void push(struct json_object *list, struct json_object *value)
{
	(void)json_object_array_add(list, value);
}

/* ---- conditions ---- */

struct rendering {
	const struct status_input *in;
	char now[32];
	bool outdated; /* a newer generation has been judged already */
};

/* lastTransitionTime stays while the status does (S-C-1). */
static struct json_object *make_condition(const struct rendering *r,
					  const Portolan__Ipc__Condition *c,
					  struct json_object *before)
{
	struct json_object *new = json_object_new_object();
	const char *message = c->message ? c->message : "", *since = r->now;

	if (*get_text(before, "lastTransitionTime") &&
	    strcmp(get_text(before, "status"), status_condition_word(c)) == 0)
		since = get_text(before, "lastTransitionTime");
	put_text(new, "type", c->type);
	put_text(new, "status", status_condition_word(c));
	(void)json_object_object_add(new, "observedGeneration",
				     json_object_new_int64(r->in->status->observed_generation));
	put_text(new, "lastTransitionTime", since);
	put_text(new, "reason", c->reason);
	(void)json_object_object_add(
		new, "message",
		json_object_new_string_len(message, (int)MIN(strlen(message), MESSAGE_MAX)));
	return new;
}

static const Portolan__Ipc__Condition *wanted_type(Portolan__Ipc__Condition *const *wanted,
						   size_t n, const char *type)
{
	for (size_t i = 0; i < n; i++)
		if (wanted[i]->type && strcmp(wanted[i]->type, type) == 0)
			return wanted[i];
	return NULL;
}

static bool is_ours(const char *const *own, const char *type)
{
	for (; *own; own++)
		if (strcmp(*own, type) == 0)
			return true;
	return false;
}

static struct json_object *of_type(struct json_object *list, const char *type)
{
	for (size_t i = 0; i < length(list); i++)
		if (strcmp(get_text(item(list, i), "type"), type) == 0)
			return item(list, i);
	return NULL;
}

/* S-W-3: a verdict on an older generation must not replace one on a newer. */
static void note_age(struct rendering *r, struct json_object *before)
{
	int64_t seen = json_object_get_int64(get(before, "observedGeneration"));

	r->outdated |= seen > r->in->status->observed_generation &&
		       (!r->in->object->generation || seen <= r->in->object->generation);
}

static struct json_object *merge_conditions(struct rendering *r, const char *const *own,
					    struct json_object *is,
					    Portolan__Ipc__Condition *const *wanted, size_t n)
{
	struct json_object *new = json_object_new_array();

	for (size_t i = 0; i < length(is); i++) {
		struct json_object *before = item(is, i);
		const char *type = get_text(before, "type");
		const Portolan__Ipc__Condition *c = wanted_type(wanted, n, type);

		if (!c && !is_ours(own, type)) {
			push(new, json_object_get(before));
			continue;
		}
		note_age(r, before);
		if (c && !of_type(new, type))
			push(new, make_condition(r, c, before));
	}
	for (size_t i = 0; i < n; i++)
		if (!of_type(new, wanted[i]->type))
			push(new, make_condition(r, wanted[i], NULL));
	return new;
}

/* ---- parents, ancestors ---- */

static const char *or_default(const char *text, const char *fallback)
{
	return text && *text ? text : fallback;
}

static struct json_object *make_reference(const Portolan__Ipc__ParentStatus *p)
{
	struct json_object *new = json_object_new_object();

	put_text(new, "group", p->group ? p->group : GROUP);
	put_text(new, "kind", or_default(p->kind, "Gateway"));
	if (p->namespace_)
		put_text(new, "namespace", p->namespace_);
	put_text(new, "name", p->name);
	if (p->section_name)
		put_text(new, "sectionName", p->section_name);
	if (p->has_port)
		(void)json_object_object_add(new, "port", json_object_new_int64(p->port));
	return new;
}

/* Whether an entry's reference means the same parent. namespace: of the object itself. */
static bool same_reference(struct json_object *is, const Portolan__Ipc__ParentStatus *p,
			   const char *namespace)
{
	struct json_object *group = get(is, "group"), *port = get(is, "port");

	return strcmp(group ? json_object_get_string(group) : GROUP, p->group ? p->group : GROUP) ==
		       0 &&
	       strcmp(or_default(get_text(is, "kind"), "Gateway"),
		      or_default(p->kind, "Gateway")) == 0 &&
	       strcmp(or_default(get_text(is, "namespace"), namespace),
		      or_default(p->namespace_, namespace)) == 0 &&
	       strcmp(get_text(is, "name"), p->name ? p->name : "") == 0 &&
	       strcmp(get_text(is, "sectionName"), p->section_name ? p->section_name : "") == 0 &&
	       (port ? json_object_get_int64(port) : 0) == (p->has_port ? (int64_t)p->port : 0);
}

/* The entry's own conditions, and whether Envoys have accepted the route. */
static struct json_object *entry_conditions(struct rendering *r, const struct entries *e,
					    const Portolan__Ipc__ParentStatus *p,
					    struct json_object *is)
{
	struct json_object *before = of_type(is, "Propagated");
	Portolan__Ipc__Condition **all =
		arena_new_of(r->in->arena, Portolan__Ipc__Condition *, p->n_conditions + 1);
	size_t n = p->n_conditions;

	if (n)
		memcpy(all, p->conditions, n * sizeof(*all));
	if (e == &parents &&
	    status_propagated_counts(r->in, get_text(before, "status"),
				     json_object_get_int64(get(before, "observedGeneration"))))
		all[n++] = r->in->status->propagated;
	return merge_conditions(r, of_entry, is, all, n);
}

static struct json_object *make_entry(struct rendering *r, const struct entries *e,
				      const Portolan__Ipc__ParentStatus *p,
				      struct json_object *before)
{
	struct json_object *new = json_object_new_object();

	(void)json_object_object_add(new, e->reference, make_reference(p));
	put_text(new, "controllerName", r->in->status->controller);
	(void)json_object_object_add(new, "conditions",
				     entry_conditions(r, e, p, get(before, "conditions")));
	return new;
}

static size_t count_foreign(const struct rendering *r, struct json_object *is)
{
	size_t n = 0;

	for (size_t i = 0; i < length(is); i++)
		n += strcmp(get_text(item(is, i), "controllerName"), r->in->status->controller) !=
		     0;
	return n;
}

/* Entries of other controllers keep their places. Ours follow the list: entries that it lacks are
 * removed, so is the second of two equal ones (S-RT-2), and new ones go to the end. */
static struct json_object *merge_entries(struct rendering *r, const struct entries *e,
					 struct json_object *is,
					 Portolan__Ipc__ParentStatus *const *wanted, size_t n)
{
	const char *key = item_key(r->in->object->item);
	const char *namespace = arena_strndup(r->in->arena, key, (size_t)(strchr(key, '/') - key));
	bool *done = arena_new_of(r->in->arena, bool, n + 1);
	struct json_object *new = json_object_new_array();
	size_t foreign = count_foreign(r, is), room = foreign < e->max ? e->max - foreign : 0;

	for (size_t i = 0; i < length(is); i++) {
		struct json_object *before = item(is, i);
		struct json_object *reference = get(before, e->reference);
		size_t k = 0;

		if (strcmp(get_text(before, "controllerName"), r->in->status->controller) != 0) {
			push(new, json_object_get(before));
			continue;
		}
		while (k < n && (done[k] || !same_reference(reference, wanted[k], namespace)))
			k++;
		if (k == n || !room)
			continue;
		done[k] = true;
		room--;
		push(new, make_entry(r, e, wanted[k], before));
	}
	for (size_t k = 0; k < n; k++) {
		if (done[k] || !room)
			continue;
		room--;
		push(new, make_entry(r, e, wanted[k], NULL));
	}
	if (n > e->max - MIN(foreign, e->max))
		log_debug("%s: %zu entries of other controllers: not all of ours have room",
			  item_key(r->in->object->item), foreign);
	return new;
}

/* ---- a Gateway's and a GatewayClass's lists ---- */

static struct json_object *make_kinds(const Portolan__Ipc__ListenerStatus *l)
{
	struct json_object *new = json_object_new_array();

	for (size_t i = 0; i < l->n_supported_kinds; i++) {
		struct json_object *kind = json_object_new_object();

		put_text(kind, "group", or_default(l->supported_kinds[i]->group, GROUP));
		put_text(kind, "kind", l->supported_kinds[i]->kind);
		push(new, kind);
	}
	return new;
}

static struct json_object *named(struct json_object *list, const char *name)
{
	for (size_t i = 0; i < length(list); i++)
		if (strcmp(get_text(item(list, i), "name"), name) == 0)
			return item(list, i);
	return NULL;
}

/* Exactly one entry a listener of the spec, in its order (S-LS-1). */
static struct json_object *make_listeners(struct rendering *r, struct json_object *is)
{
	const Portolan__Ipc__ObjectStatus *s = r->in->status;
	struct json_object *new = json_object_new_array();

	for (size_t i = 0; i < s->n_listeners; i++) {
		const Portolan__Ipc__ListenerStatus *l = s->listeners[i];
		struct json_object *entry = json_object_new_object();
		struct json_object *before = named(is, l->name ? l->name : "");

		put_text(entry, "name", l->name);
		(void)json_object_object_add(entry, "supportedKinds", make_kinds(l));
		(void)json_object_object_add(entry, "attachedRoutes",
					     json_object_new_int64(l->attached_routes));
		(void)json_object_object_add(entry, "conditions",
					     merge_conditions(r, of_listener,
							      get(before, "conditions"),
							      l->conditions, l->n_conditions));
		push(new, entry);
	}
	return new;
}

static struct json_object *make_addresses(const Portolan__Ipc__ObjectStatus *s)
{
	struct json_object *new = json_object_new_array();

	for (size_t i = 0; i < s->n_addresses; i++) {
		struct json_object *address = json_object_new_object();

		put_text(address, "type", s->addresses[i]->type);
		put_text(address, "value", s->addresses[i]->value);
		if (s->addresses[i]->routability)
			put_text(address, "routability", s->addresses[i]->routability);
		push(new, address);
	}
	return new;
}

static struct json_object *make_features(const Portolan__Ipc__ObjectStatus *s)
{
	struct json_object *new = json_object_new_array();

	for (size_t i = 0; i < s->n_supported_features; i++) {
		struct json_object *feature = json_object_new_object();

		put_text(feature, "name", s->supported_features[i]);
		push(new, feature);
	}
	return new;
}

/* ---- the whole ---- */

/* An empty list is the same as an absent one. */
static bool is_same(struct json_object *is, struct json_object *wanted)
{
	if (length(wanted) == 0 && json_object_is_type(wanted, json_type_array))
		return length(is) == 0;
	return json_object_equal(is, wanted) != 0;
}

/* Takes `wanted`: adds it to the patch if it differs from the present member. */
static void change(struct json_object *patch, struct json_object *is, const char *key,
		   struct json_object *wanted)
{
	if (is_same(get(is, key), wanted))
		json_object_put(wanted);
	else
		(void)json_object_object_add(patch, key, wanted);
}

static void render_own(struct rendering *r, const struct kind *k, struct json_object *is,
		       struct json_object *patch)
{
	const Portolan__Ipc__ObjectStatus *s = r->in->status;

	change(patch, is, "conditions",
	       merge_conditions(r, k->conditions, get(is, "conditions"), s->conditions,
				s->n_conditions));
	if (k->kind == OBJECT_GATEWAY_CLASS) {
		change(patch, is, "supportedFeatures", make_features(s));
		return;
	}
	change(patch, is, "listeners", make_listeners(r, get(is, "listeners")));
	if (k->kind != OBJECT_GATEWAY)
		return;
	change(patch, is, "addresses", make_addresses(s));
	if (s->has_attached_listener_sets && get(is, "attachedListenerSets"))
		change(patch, is, "attachedListenerSets",
		       json_object_new_int64(s->attached_listener_sets));
	else if (s->attached_listener_sets)
		(void)json_object_object_add(patch, "attachedListenerSets",
					     json_object_new_int64(s->attached_listener_sets));
}

static void render_entries(struct rendering *r, const struct kind *k, struct json_object *is,
			   struct json_object *patch)
{
	const Portolan__Ipc__ObjectStatus *s = r->in->status;
	bool to_parents = k->entries == &parents;

	if (s->controller && *s->controller)
		change(patch, is, k->entries->list,
		       merge_entries(r, k->entries, get(is, k->entries->list),
				     to_parents ? s->parents : s->ancestors,
				     to_parents ? s->n_parents : s->n_ancestors));
}

static bool is_known(const struct rendering *r)
{
	const Portolan__Ipc__ObjectStatus *s = r->in->status;

	/* The translator has not seen this generation yet, or speaks of one of this name that is
	 * gone: it will say more. */
	return !s->observed_generation || !r->in->object->generation ||
	       s->observed_generation == r->in->object->generation;
}

bool gateway_status_render(const struct status_input *in, struct strbuf *json)
{
	const struct kind *k = kind_of(in->object->item->kind);
	_cleanup_json_ struct json_object *is = NULL, *patch = json_object_new_object();
	struct rendering r = { .in = in };
	time_t seconds = time(NULL);
	struct tm tm;
	char *text;

	if (!is_known(&r))
		return false;
	/* One of another controller's class is its to speak of; our entries go. */
	if (k->conditions && in->status->verdict == PORTOLAN__IPC__VERDICT__VERDICT_IGNORED)
		return false;
	(void)strftime(r.now, sizeof(r.now), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &tm));
	text = arena_strndup(in->arena, (const char *)in->object->status, in->object->status_len);
	is = json_tokener_parse(text);
	if (k->conditions)
		render_own(&r, k, is, patch);
	else
		render_entries(&r, k, is, patch);
	if (r.outdated || json_object_object_length(patch) == 0)
		return false;
	strbuf_puts(json, json_object_to_json_string_ext(
				  patch, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	return true;
}
