/* translator/quarantine*.c, with a graph of units that the test makes and an Envoy that it plays */
#include <stdint.h>

#include "common/base/alloc.h"
#include "common/decode/object-kind.h"
#include "common/link/resource-kind.h"
#include "proto/ipc.pb-c.h"
#include "tests/lib/test.h"
#include "translator/graph/graph.h"
#include "translator/guard/quarantine.h"
#include "translator/kinds.h"

/* Every Service "ns/NAME" becomes a part of the route table "t", and a cluster of the same bytes.
 */
static void unit_service(struct reader *r, const char *key, size_t key_len)
{
	const struct item *i = read_object(r, OBJECT_SERVICE, key);

	(void)key_len;
	if (!i)
		return;
	emit_part(r, RESOURCE_ROUTE, "t", key, item_value(i), i->value_len);
	emit_resource(r, RESOURCE_CLUSTER, key, item_value(i), i->value_len);
}

static void unit_table(struct reader *r, const char *key, size_t key_len)
{
	(void)key;
	(void)key_len;
	emit_head(r, RESOURCE_ROUTE, "t", "head", 4, false);
}

static void unit_none(struct reader *r, const char *key, size_t key_len)
{
	(void)r;
	(void)key;
	(void)key_len;
}

static const char *const always[] = { "t", NULL };
static const struct unit_row rows[UNIT_KIND_MAX_] = {
	[UNIT_SECRET] = { .name = "s", .run = unit_none },
	[UNIT_ENDPOINTS] = { .name = "e", .run = unit_none },
	[UNIT_CLUSTER] = { .name = "c", .run = unit_none },
	[UNIT_CLAIM] = { .name = "cl", .run = unit_none },
	[UNIT_PROXY] = { .name = "p", .run = unit_none },
	[UNIT_ORPHAN] = { .name = "o", .run = unit_none },
	[UNIT_INGRESS] = { .name = "i", .run = unit_service, .object = OBJECT_SERVICE },
	[UNIT_HOST] = { .name = "h", .run = unit_none },
	[UNIT_VIRTUAL_HOST] = { .name = "v", .run = unit_none },
	[UNIT_TABLE] = { .name = "t", .run = unit_table, .always = always, .late = true },
};

struct world {
	struct state *objects, *resources, *statuses, *reports;
	struct graph *graph;
	struct quarantine *quarantine;
	struct state_observer observer;
	uint64_t source;
};

static void on_output(void *ctx, uint32_t kind, const char *key, size_t key_len,
		      struct item *wanted)
{
	quarantine_output(((struct world *)ctx)->quarantine, kind, key, key_len, wanted);
}

static void on_object(void *ctx, struct item *before, struct item *after)
{
	graph_object_changed(((struct world *)ctx)->graph, before, after);
}

static void world_start(struct world *w, struct state *reports)
{
	struct graph_config config = {
		.units = rows, .n_units = UNIT_KIND_MAX_, .output = on_output, .ctx = w
	};

	*w = (struct world){ 0 };
	config.objects = w->objects = state_new();
	config.statuses = w->statuses = state_new();
	w->resources = state_new();
	w->reports = reports ? reports : state_new();
	w->quarantine = quarantine_new(w->resources, w->reports);
	w->graph = graph_new(&config);
	quarantine_attach(w->quarantine, w->graph);
	w->observer = (struct state_observer){ on_object, NULL, w, NULL };
	state_observe(w->objects, &w->observer);
	quarantine_recall(w->quarantine);
}

static void world_done(struct world *w, bool keep_reports)
{
	state_unobserve(w->objects, &w->observer);
	quarantine_free(w->quarantine);
	graph_free(w->graph);
	state_free(w->objects);
	state_free(w->resources);
	state_free(w->statuses);
	if (!keep_reports)
		state_free(w->reports);
}

static void set(struct world *w, const char *key, const char *value)
{
	state_put(w->objects,
		  item_new(OBJECT_SERVICE, key, strlen(key), NULL, 0, value, strlen(value)));
}

static void settle(struct world *w)
{
	do
		graph_run(w->graph);
	while (quarantine_settle(w->quarantine, w->source));
}

static void run(struct world *w)
{
	w->source++;
	settle(w);
	state_commit(w->resources, w->source);
}

static struct item *head(struct world *w)
{
	return state_get(w->resources, RESOURCE_ROUTE, "t", 1);
}

