/* watcher/status/gateway-status.c: our conditions and entries come, change and go; those of other
 * controllers stay (S-RT-1 to S-RT-6, S-W-1, S-W-3, S-W-7, S-C-1). */
#include <json-c/json.h>
#include <stdlib.h>

#include "common/decode/object-kind.h"
#include "tests/lib/test.h"
#include "watcher/status/gateway-status.h"

#define TRUE_    PORTOLAN__IPC__CONDITION_STATUS__CONDITION_TRUE
#define FALSE_   PORTOLAN__IPC__CONDITION_STATUS__CONDITION_FALSE
#define UNKNOWN_ PORTOLAN__IPC__CONDITION_STATUS__CONDITION_UNKNOWN
#define US       "portolan.io/gateway-controller"
#define FOREIGN                                                          \
	"{\"parentRef\":{\"name\":\"x\"},\"controllerName\":\"other.io/" \
	"c\",\"more\":[1,{\"a\":null}],\"conditions\":[]}"

static char *constant(const char *s)
{
	return (char *)(uintptr_t)s;
}

/* The wanted status in few words: made anew for each case. */
struct world {
	struct arena *arena;
	Portolan__Ipc__ObjectStatus status;
	unsigned kind;
	int64_t generation; /* of the object */
};

static struct world world(struct arena *arena, unsigned kind)
{
	struct world w = { arena, PORTOLAN__IPC__OBJECT_STATUS__INIT, kind, 3 };

	w.status.has_observed_generation = true;
	w.status.observed_generation = 3;
	w.status.controller = constant(US);
	w.status.parents = arena_new_of(arena, Portolan__Ipc__ParentStatus *, 64);
	w.status.ancestors = w.status.parents;
	w.status.conditions = arena_new_of(arena, Portolan__Ipc__Condition *, 8);
	w.status.listeners = arena_new_of(arena, Portolan__Ipc__ListenerStatus *, 8);
	return w;
}

static Portolan__Ipc__Condition *condition(struct arena *a, const char *type, int status,
					   const char *reason, const char *message)
{
	Portolan__Ipc__Condition *c = arena_new_of(a, Portolan__Ipc__Condition, 1);

	portolan__ipc__condition__init(c);
	c->type = constant(type);
	c->status = (Portolan__Ipc__ConditionStatus)status;
	c->has_status = true;
	c->reason = constant(reason);
	c->message = constant(message);
	return c;
}

static Portolan__Ipc__ParentStatus *parent(struct world *w, const char *name, const char *section,
					   int status, const char *reason)
{
	Portolan__Ipc__ParentStatus *p = arena_new_of(w->arena, Portolan__Ipc__ParentStatus, 1);

	portolan__ipc__parent_status__init(p);
	p->group = constant("gateway.networking.k8s.io");
	p->kind = constant("Gateway");
	p->namespace_ = constant("ns");
	p->name = constant(name);
	p->section_name = (char *)(uintptr_t)section;
	p->conditions = arena_new_of(w->arena, Portolan__Ipc__Condition *, 4);
	p->conditions[p->n_conditions++] = condition(w->arena, "Accepted", status, reason, "m");
	w->status.parents[w->status.n_parents++] = p;
	w->status.n_ancestors = w->status.n_parents;
	return p;
}

/* The patch; "" if there is nothing to write. Times equal to now become "NOW". */
static const char *render(struct world *w, const char *is)
{
	struct item *item = item_new(w->kind, "ns/r", 4, NULL, 0, "", 0);
	struct kube_object object = { .item = item,
				      .generation = w->generation,
				      .status = (uint8_t *)(uintptr_t)is,
				      .status_len = strlen(is) };
	struct status_input in = { .arena = w->arena, .object = &object, .status = &w->status };
	_cleanup_strbuf_ struct strbuf json = STRBUF_INIT;
	char *text, *at;
	bool any = gateway_status_render(&in, &json);

	item_unref(item);
	if (!any)
		return "";
	text = arena_strdup(w->arena, strbuf_str(&json));
	for (at = text; (at = strstr(at, "\"lastTransitionTime\":\"20")); at++)
		if (strncmp(at + 24, "00", 2) != 0) {
			memcpy(at + 22, "NOW", 3);
			memmove(at + 25, at + 42, strlen(at + 42) + 1);
		}
	return text;
}

