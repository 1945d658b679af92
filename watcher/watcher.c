/* The watcher process: store, sources, link to the translator, pages for people. */
#include <errno.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/document.h"
#include "common/base/log.h"
#include "common/base/metric.h"
#include "common/configuration/configuration.h"
#include "common/daemon/control-wait.h"
#include "common/daemon/origin.h"
#include "common/decode/object-kind.h"
#include "common/link/link.h"
#include "common/link/neighbour.h"
#include "watcher/configuration.h"
#include "watcher/contour-metrics.h"
#include "watcher/debug-page.h"
#include "watcher/manifests/manifests.h"
#include "watcher/manifests/status-log.h"
#include "watcher/object-metrics.h"
#include "watcher/own-certificate.h"
#include "watcher/store.h"
#include "watcher/watcher.h"

struct watcher {
	struct daemon *daemon;
	struct store *store;
	struct state *statuses; /* the translator's, mirrored */
	struct state_observer on_objects, on_statuses;
	struct link *link;
	struct neighbour *translator;
	char *socket_path, *config_saved;
	struct control_wait *wait, *statuses_wait;
	struct status_log status_log;
	struct source *sources[STORE_SOURCES_MAX];
	size_t n_sources;
	int64_t began;
	bool opened;     /* all sources are */
	bool said_first; /* that there is a complete state */
};

struct watcher_options watcher_options;

static void add_source(struct watcher *w, struct source *s)
{
	w->sources[w->n_sources++] = s;
}

static int open_configuration(struct watcher *w)
{
	_cleanup_free_ char *certificate = daemon_own_path(w->daemon, "certificate");
	struct source *s;
	int r = 0;

	if (watcher_options.config)
		r = configuration_new(w->store, watcher_options.config, certificate, &s);
	if (watcher_options.config && r >= 0)
		add_source(w, s);
	if (r >= 0 && watcher_options.ingress_nginx && !configuration_names_certificate(w->store))
		(void)own_certificate_pin(w->store, certificate);
	return r;
}

static int open_manifests(struct watcher *w)
{
	struct manifests_config manifests = { .paths = watcher_options.manifests.words,
					      .n_paths = watcher_options.manifests.n };
	struct source *s;
	int r;

	r = manifests_new(w->daemon->loop, w->store, &manifests, &s);
	if (r >= 0)
		add_source(w, s);
	return r;
}

static int open_kube(struct watcher *w)
{
	struct source *s;
	int r;

	w->config_saved = daemon_own_path(w->daemon, "configuration");
	watcher_options.kube.config_saved = w->config_saved;
	/* A ContourConfiguration of the API may turn ingress-nginx on at any time. */
	watcher_options.kube.whole_config_maps = watcher_options.ingress_nginx ||
						 watcher_options.kube.config_name ||
						 configuration_serves_nginx(w->store);
	r = kube_source_new(w->daemon->loop, w->store, &watcher_options.kube, &s);
	if (r >= 0)
		add_source(w, s);
	return r;
}

/* A recording is a world of its own. */
static int open_replay(struct watcher *w)
{
	const struct watcher_options *o = &watcher_options;
	_cleanup_free_ char *position = daemon_own_path(w->daemon, "replay");
	struct source *s;
	int r;

	if (o->manifests.n || o->kube.kubeconfig || o->kube.in_cluster)
		return log_error_errno(-EINVAL, "--replay goes with no other source of objects");
	r = replay_new(w->daemon->loop, w->daemon->control, w->store, &o->replay, position, &s);
	if (r >= 0)
		add_source(w, s);
	return r;
}

/* The options ask for it; or it exists and there are no other sources. */
static bool wants_kube(void)
{
	struct kube_source_config *kube = &watcher_options.kube;
	const char *list = getenv("KUBECONFIG"), *host = getenv("KUBERNETES_SERVICE_HOST");

	if (kube->kubeconfig || kube->context || kube->in_cluster)
		return true;
	if (watcher_options.manifests.n)
		return false;
	if (list && *list)
		return true;
	kube->in_cluster = host && *host;
	return kube->in_cluster;
}