/* The item served at the part, or NULL. */
static const char *part(struct world *w, const char *key)
{
	char id[64];
	int n = snprintf(id, sizeof(id), "t%c%s", 0, key);
	struct item *i = state_get(w->resources, RESOURCE_PART + RESOURCE_ROUTE, id, (size_t)n);

	return i ? (const char *)item_value(i) : NULL;
}

static const char *cluster(struct world *w, const char *key)
{
	struct item *i = state_get(w->resources, RESOURCE_CLUSTER, key, strlen(key));

	return i ? (const char *)item_value(i) : NULL;
}

static void report(struct world *w, enum report_kind kind, const char *resource, const char *name,
		   struct item *published)
{
	Portolan__Ipc__RejectReport reject = PORTOLAN__IPC__REJECT_REPORT__INIT;
	Portolan__Ipc__AcceptReport accept = PORTOLAN__IPC__ACCEPT_REPORT__INIT;
	ProtobufCBinaryData version = { published->meta_len, (uint8_t *)item_meta(published) };
	char key[64];
	int n = snprintf(key, sizeof(key), "%s%c%s", resource, 0, name);
	uint8_t packed[512];
	size_t len;

	reject.has_version = accept.has_version = 1;
	reject.version = accept.version = version;
	reject.message = (char *)"bad thing";
	len = kind == REPORT_REJECT ? portolan__ipc__reject_report__pack(&reject, packed)
				    : portolan__ipc__accept_report__pack(&accept, packed);
	state_put(w->reports, item_new(kind, key, (size_t)n, NULL, 0, packed, len));
}

static void envoy_accepts(struct world *w)
{
	Portolan__Ipc__EnvoyReport e = PORTOLAN__IPC__ENVOY_REPORT__INIT;
	uint8_t packed[256];
	size_t len;

	e.has_acked_source = 1;
	e.acked_source = w->source;
	len = portolan__ipc__envoy_report__pack(&e, packed);
	state_put(w->reports, item_new(REPORT_ENVOY, "1", 1, NULL, 0, packed, len));
}

static void envoy_accepts_all(struct world *w)
{
	envoy_accepts(w);
	report(w, REPORT_ACCEPT, "route", "t", head(w));
	quarantine_reports(w->quarantine);
	settle(w);
}

/* An Envoy that refuses the table while any part of it is "bad", until all wanted items are either
 * accepted or held back. */
static int play_envoy(struct world *w)
{
	const struct quarantine_counters *c = quarantine_counters(w->quarantine);
	int rounds = 0;

	for (;;) {
		struct item *i;
		size_t pos = 0;
		bool bad = false;

		while ((i = state_next(w->resources, &pos)))
			if (i->kind == RESOURCE_PART + RESOURCE_ROUTE &&
			    strncmp((const char *)item_value(i), "bad", 3) == 0)
				bad = true;
		envoy_accepts(w); /* the clusters, whatever their content */
		report(w, bad ? REPORT_REJECT : REPORT_ACCEPT, "route", "t", head(w));
		quarantine_reports(w->quarantine);
		settle(w);
		state_commit(w->resources, w->source);
		rounds++;
		CHECK(rounds < 100);
		if (c->pending == c->held)
			return rounds;
	}
}

static const char *problem_of(struct world *w, const char *key)
{
	static char text[512];
	struct item *i = state_get(w->statuses, OBJECT_SERVICE, key, strlen(key));
	Portolan__Ipc__ObjectStatus *s;

	CHECK(i != NULL);
	s = portolan__ipc__object_status__unpack(NULL, i->value_len, item_value(i));
	(void)snprintf(text, sizeof(text), "%s", s->n_problems ? s->problems[0]->reason : "");
	portolan__ipc__object_status__free_unpacked(s, NULL);
	return text;
}

TEST(a_refused_change_falls_back_to_what_was_accepted_and_its_object_is_told)
{
	struct world w;

	world_start(&w, NULL);
	set(&w, "ns/a", "good 1");
	run(&w);
	envoy_accepts_all(&w);
	CHECK_EQ(quarantine_counters(w.quarantine)->pending, 0);
	set(&w, "ns/a", "bad 2");
	run(&w);
	CHECK_STR(cluster(&w, "ns/a"), "bad 2");
	report(&w, REPORT_REJECT, "cluster", "ns/a",
	       state_get(w.resources, RESOURCE_CLUSTER, "ns/a", 4));
	quarantine_reports(w.quarantine);
	settle(&w);
	CHECK_STR(cluster(&w, "ns/a"), "good 1");
	CHECK_STR(problem_of(&w, "ns/a"), "RejectedByEnvoy");

	set(&w, "ns/a", "good 3");
	run(&w);
	CHECK_STR(cluster(&w, "ns/a"), "good 3");
	CHECK_STR(problem_of(&w, "ns/a"), "");
	CHECK_EQ(quarantine_counters(w.quarantine)->held, 0);
	world_done(&w, false);
}