#define OURS(ref, status, when, reason, message)                                               \
	"{\"parentRef\":{\"group\":\"gateway.networking.k8s.io\",\"kind\":\"Gateway\","        \
	"\"namespace\":\"ns\",\"name\":" ref "},\"controllerName\":\"" US "\",\"conditions\":" \
	"[{\"type\":\"Accepted\",\"status\":\"" status "\",\"observedGeneration\":3,"          \
	"\"lastTransitionTime\":\"" when "\",\"reason\":\"" reason "\",\"message\":\"" message \
	"\"}]}"
#define PARENTS(list) "{\"parents\":[" list "]}"
#define THEN          "2000-01-01T00:00:00Z"

TEST(a_route_gets_an_entry_for_each_parent)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(4096);
	struct world w = world(a, OBJECT_HTTP_ROUTE);

	parent(&w, "g", NULL, TRUE_, "Accepted");
	parent(&w, "g", "s", FALSE_, "NoMatchingParent");
	CHECK_STR(render(&w, ""),
		  PARENTS(OURS("\"g\"", "True", "NOW", "Accepted", "m") "," OURS(
			  "\"g\",\"sectionName\":\"s\"", "False", "NOW", "NoMatchingParent", "m")));
}

TEST(nothing_is_written_where_nothing_differs)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(4096);
	struct world w = world(a, OBJECT_HTTP_ROUTE);

	CHECK_STR(render(&w, ""), "");
	CHECK_STR(render(&w, PARENTS("")), "");
	CHECK_STR(render(&w, PARENTS(FOREIGN)), "");
	parent(&w, "g", NULL, TRUE_, "Accepted");
	CHECK_STR(render(&w, PARENTS(FOREIGN "," OURS("\"g\"", "True", THEN, "Accepted", "m"))),
		  "");
}

TEST(entries_of_others_stay_in_their_places_and_ours_that_are_gone_or_double_go)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(4096);
	struct world w = world(a, OBJECT_HTTP_ROUTE);

	parent(&w, "new", NULL, TRUE_, "Accepted");
	parent(&w, "g", NULL, TRUE_, "Accepted");
	CHECK_STR(
		render(&w,
		       PARENTS(OURS("\"gone\"", "True", THEN, "Accepted", "m") "," FOREIGN "," OURS(
			       "\"g\"", "True", THEN, "Accepted",
			       "m") "," FOREIGN "," OURS("\"g\"", "True", THEN, "Accepted", "m"))),
		PARENTS(FOREIGN "," OURS("\"g\"", "True", THEN, "Accepted",
					 "m") "," FOREIGN
					      "," OURS("\"new\"", "True", "NOW", "Accepted", "m")));
	w.status.n_parents = 0;
	CHECK_STR(render(&w, PARENTS(OURS("\"gone\"", "True", THEN, "Accepted", "m"))),
		  PARENTS(""));
}

TEST(the_time_of_a_transition_changes_with_the_status_alone)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(4096);
	struct world w = world(a, OBJECT_HTTP_ROUTE);

	parent(&w, "g", NULL, FALSE_, "NotAllowedByListeners");
	CHECK_STR(render(&w, PARENTS(OURS("\"g\"", "False", THEN, "NoMatchingParent", "before"))),
		  PARENTS(OURS("\"g\"", "False", THEN, "NotAllowedByListeners", "m")));
	CHECK_STR(render(&w, PARENTS(OURS("\"g\"", "True", THEN, "Accepted", "before"))),
		  PARENTS(OURS("\"g\"", "False", "NOW", "NotAllowedByListeners", "m")));
}

/* An entry with what Envoys have said of the route. */
#define ARRIVED(generation, status, when, reason)                                               \
	"{\"parents\":[{\"parentRef\":{\"group\":\"gateway.networking.k8s.io\",\"kind\":"       \
	"\"Gateway\","                                                                          \
	"\"namespace\":\"ns\",\"name\":\"g\"},\"controllerName\":\"" US "\",\"conditions\":"    \
	"[{\"type\":\"Accepted\",\"status\":\"True\",\"observedGeneration\":3,"                 \
	"\"lastTransitionTime\":\"" THEN "\",\"reason\":\"Accepted\",\"message\":\"m\"},"       \
	"{\"type\":\"Propagated\",\"status\":\"" status "\",\"observedGeneration\":" generation \
	",\"lastTransitionTime\":\"" when "\",\"reason\":\"" reason "\",\"message\":\"\"}]}]}"