static int check_configuration(void)
{
	const struct watcher_options *o = &watcher_options;

	if (o->config && o->kube.config_name)
		return log_error_errno(-EINVAL,
				       "--config and --contour-config-name: give one of them");
	if (o->kube.config_namespace && !o->kube.config_name)
		return log_error_errno(
			-EINVAL, "--contour-config-namespace goes with --contour-config-name");
	if (o->kube.config_name && (o->replay.files.n || !wants_kube()))
		return log_error_errno(
			-EINVAL, "--contour-config-name goes with a Kubernetes API; elsewhere "
				 "the ContourConfiguration " CONFIGURATION_KEY " counts");
	return 0;
}

/* One line a source: a state that other stages keep is of these, or not. */
static void note_origin(struct watcher *w, const char *server)
{
	const struct watcher_options *o = &watcher_options;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (server)
		strbuf_printf(&text, "Kubernetes API %s\n", server);
	for (unsigned i = 0; i < o->manifests.n; i++) {
		_cleanup_free_ char *path = realpath(o->manifests.words[i], NULL);

		strbuf_printf(&text, "manifests %s\n", path ? path : o->manifests.words[i]);
	}
	for (unsigned i = 0; i < o->replay.files.n; i++)
		strbuf_printf(&text, "recording %s\n", o->replay.files.words[i]);
	state_set_origin(store_objects(w->store), origin_note(w->daemon, strbuf_str(&text)));
}

static int open_sources(struct watcher *w)
{
	bool kube;
	int r = check_configuration();

	if (r >= 0)
		r = open_configuration(w);
	if (r < 0)
		return r;
	if (watcher_options.replay.files.n) {
		note_origin(w, NULL);
		return open_replay(w);
	}
	kube = wants_kube();
	if (!kube && !watcher_options.manifests.n)
		return log_error_errno(-EINVAL,
				       "nothing to watch: say where the objects are with "
				       "--manifests PATH, --kubeconfig FILE or --in-cluster");
	/* Files are read at once: the world is complete only if the API server's source, which
	 * takes longer, is known by then. */
	if (kube)
		r = open_kube(w);
	if (r >= 0)
		note_origin(w, kube ? kube_source_server(w->sources[w->n_sources - 1]) : NULL);
	if (r >= 0 && watcher_options.manifests.n)
		r = open_manifests(w);
	return r;
}

/* ---- statuses ---- */

static void on_status(void *ctx, struct item *before, struct item *after)
{
	struct watcher *w = ctx;

	if ((after ? after : before)->kind != OBJECT_DESIRED)
		status_log_change(&w->status_log, store_objects(w->store), before, after);
	for (size_t i = 0; i < w->n_sources; i++)
		if (w->sources[i]->ops->status)
			w->sources[i]->ops->status(w->sources[i], before, after);
}

/* ---- pages ---- */

static bool ready_why(struct watcher *w, struct strbuf *why)
{
	for (size_t i = 0; i < w->n_sources; i++)
		w->sources[i]->ops->why(w->sources[i], why);
	if (w->link && !link_connected(w->link))
		strbuf_puts(why, "no translator is connected: changes wait for it\n");
	return state_complete(store_objects(w->store));
}

bool watcher_ready(struct daemon *d, struct strbuf *why)
{
	return ready_why(d->stage, why);
}

static void put_counts(struct document *d, const struct state *s)
{
	document_key(d, "objects");
	document_map(d);
	for (unsigned k = 0; k < STATE_KIND_MAX; k++)
		if (object_kind(k) && state_count_kind(s, k))
			document_put_uint(d, object_kind(k)->kind, state_count_kind(s, k));
	document_end(d);
}

static void put_translator(struct document *d, const struct watcher *w)
{
	document_key(d, "translator");
	document_map(d);
	document_put_bool(d, "connected", link_connected(w->link));
	document_put_bool(d, "in_sync", link_in_sync(w->link));
	document_end(d);
}

