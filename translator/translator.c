/* The wiring of the translator: links at both ends, the graph between them. */
#include <malloc.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/incident.h"
#include "common/base/log.h"
#include "common/configuration/configuration.h"
#include "common/daemon/control-wait.h"
#include "common/daemon/origin.h"
#include "translator/kinds.h"
#include "translator/translator.h"
#include "translator/units.h"

struct translator_options translator_options;

/* The wait for xds-server's reports before the first commit: for its connection, and for them when
 * it is connected. */
#define PATIENCE_USEC (500 * USEC_PER_MSEC)
#define REPORTS_USEC  (10 * USEC_PER_SEC)
#define SETTLED_USEC  (2 * USEC_PER_SEC)

static void on_reading(void *ctx, const struct item *object)
{
	struct translator *t = ctx;

	poison_reading(t->poison, object);
}

static bool is_hidden(void *ctx, const struct item *object)
{
	struct translator *t = ctx;

	return poison_is(t->poison, object);
}

/* An object that crashed the translator is not read, but its status says so. */
struct aside {
	struct item *object;
	struct item *note;
};

static void set_aside(struct translator *t, struct item *object)
{
	Portolan__Ipc__Problem p = PORTOLAN__IPC__PROBLEM__INIT;
	struct aside *a = xnew(struct aside, 1);

	p.has_severity = 1;
	p.severity = PORTOLAN__IPC__SEVERITY__SEVERITY_ERROR;
	p.reason = (char *)"SetAside";
	p.message = (char *)"the translator died twice while it was reading this object, so it is "
			    "set aside "
			    "until it changes; please report it, with the object";
	a->object = item_ref(object);
	a->note =
		item_ref(graph_note_add(t->graph, (enum object_kind)object->kind, item_key(object),
					PORTOLAN__IPC__VERDICT__VERDICT_REJECTED, &p));
	vec_add(&t->set_aside, a);
}

static void aside_free(struct aside *a)
{
	item_unref(a->object);
	item_unref(a->note);
	free(a);
}

static void take_back(struct translator *t, const struct item *object)
{
	for (uint32_t i = 0; i < t->set_aside.n; i++) {
		struct aside *a = vec_at(&t->set_aside, i);

		if (a->object != object)
			continue;
		graph_note_remove(t->graph, (enum object_kind)object->kind, item_key(object),
				  a->note);
		vec_take_out(&t->set_aside, i);
		aside_free(a);
		return;
	}
}

static void on_object(void *ctx, struct item *before, struct item *after)
{
	struct translator *t = ctx;

	if (before && is_hidden(t, before))
		take_back(t, before);
	secret_keeper_object(t->keeper, before, after);
	if (t->routes && state_complete(t->resources))
		route_patience_object(t->routes, before, after);
	if (t->propagation && after)
		propagation_object(t->propagation, after);
	graph_object_changed(t->graph, before, after);
	if (after && is_hidden(t, after))
		set_aside(t, after);
}

/* Routes that wait for their backends; returns the world that is whole without them. */
static uint64_t settle_routes(struct translator *t, uint64_t source)
{
	int64_t next;

	if (!t->routes)
		return source;
	if (route_patience_settle(t->routes, source, clock_monotonic()))
		graph_run(t->graph);
	next = route_patience_next(t->routes);
	if (next >= 0)
		event_loop_arm(t->routes_due, MAX(next - clock_monotonic(), (int64_t)1));
	else
		evtimer_del(t->routes_due);
	return MAX(route_patience_reached(t->routes, source), state_source(t->resources));
}

static void settle_quarantine(struct translator *t, uint64_t source)
{
	int64_t next;

	/* Settling may change statuses and hosts, and these changes need settling again. */
	while (quarantine_settle(t->quarantine, source))
		graph_run(t->graph);
	if (!t->quarantine_due)
		return;
	next = quarantine_next(t->quarantine);
	if (next >= 0)
		event_loop_arm(t->quarantine_due, MAX(next - clock_monotonic(), (int64_t)1));
	else
		evtimer_del(t->quarantine_due);
}