TEST(the_culprit_among_many_changes_of_one_table_is_found_and_the_others_go_through)
{
	for (int culprit = 0; culprit < 40; culprit += 13) {
		struct world w;
		char key[32];
		int rounds;

		world_start(&w, NULL);
		for (int i = 0; i < 40; i++) {
			(void)snprintf(key, sizeof(key), "ns/%02d", i);
			set(&w, key, "good 1");
		}
		run(&w);
		envoy_accepts_all(&w);
		for (int i = 0; i < 40; i++) {
			(void)snprintf(key, sizeof(key), "ns/%02d", i);
			set(&w, key, i == culprit ? "bad 2" : "good 2");
		}
		run(&w);
		rounds = play_envoy(&w);
		CHECK(rounds <= 16);
		for (int i = 0; i < 40; i++) {
			(void)snprintf(key, sizeof(key), "ns/%02d", i);
			CHECK_STR(part(&w, key), i == culprit ? "good 1" : "good 2");
			CHECK_STR(problem_of(&w, key), i == culprit ? "RejectedByEnvoy" : "");
		}
		CHECK_EQ(quarantine_counters(w.quarantine)->held, 1);
		world_done(&w, false);
	}
}

TEST(at_a_first_start_a_part_that_was_never_good_is_left_out_and_its_neighbours_are_served)
{
	struct world w;

	world_start(&w, NULL);
	set(&w, "ns/a", "good");
	set(&w, "ns/b", "bad");
	set(&w, "ns/c", "good");
	run(&w);
	(void)play_envoy(&w);
	CHECK_STR(part(&w, "ns/a"), "good");
	CHECK(part(&w, "ns/b") == NULL);
	CHECK_STR(part(&w, "ns/c"), "good");
	world_done(&w, false);
}

TEST(when_nothing_is_held_back_any_more_the_version_is_the_graphs_own_again)
{
	struct world w, fresh;

	world_start(&w, NULL);
	set(&w, "ns/a", "good 1");
	set(&w, "ns/b", "good 1");
	run(&w);
	envoy_accepts_all(&w);
	set(&w, "ns/a", "bad 2");
	run(&w);
	(void)play_envoy(&w);
	set(&w, "ns/b", "good 2");
	run(&w);
	(void)play_envoy(&w);
	CHECK_STR(part(&w, "ns/a"), "good 1");
	CHECK_STR(part(&w, "ns/b"), "good 2");
	set(&w, "ns/a", "good 3");
	run(&w);
	(void)play_envoy(&w);

	world_start(&fresh, NULL);
	set(&fresh, "ns/a", "good 3");
	set(&fresh, "ns/b", "good 2");
	run(&fresh);
	CHECK(state_digest(w.resources) == state_digest(fresh.resources));
	world_done(&w, false);
	world_done(&fresh, false);
}

/* Like xds-server: state kept with the resources comes back as a report. */
static struct state *echo(struct world *w)
{
	struct state *reports = state_new();
	struct item *i;
	size_t pos = 0;

	while ((i = state_next(w->resources, &pos)))
		if (i->kind == RESOURCE_QUARANTINE)
			state_put(reports, item_new(REPORT_QUARANTINE, i->data, i->key_len, NULL, 0,
						    item_value(i), i->value_len));
	state_commit(reports, 1);
	return reports;
}

TEST(a_new_translator_holds_back_at_once_what_the_old_one_did)
{
	struct world old, new;

	world_start(&old, NULL);
	set(&old, "ns/a", "good 1");
	set(&old, "ns/b", "good 1");
	run(&old);
	envoy_accepts_all(&old);
	set(&old, "ns/a", "bad 2");
	run(&old);
	(void)play_envoy(&old);

	world_start(&new, echo(&old));
	set(&new, "ns/a", "bad 2");
	set(&new, "ns/b", "good 1");
	run(&new);
	CHECK_STR(part(&new, "ns/a"), "good 1");
	CHECK_STR(problem_of(&new, "ns/a"), "RejectedByEnvoy");
	CHECK(item_equal(head(&old), head(&new)));
	set(&new, "ns/a", "good 3");
	run(&new);
	CHECK_STR(part(&new, "ns/a"), "good 3");
	CHECK_STR(problem_of(&new, "ns/a"), "");
	world_done(&old, false);
	world_done(&new, false);
}
