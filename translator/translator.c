/* The wiring of the translator: links at both ends, the graph between them. */
#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/configuration.h"
#include "common/control-wait.h"
#include "common/incident.h"
#include "common/log.h"
#include "translator/translator.h"
#include "translator/units.h"

/* For xds-server's reports before the first commit. */
#define PATIENCE_USEC (500 * USEC_PER_MSEC)

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
	p.message = (char *)"the translator died twice while it was reading this object, so it is set aside "
			    "until it changes; please report it, with the object";
	a->object = item_ref(object);
	a->note = item_ref(graph_note_add(t->graph, (enum object_kind)object->kind, item_key(object),
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
		graph_note_remove(t->graph, (enum object_kind)object->kind, item_key(object), a->note);
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
	graph_object_changed(t->graph, before, after);
	if (after && is_hidden(t, after))
		set_aside(t, after);
}

static void commit(struct translator *t)
{
	uint64_t source = state_source(t->objects);

	if (secret_keeper_settle(t->keeper))
		graph_run(t->graph);
	/* To settle may say something in statuses and serve hosts otherwise, and that settle again. */
	while (quarantine_settle(t->quarantine, source))
		graph_run(t->graph);
	poison_survived(t->poison);
	state_commit(t->resources, source);
	state_commit(t->statuses, source);
}

/* Translates what has changed. The first time, what xds-server was told to keep must be known before
 * it is told anything else (Quarantine in ipc.proto), if it is there at all. */
static void advance(struct translator *t)
{
	if (!state_complete(t->objects))
		return;
	if (!state_complete(t->resources)) {
		if (!state_complete(t->reports) && !t->patience_ended)
			return;
		quarantine_recall(t->quarantine);
		secret_keeper_recall(t->keeper);
	}
	graph_run(t->graph);
	commit(t);
	log_debug("world %llu: %llu units run in %llu us", (unsigned long long)state_source(t->objects),
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

static void on_patience_ended(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct translator *t = ctx;

	t->patience_ended = true;
	advance(t);
}

static void on_output(void *ctx, uint32_t kind, const char *key, size_t key_len, struct item *wanted)
{
	struct translator *t = ctx;

	quarantine_output(t->quarantine, kind, key, key_len, wanted);
}

int translator_new(struct translator **ret)
{
	_cleanup_(translator_freep) struct translator *t = xnew(struct translator, 1);
	struct graph_config config = { .units = units,
				       .indexes = units_indexes,
				       .n_indexes = units_n_indexes,
				       .settings = settings_make,
				       .settings_kind = OBJECT_CONTOUR_CONFIGURATION,
				       .settings_key = CONFIGURATION_KEY,
				       .output = on_output,
				       .reading = on_reading,
				       .hidden = is_hidden,
				       .ctx = t };
	int r;

	t->started = clock_monotonic();
	r = settings_check_options();
	if (r < 0)
		return r;
	config.objects = t->objects = state_new();
	t->resources = state_new();
	config.statuses = t->statuses = state_new();
	t->reports = state_new();
	t->quarantine = quarantine_new(t->resources, t->reports);
	t->graph = graph_new(&config);
	quarantine_attach(t->quarantine, t->graph);
	t->keeper = secret_keeper_new(t->graph, t->objects, t->resources, t->reports);
	t->on_objects = (struct state_observer){ on_object, on_objects_committed, t, NULL };
	t->on_reports = (struct state_observer){ NULL, on_reports_committed, t, NULL };
	state_observe(t->objects, &t->on_objects);
	state_observe(t->reports, &t->on_reports);
	/* Without links there is nobody to wait for. */
	t->patience_ended = true;
	*ret = TAKE_PTR(t);
	return 0;
}

void translator_free(struct translator *t)
{
	if (!t)
		return;
	control_wait_free(t->wait);
	link_free(t->to_xds_server);
	link_free(t->from_watcher);
	if (t->objects)
		state_unobserve(t->objects, &t->on_objects);
	if (t->reports)
		state_unobserve(t->reports, &t->on_reports);
	if (t->patience)
		event_free(t->patience);
	while (t->set_aside.n) {
		aside_free(vec_at(&t->set_aside, t->set_aside.n - 1));
		vec_take_out(&t->set_aside, t->set_aside.n - 1);
	}
	poison_close(t->poison);
	secret_keeper_free(t->keeper);
	quarantine_free(t->quarantine);
	graph_free(t->graph);
	state_free(t->reports);
	state_free(t->statuses);
	state_free(t->resources);
	state_free(t->objects);
	free(t->objects_path);
	free(t->resources_path);
	free(t);
}

static void on_watcher(void *ctx, bool connected)
{
	struct translator *t = ctx;

	if (connected)
		log_info("connected to the watcher");
	else
		log_warning("lost the watcher: %s; what is known stays", link_last_error(t->from_watcher));
}

static void on_xds_server(void *ctx, bool connected)
{
	struct translator *t = ctx;

	if (connected)
		log_info("xds-server is connected");
	else
		log_warning("lost xds-server: %s", link_last_error(t->to_xds_server));
}

static void on_faulty(void *ctx _unused_, const char *what)
{
	log_error("a neighbour keeps sending what cannot be taken: %s; if it is of another version, "
		  "upgrade both", what);
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
	int r;

	in.path = t->objects_path = daemon_path(d, "objects.sock");
	out.path = t->resources_path = daemon_path(d, "resources.sock");
	r = link_listen(d->loop, &out, &t->to_xds_server);
	if (r < 0)
		return log_error_errno(r, "cannot listen at %s: %m", out.path);
	r = link_connect(d->loop, &in, &t->from_watcher);
	if (r < 0)
		return log_error_errno(r, "cannot connect to %s: %m", in.path);
	return 0;
}

int translator_start(struct daemon *d)
{
	_cleanup_(translator_freep) struct translator *t = NULL;
	_cleanup_free_ char *poison = NULL;
	int r;

	r = translator_new(&t);
	if (r < 0)
		return r;
	poison = daemon_own_path(d, "poison");
	r = poison_open(poison, &t->poison);
	if (r < 0)
		incident(incident_is_descriptors(r) ? INCIDENT_DESCRIPTORS : INCIDENT_STORAGE, "poison",
			 "cannot use %s: %s; an object that crashes the translator will not be set aside",
			 poison, strerror(-r));
	t->patience = event_loop_timer(d->loop, on_patience_ended, t);
	t->patience_ended = false;
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
			      link_connected(t->from_watcher) ? "" : link_last_error(t->from_watcher));
		return false;
	}
	if (!link_connected(t->from_watcher))
		strbuf_printf(why, "degraded: no watcher: %s\n", link_last_error(t->from_watcher));
	if (!link_connected(t->to_xds_server))
		strbuf_printf(why, "degraded: no xds-server: %s\n", link_last_error(t->to_xds_server));
	return true;
}