TEST(a_parents_entry_says_whether_envoys_have_accepted_the_route)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(4096);
	struct world w = world(a, OBJECT_HTTP_ROUTE);
	static const char before[] = ARRIVED("2", "True", THEN, "Accepted");

	parent(&w, "g", NULL, TRUE_, "Accepted");
	/* Not yet, or not asked for: what is there stays. */
	CHECK_STR(render(&w, before), "");
	w.status.propagated = condition(a, "Propagated", TRUE_, "Accepted", "");
	w.status.has_propagated_generation = true;
	w.status.propagated_generation = 2;
	CHECK_STR(render(&w, before), "");
	w.status.propagated_generation = 3;
	CHECK_STR(render(&w, before), ARRIVED("3", "True", THEN, "Accepted"));
	CHECK_STR(render(&w, ARRIVED("3", "True", THEN, "Accepted")), "");
	CHECK_STR(render(&w, PARENTS(OURS("\"g\"", "True", THEN, "Accepted", "m"))),
		  ARRIVED("3", "True", "NOW", "Accepted"));
	/* A new translator waits for Envoys again. */
	w.status.propagated = condition(a, "Propagated", UNKNOWN_, "Pending", "");
	CHECK_STR(render(&w, ARRIVED("3", "True", THEN, "Accepted")), "");
	CHECK_STR(render(&w, before), ARRIVED("3", "Unknown", "NOW", "Pending"));
	w.status.propagated = condition(a, "Propagated", FALSE_, "RejectedByEnvoy", "");
	CHECK_STR(render(&w, ARRIVED("3", "True", THEN, "Accepted")),
		  ARRIVED("3", "False", "NOW", "RejectedByEnvoy"));
}

TEST(a_reference_without_its_defaults_is_the_same_one)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(4096);
	struct world w = world(a, OBJECT_HTTP_ROUTE);

	parent(&w, "g", NULL, TRUE_, "Accepted");
	CHECK_STR(render(&w, PARENTS("{\"parentRef\":{\"name\":\"g\"},\"controllerName\":\"" US
				     "\",\"conditions\":[{\"type\":\"Accepted\",\"status\":"
				     "\"True\",\"lastTransitionTime\":\"" THEN "\"}]}")),
		  PARENTS(OURS("\"g\"", "True", THEN, "Accepted", "m")));
}

TEST(a_full_list_keeps_the_entries_of_others)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(4096);
	struct world w = world(a, OBJECT_HTTP_ROUTE);
	_cleanup_strbuf_ struct strbuf is = STRBUF_INIT;
	struct json_object *got, *list;

	for (int i = 0; i < 40; i++)
		parent(&w, arena_printf(a, "g%d", i), NULL, TRUE_, "Accepted");
	strbuf_puts(&is, "{\"parents\":[" FOREIGN);
	for (int i = 1; i < 30; i++)
		strbuf_puts(&is, "," FOREIGN);
	strbuf_puts(&is, "]}");
	got = json_tokener_parse(render(&w, strbuf_str(&is)));
	CHECK(json_object_object_get_ex(got, "parents", &list));
	CHECK_EQ(json_object_array_length(list), 32);
	json_object_put(got);
}

TEST(a_policy_has_ancestors)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(4096);
	struct world w = world(a, OBJECT_BACKEND_TLS_POLICY);
	static const char begins[] = "{\"ancestors\":[{\"ancestorRef\":{\"group\":";

	parent(&w, "g", NULL, TRUE_, "Accepted");
	CHECK(strncmp(render(&w, ""), begins, strlen(begins)) == 0);
}

/* ---- Gateway ---- */

#define CONDITION(type, status, generation, when, reason)                                     \
	"{\"type\":\"" type "\",\"status\":\"" status "\",\"observedGeneration\":" generation \
	",\"lastTransitionTime\":\"" when "\",\"reason\":\"" reason "\",\"message\":\"\"}"
#define THEIRS "{\"type\":\"other.io/Seen\",\"status\":\"True\",\"more\":{\"b\":1,\"a\":2}}"

static void gateway(struct world *w, uint32_t attached)
{
	struct arena *a = w->arena;
	Portolan__Ipc__ListenerStatus *l = arena_new_of(a, Portolan__Ipc__ListenerStatus, 1);

	w->status.conditions[w->status.n_conditions++] =
		condition(a, "Accepted", TRUE_, "Accepted", "");
	portolan__ipc__listener_status__init(l);
	l->name = constant("http");
	l->attached_routes = attached;
	l->conditions = arena_new_of(a, Portolan__Ipc__Condition *, 1);
	l->conditions[l->n_conditions++] = condition(a, "Accepted", TRUE_, "Accepted", "");
	w->status.listeners[w->status.n_listeners++] = l;
}

#define LISTENER(attached, more)                                                \
	"{\"name\":\"http\",\"supportedKinds\":[],\"attachedRoutes\":" attached \
	",\"conditions\":[" more CONDITION("Accepted", "True", "3", THEN, "Accepted") "]}"