/* Whether Envoys have accepted objects: known after the quarantine's decisions. */
static void settle_propagation(struct translator *t, uint64_t source)
{
	int64_t now = clock_monotonic(), next;

	if (!t->propagation)
		return;
	if (propagation_settle(t->propagation, source, now))
		graph_run(t->graph);
	next = propagation_next(t->propagation);
	if (next >= 0)
		event_loop_arm(t->propagation_due, MAX(next - now, (int64_t)1));
	else
		evtimer_del(t->propagation_due);
}

static void commit(struct translator *t)
{
	uint64_t source = state_source(t->objects);
	uint64_t reached = settle_routes(t, source);

	if (t->programmed && programmed_settle(t->programmed, source))
		graph_run(t->graph);
	if (secret_keeper_settle(t->keeper))
		graph_run(t->graph);
	settle_quarantine(t, source);
	settle_propagation(t, source);
	poison_survived(t->poison);
	/* Before the routes that name them. */
	state_commit(t->users, source);
	state_set_origin(t->resources, origin_join(state_origin(t->objects), t->origin));
	state_commit(t->resources, reached);
	state_commit(t->statuses, source);
}

/* Translates the changes. Before its first output it must have the state that xds-server keeps for
 * it (Quarantine in ipc.proto), if xds-server runs at all. */
static void advance(struct translator *t)
{
	bool first = !state_complete(t->resources);

	if (!state_complete(t->objects))
		return;
	if (first) {
		if (!state_complete(t->reports) && !t->patience_ended)
			return;
		quarantine_recall(t->quarantine);
		secret_keeper_recall(t->keeper);
	}
	graph_run(t->graph);
	commit(t);
	if (first && t->settled)
		event_loop_arm(t->settled, SETTLED_USEC);
	log_debug("world %llu: %llu units run in %llu us",
		  (unsigned long long)state_source(t->objects),
		  (unsigned long long)graph_counters(t->graph)->last_wave_units,
		  (unsigned long long)graph_counters(t->graph)->last_wave_usec);
}

static void on_objects_committed(void *ctx)
{
	struct translator *t = ctx;

	if (!t->patience_ended && !evtimer_pending(t->patience, NULL))
		event_loop_arm(t->patience, PATIENCE_USEC);
	advance(t);
}

static void on_reports_committed(void *ctx)
{
	struct translator *t = ctx;

	if (!state_complete(t->resources)) {
		advance(t);
		return;
	}
	quarantine_reports(t->quarantine);
	graph_run(t->graph);
	commit(t);
}

static void on_quarantine_due(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	on_reports_committed(ctx);
}

static void on_patience_ended(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct translator *t = ctx;

	if (!t->reports_awaited && link_connected(t->to_xds_server) &&
	    !state_complete(t->reports)) {
		t->reports_awaited = true;
		log_debug("xds-server is connected: waiting for the state that it keeps");
		event_loop_arm(t->patience, REPORTS_USEC - PATIENCE_USEC);
		return;
	}
	t->patience_ended = true;
	advance(t);
}

/* The memory that only the first world needed is scattered between what stays: the C library
 * returns it on request. */
static void on_settled(evutil_socket_t fd _unused_, short what _unused_, void *ctx _unused_)
{
	(void)malloc_trim(0);
}

static void on_time(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	commit(ctx);
}

static void on_output(void *ctx, uint32_t kind, const char *key, size_t key_len,
		      struct item *wanted)
{
	struct translator *t = ctx;
	struct state *own = kind == OUTPUT_USERS     ? t->users
			    : kind == OBJECT_DESIRED ? t->statuses
						     : t->resources;

	/* Envoys cannot refuse a set of fleets, and do not get users and objects. */
	if (kind != RESOURCE_FLEET && kind != RESOURCE_FLEET_SET && own == t->resources)
		quarantine_output(t->quarantine, kind, key, key_len, wanted);
	else if (wanted)
		(void)state_put(own, item_ref(wanted));
	else
		(void)state_remove(own, kind, key, key_len);
}

static const void *make_settings(void *ctx, struct arena *a, const struct item *configuration)
{
	struct translator *t = ctx;

	return settings_make(a, t->options, configuration);
}