static int on_debug_status(void *ctx, const char *query _unused_, struct strbuf *out)
{
	struct watcher *w = ctx;
	_cleanup_strbuf_ struct strbuf why = STRBUF_INIT;
	struct state *objects = store_objects(w->store);
	bool ready = ready_why(w, &why);
	struct document d;

	document_init(&d, out, DOCUMENT_JSON);
	document_map(&d);
	document_put_string(&d, "stage", "watcher");
	document_put_string(&d, "state", !ready ? "starting" : why.len ? "degraded" : "running");
	document_put_bool(&d, "ready", ready);
	document_put_lines(&d, "reasons", strbuf_str(&why));
	document_put_uint(&d, "generation", state_generation(objects));
	document_put_uint(&d, "source", state_source(objects));
	document_put_int(&d, "uptime_seconds", (clock_monotonic() - w->began) / USEC_PER_SEC);
	put_counts(&d, objects);
	document_put_uint(&d, "object_bytes", state_bytes(objects));
	document_put_uint(&d, "notes", state_count(store_notes(w->store)));
	document_put_uint(&d, "statuses", state_count(w->statuses));
	put_translator(&d, w);
	for (size_t i = 0; i < w->n_sources; i++)
		if (w->sources[i]->ops->debug) {
			document_key(&d, w->sources[i]->ops->name);
			document_map(&d);
			w->sources[i]->ops->debug(w->sources[i], &d);
			document_end(&d);
		}
	document_end(&d);
	return 200;
}

static int on_debug_objects(void *ctx, const char *query, struct strbuf *out)
{
	struct watcher *w = ctx;

	debug_page_objects(w->store, query, out);
	return 200;
}

static int on_debug_statuses(void *ctx, const char *query, struct strbuf *out)
{
	struct watcher *w = ctx;

	debug_page_statuses(w->store, w->statuses, query, out);
	return 200;
}

/* Answers with the world that holds everything written to the files before the request. */
static int on_debug_sync(void *ctx, const char *query _unused_, struct strbuf *out)
{
	struct watcher *w = ctx;
	struct document d;

	for (size_t i = 0; i < w->n_sources; i++)
		if (w->sources[i]->ops->sync)
			w->sources[i]->ops->sync(w->sources[i]);
	document_init(&d, out, DOCUMENT_JSON);
	document_map(&d);
	document_put_uint(&d, "source", store_world(w->store));
	document_put_bool(&d, "pending", state_dirty(store_objects(w->store)));
	document_end(&d);
	return state_complete(store_objects(w->store)) ? 200 : 503;
}

static void put_change(struct document *d, const struct store_change *c)
{
	const struct object_kind_row *row = c->first ? object_kind(c->first->kind) : NULL;

	document_map(d);
	document_put_uint(d, "world", c->world);
	document_put_uint(d, "objects", c->objects);
	if (row) {
		document_put_string(d, "kind", row->kind);
		document_put_string(d, "key", item_key(c->first));
		document_put_bool(d, "removed", c->removed);
	}
	document_end(d);
}

static int on_debug_changes(void *ctx, const char *query _unused_, struct strbuf *out)
{
	struct watcher *w = ctx;
	const struct store_change *c;
	struct document d;

	document_init(&d, out, DOCUMENT_JSON);
	document_list(&d);
	for (size_t back = 0; (c = store_change(w->store, back)); back++)
		put_change(&d, c);
	document_end(&d);
	return 200;
}

static void on_metrics(void *ctx, struct strbuf *out)
{
	struct watcher *w = ctx;
	struct state *objects = store_objects(w->store);

	metric_family(out, METRIC_WATCHER_OBJECTS);
	for (unsigned k = 0; k < STATE_KIND_MAX; k++)
		if (object_kind(k))
			metric_sample(out, METRIC_WATCHER_OBJECTS, state_count_kind(objects, k),
				      object_kind(k)->kind);
	metric_single(out, METRIC_WATCHER_OBJECT_BYTES, state_bytes(objects));
	metric_single(out, METRIC_WATCHER_COMMITS, store_commits(w->store));
	metric_single(out, METRIC_WATCHER_WORLD, store_world(w->store));
	metric_single(out, METRIC_WATCHER_NOTES, state_count(store_notes(w->store)));
	object_metrics(w->statuses, store_notes(w->store), out);
	if (watcher_options.contour_metrics)
		contour_metrics(objects, w->statuses, store_commits(w->store),
				store_world(w->store), out);
	for (size_t i = 0; i < w->n_sources; i++)
		if (w->sources[i]->ops->metrics)
			w->sources[i]->ops->metrics(w->sources[i], out);
	link_metrics(w->link, out);
}