TEST(only_what_differs_of_a_gateway_is_written)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(4096);
	struct world w = world(a, OBJECT_GATEWAY);

	gateway(&w, 2);
	/* GatewayPreserveForeignConditions; "Programmed" is ours and not true any more. */
	CHECK_STR(render(&w,
			 "{\"conditions\":[" THEIRS
			 "," CONDITION("Programmed", "True", "3", THEN, "Programmed") "," CONDITION(
				 "Accepted", "True", "2", THEN,
				 "Accepted") "],"
					     "\"addresses\":[],\"listeners\":[" LISTENER("2", THEIRS
											 ",") "]}"),
		  "{\"conditions\":[" THEIRS
		  "," CONDITION("Accepted", "True", "3", THEN, "Accepted") "]}");
	CHECK_STR(render(&w,
			 "{\"conditions\":[" CONDITION(
				 "Accepted", "True", "3", THEN,
				 "Accepted") "],\"listeners\":[" LISTENER("1", THEIRS ",") "]}"),
		  "{\"listeners\":[" LISTENER("2", THEIRS ",") "]}");
	CHECK_STR(render(&w, "{\"conditions\":[" CONDITION(
				     "Accepted", "True", "3", THEN,
				     "Accepted") "],\"listeners\":[" LISTENER("2", "") "]}"),
		  "");
}

TEST(a_gateway_of_another_controller_is_left_alone)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(4096);
	struct world w = world(a, OBJECT_GATEWAY);

	gateway(&w, 0);
	w.status.verdict = PORTOLAN__IPC__VERDICT__VERDICT_IGNORED;
	CHECK_STR(render(&w, ""), "");
}

TEST(a_status_of_another_generation_waits_for_its_own)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(4096);
	struct world w = world(a, OBJECT_GATEWAY);

	gateway(&w, 0);
	w.generation = 4;
	CHECK_STR(render(&w, ""), "");
	w.generation = 2;
	CHECK_STR(render(&w, ""), "");
	/* The generation is unknown here, but the status is about a later one. */
	w.generation = 0;
	CHECK_STR(render(&w, "{\"conditions\":[" CONDITION("Accepted", "True", "4", THEN,
							   "Accepted") "]}"),
		  "");
}

/* ---- any sequence ---- */

static struct json_object *merge(struct json_object *is, const char *patch)
{
	struct json_object *change = json_tokener_parse(patch);

	json_object_object_foreach (change, key, value)
		(void)json_object_object_add(is, key, json_object_get(value));
	json_object_put(change);
	return is;
}

/* Entries of others, in order. */
static char *foreign(struct arena *a, struct json_object *status)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct json_object *list, *name;

	if (!json_object_object_get_ex(status, "parents", &list))
		return constant("");
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);

		if (json_object_object_get_ex(entry, "controllerName", &name) &&
		    strcmp(json_object_get_string(name), US) != 0)
			strbuf_printf(&out, "%s\n", json_object_to_json_string(entry));
	}
	return arena_strdup(a, strbuf_str(&out));
}

TEST(what_others_wrote_survives_any_sequence_and_a_second_look_writes_nothing)
{
	struct json_object *status = json_object_new_object();
	unsigned seed = 7;

	for (int step = 0; step < 500; step++) {
		_cleanup_(arena_freep) struct arena *a = arena_new(4096);
		struct world w = world(a, OBJECT_HTTP_ROUTE);
		const char *patch;
		char *before;

		seed = seed * 1103515245 + 12345;
		if (seed >> 16 & 1) {
			struct json_object *list;

			if (!json_object_object_get_ex(status, "parents", &list))
				json_object_object_add(status, "parents",
						       list = json_object_new_array());
			if (json_object_array_length(list) > 8)
				json_object_array_del_idx(list, seed >> 20 & 7, 1);
			json_object_array_add(list, json_tokener_parse(FOREIGN));
		}
		for (unsigned i = 0; i < (seed >> 24 & 3); i++)
			parent(&w, arena_printf(a, "g%u", seed >> (8 + i) & 3),
			       seed >> (12 + i) & 1 ? "s" : NULL, (int)(seed >> (14 + i) & 1), "R");
		before = foreign(a, status);
		patch = render(&w, json_object_to_json_string(status));
		if (*patch)
			status = merge(status, patch);
		CHECK_STR(foreign(a, status), before);
		CHECK_STR(render(&w, json_object_to_json_string(status)), "");
	}
	json_object_put(status);
}