int translator_new(const struct settings_options *options, struct translator **ret)
{
	_cleanup_(translator_freep) struct translator *t = xnew(struct translator, 1);
	struct graph_config config = { .units = units,
				       .n_units = UNIT_KIND_MAX_,
				       .facts = units_facts,
				       .n_facts = FACT_KIND_MAX_,
				       .indexes = units_indexes,
				       .n_indexes = units_n_indexes,
				       .settings = make_settings,
				       .settings_kind = OBJECT_CONTOUR_CONFIGURATION,
				       .settings_key = CONFIGURATION_KEY,
				       .output = on_output,
				       .reading = on_reading,
				       .hidden = is_hidden,
				       .ctx = t };
	int r;

	t->options = options;
	t->started = clock_monotonic();
	r = settings_check_options(options);
	if (r < 0)
		return r;
	config.objects = t->objects = state_new();
	t->resources = state_new();
	config.statuses = t->statuses = state_new();
	t->users = state_new();
	t->reports = state_new();
	t->quarantine = quarantine_new(t->resources, t->reports);
	t->graph = graph_new(&config);
	quarantine_attach(t->quarantine, t->graph);
	t->keeper = secret_keeper_new(t->graph, t->objects, t->resources, t->reports);
	t->on_objects = (struct state_observer){ on_object, on_objects_committed, t, NULL };
	t->on_reports = (struct state_observer){ NULL, on_reports_committed, t, NULL };
	state_observe(t->objects, &t->on_objects);
	state_observe(t->reports, &t->on_reports);
	/* Without links there is no peer to wait for. */
	t->patience_ended = true;
	*ret = TAKE_PTR(t);
	return 0;
}

struct world translator_world(const struct translator *t)
{
	return (struct world){ t->graph, t->objects, t->resources, t->statuses, t->quarantine };
}

void translator_free(struct translator *t)
{
	if (!t)
		return;
	control_wait_free(t->wait);
	link_free(t->to_passwords);
	link_free(t->to_xds_server);
	neighbour_free(t->xds_server);
	link_free(t->from_watcher);
	neighbour_free(t->watcher);
	if (t->objects)
		state_unobserve(t->objects, &t->on_objects);
	if (t->reports)
		state_unobserve(t->reports, &t->on_reports);
	if (t->patience)
		event_free(t->patience);
	if (t->routes_due)
		event_free(t->routes_due);
	if (t->settled)
		event_free(t->settled);
	while (t->set_aside.n) {
		aside_free(vec_at(&t->set_aside, t->set_aside.n - 1));
		vec_take_out(&t->set_aside, t->set_aside.n - 1);
	}
	poison_close(t->poison);
	secret_keeper_free(t->keeper);
	route_patience_free(t->routes);
	if (t->propagation_due)
		event_free(t->propagation_due);
	if (t->quarantine_due)
		event_free(t->quarantine_due);
	propagation_free(t->propagation);
	programmed_free(t->programmed);
	quarantine_free(t->quarantine);
	graph_free(t->graph);
	state_free(t->reports);
	state_free(t->users);
	state_free(t->statuses);
	state_free(t->resources);
	state_free(t->objects);
	free(t->objects_path);
	free(t->resources_path);
	free(t->users_path);
	free(t);
}

static void on_watcher(void *ctx, bool connected)
{
	struct translator *t = ctx;

	neighbour_changed(t->watcher, connected, link_last_error(t->from_watcher));
}

static void on_xds_server(void *ctx, bool connected)
{
	struct translator *t = ctx;

	neighbour_changed(t->xds_server, connected, link_last_error(t->to_xds_server));
	if (!connected && t->reports_awaited && !t->patience_ended)
		event_loop_arm(t->patience, PATIENCE_USEC);
}

static void on_faulty(void *ctx _unused_, const char *what)
{
	log_error(
		"a neighbour keeps sending what cannot be taken: %s; if it is of another version, "
		"upgrade both",
		what);
}