/* ---- life ---- */

static void tell_supervisor(struct watcher *w)
{
	struct state *objects = store_objects(w->store);

	if (w->opened && state_complete(objects))
		daemon_status(w->daemon, "%zu objects%s", store_object_count(w->store),
			      link_connected(w->link) ? "" : ", no translator connected");
}

static void on_link(void *ctx, bool connected)
{
	struct watcher *w = ctx;

	neighbour_changed(w->translator, connected, link_last_error(w->link));
	tell_supervisor(w);
}

static void on_commit(void *ctx)
{
	struct watcher *w = ctx;
	struct state *objects = store_objects(w->store);

	/* A source that is yet to be opened may have more, or may not work at all. */
	if (!w->opened || w->said_first || !state_complete(objects))
		return;
	w->said_first = true;
	log_info("first complete state: %zu objects after %.1f ms", store_object_count(w->store),
		 (double)(clock_monotonic() - w->began) / USEC_PER_MSEC);
	tell_supervisor(w);
}

static void watcher_free(struct watcher *w)
{
	if (!w)
		return;
	control_wait_free(w->wait);
	control_wait_free(w->statuses_wait);
	link_free(w->link);
	neighbour_free(w->translator);
	for (size_t i = 0; i < w->n_sources; i++)
		w->sources[i]->ops->free(w->sources[i]);
	state_unobserve(store_objects(w->store), &w->on_objects);
	state_unobserve(w->statuses, &w->on_statuses);
	store_free(w->store);
	state_free(w->statuses);
	free(w->socket_path);
	free(w->config_saved);
	free(w);
}
DEFINE_CLEANUP(struct watcher *, watcher_free)

static struct watcher *watcher_new(struct daemon *d)
{
	struct watcher *w = xnew(struct watcher, 1);

	w->daemon = d;
	w->began = clock_monotonic();
	w->store = store_new();
	w->statuses = state_new();
	w->socket_path = daemon_path(d, "objects.sock");
	w->on_objects = (struct state_observer){ NULL, on_commit, w, NULL };
	state_observe(store_objects(w->store), &w->on_objects);
	w->on_statuses = (struct state_observer){ on_status, NULL, w, NULL };
	state_observe(w->statuses, &w->on_statuses);
	return w;
}

int watcher_start(struct daemon *d)
{
	_cleanup_(watcher_freep) struct watcher *w = watcher_new(d);
	struct link_config config = {
		.name = "objects",
		.path = w->socket_path,
		.role = "watcher",
		.peer_role = "translator",
		.send = store_objects(w->store),
		.mirror = w->statuses,
		.status = on_link,
		.ctx = w,
	};
	int r;

	w->translator = neighbour_new(d->loop, "the translator", "changes wait for its return");
	r = link_listen(d->loop, &config, &w->link);
	if (r < 0)
		return log_error_errno(r, "cannot listen at %s: %m", w->socket_path);
	r = open_sources(w);
	if (r < 0)
		return r;
	control_add(d->control, "/debug/status", "application/json", on_debug_status, w);
	control_add(d->control, "/debug/objects", "application/json", on_debug_objects, w);
	control_add(d->control, "/debug/statuses", "application/json", on_debug_statuses, w);
	control_add(d->control, "/debug/changes", "application/json", on_debug_changes, w);
	control_add(d->control, "/debug/sync", "application/json", on_debug_sync, w);
	w->wait = control_wait_new(d->loop, d->control, store_objects(w->store));
	w->statuses_wait =
		control_wait_new_at(d->loop, d->control, "/debug/statuses/wait", w->statuses);
	control_add_metrics(d->control, on_metrics, w);
	w->opened = true;
	on_commit(w);
	d->stage = TAKE_PTR(w);
	return 0;
}

void watcher_stop(struct daemon *d)
{
	watcher_free(d->stage);
}

void watcher_reload(struct daemon *d)
{
	struct watcher *w = d->stage;

	for (size_t i = 0; i < w->n_sources; i++)
		if (w->sources[i]->ops->reload)
			w->sources[i]->ops->reload(w->sources[i]);
}