static int open_links(struct daemon *d, struct translator *t)
{
	struct link_config in = { .name = "objects",
				  .role = "translator",
				  .peer_role = "watcher",
				  .send = t->statuses,
				  .mirror = t->objects,
				  .status = on_watcher,
				  .faulty = on_faulty,
				  .ctx = t };
	struct link_config out = { .name = "resources",
				   .role = "translator",
				   .peer_role = "xds-server",
				   .send = t->resources,
				   .mirror = t->reports,
				   .status = on_xds_server,
				   .faulty = on_faulty,
				   .ctx = t };
	struct link_config users = { .name = "users",
				     .role = "translator",
				     .peer_role = "passwords",
				     .send = t->users,
				     .faulty = on_faulty,
				     .ctx = t };
	int r;

	t->watcher = neighbour_new(d->loop, "the watcher", "the objects that are known stay");
	t->xds_server = neighbour_new(d->loop, "xds-server", "changes wait for its return");
	in.path = t->objects_path = daemon_path(d, "objects.sock");
	out.path = t->resources_path = daemon_path(d, "resources.sock");
	users.path = t->users_path = daemon_path(d, "users.sock");
	r = link_listen(d->loop, &out, &t->to_xds_server);
	if (r < 0)
		return log_error_errno(r, "cannot listen at %s: %m", out.path);
	r = link_listen(d->loop, &users, &t->to_passwords);
	if (r < 0)
		return log_error_errno(r, "cannot listen at %s: %m", users.path);
	r = link_connect(d->loop, &in, &t->from_watcher);
	if (r < 0)
		return log_error_errno(r, "cannot connect to %s: %m", in.path);
	return 0;
}

/* The classes that are served: with other ones the same objects are another world. */
static void note_origin(struct daemon *d, struct translator *t)
{
	const struct option_list *classes = &translator_options.settings.classes;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (!classes->n)
		strbuf_puts(&text, "the default class\n");
	for (unsigned i = 0; i < classes->n; i++)
		strbuf_printf(&text, "class %s\n", classes->words[i]);
	t->origin = origin_note(d, strbuf_str(&text));
}

int translator_start(struct daemon *d)
{
	_cleanup_(translator_freep) struct translator *t = NULL;
	_cleanup_free_ char *poison = NULL;
	int r;

	r = translator_new(&translator_options.settings, &t);
	if (r < 0)
		return r;
	poison = daemon_own_path(d, "poison");
	r = poison_open(poison, &t->poison);
	if (r < 0)
		incident(incident_is_descriptors(r) ? INCIDENT_DESCRIPTORS : INCIDENT_STORAGE,
			 "poison",
			 "cannot use %s: %s; an object that crashes the translator will not be set "
			 "aside",
			 poison, strerror(-r));
	note_origin(d, t);
	t->patience = event_loop_timer(d->loop, on_patience_ended, t);
	t->patience_ended = false;
	t->programmed = programmed_new(t->graph, t->quarantine, t->objects, t->reports);
	t->routes = route_patience_new(t->graph);
	t->routes_due = event_loop_timer(d->loop, on_time, t);
	t->propagation = propagation_new(&(struct propagation_config){
		t->graph, t->quarantine, t->objects, t->reports, t->statuses });
	t->propagation_due = event_loop_timer(d->loop, on_time, t);
	t->quarantine_due = event_loop_timer(d->loop, on_quarantine_due, t);
	t->settled = event_loop_timer(d->loop, on_settled, t);
	r = open_links(d, t);
	if (r < 0)
		return r;
	t->wait = control_wait_new(d->loop, d->control, t->resources);
	translator_pages(d, t);
	d->stage = TAKE_PTR(t);
	daemon_status(d, "translating");
	return 0;
}

void translator_stop(struct daemon *d)
{
	translator_free(d->stage);
}

bool translator_ready(struct daemon *d, struct strbuf *why)
{
	struct translator *t = d->stage;

	if (!state_complete(t->objects)) {
		strbuf_printf(why, "no complete set of objects from the watcher yet%s%s\n",
			      link_connected(t->from_watcher) ? "" : ": ",
			      link_connected(t->from_watcher) ? ""
							      : link_last_error(t->from_watcher));
		return false;
	}
	if (!link_connected(t->from_watcher))
		strbuf_printf(why, "degraded: no watcher: %s\n", link_last_error(t->from_watcher));
	if (!link_connected(t->to_xds_server))
		strbuf_printf(why, "degraded: no xds-server: %s\n",
			      link_last_error(t->to_xds_server));
	return true;
}
