/* The watcher process: store, sources, link to the translator, pages for people. */
#include <errno.h>
#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/configuration.h"
#include "common/control-wait.h"
#include "common/link.h"
#include "common/log.h"
#include "common/object-kind.h"
#include "watcher/configuration.h"
#include "watcher/debug-page.h"
#include "watcher/manifests.h"
#include "watcher/status-log.h"
#include "watcher/store.h"
#include "watcher/watcher.h"

struct watcher {
	struct daemon *daemon;
	struct store *store;
	struct state *statuses; /* the translator's, mirrored */
	struct state_observer on_objects, on_statuses;
	struct link *link;
	char *socket_path, *config_saved;
	struct control_wait *wait, *statuses_wait;
	struct status_log status_log;
	struct source *sources[STORE_SOURCES_MAX];
	size_t n_sources;
	int64_t began;
};

struct watcher_options watcher_options;

static void add_source(struct watcher *w, struct source *s)
{
	w->sources[w->n_sources++] = s;
}

static int open_configuration(struct watcher *w)
{
	struct source *s;
	int r = 0;

	if (watcher_options.config)
		r = configuration_new(w->store, watcher_options.config, &s);
	if (watcher_options.config && r >= 0)
		add_source(w, s);
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

/* Asked for, or there and nothing else is asked for. */
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
		return log_error_errno(-EINVAL, "--config and --contour-config-name: give one of them");
	if (o->kube.config_namespace && !o->kube.config_name)
		return log_error_errno(-EINVAL, "--contour-config-namespace goes with --contour-config-name");
	if (o->kube.config_name && (o->replay.files.n || !wants_kube()))
		return log_error_errno(-EINVAL, "--contour-config-name goes with a Kubernetes API; elsewhere "
						"the ContourConfiguration " CONFIGURATION_KEY " counts");
	return 0;
}

static int open_sources(struct watcher *w)
{
	bool kube;
	int r = check_configuration();

	if (r >= 0)
		r = open_configuration(w);
	if (r < 0)
		return r;
	if (watcher_options.replay.files.n)
		return open_replay(w);
	kube = wants_kube();
	if (!kube && !watcher_options.manifests.n)
		return log_error_errno(-EINVAL, "nothing to watch: say where the objects are with "
						"--manifests PATH, --kubeconfig FILE or --in-cluster");
	if (watcher_options.manifests.n)
		r = open_manifests(w);
	if (r >= 0 && kube)
		r = open_kube(w);
	return r;
}

/* ---- statuses ---- */

static void on_status(void *ctx, struct item *before, struct item *after)
{
	struct watcher *w = ctx;

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

/* An array of the lines' strings. */
static void json_lines(struct strbuf *out, const char *lines)
{
	const char *sep = "", *end;

	strbuf_putc(out, '[');
	for (; (end = strchr(lines, '\n')); lines = end + 1, sep = ",") {
		strbuf_puts(out, sep);
		strbuf_json(out, lines, (size_t)(end - lines));
	}
	strbuf_putc(out, ']');
}

static void json_counts(struct strbuf *out, const struct state *s)
{
	const char *sep = "";

	strbuf_putc(out, '{');
	for (unsigned k = 0; k < STATE_KIND_MAX; k++)
		if (object_kind(k) && state_count_kind(s, k)) {
			strbuf_printf(out, "%s\"%s\":%zu", sep, object_kind(k)->kind,
				      state_count_kind(s, k));
			sep = ",";
		}
	strbuf_putc(out, '}');
}

static int on_debug_status(void *ctx, const char *query _unused_, struct strbuf *out)
{
	struct watcher *w = ctx;
	_cleanup_strbuf_ struct strbuf why = STRBUF_INIT;
	struct state *objects = store_objects(w->store);
	bool ready = ready_why(w, &why);

	strbuf_printf(out,
		      "{\"stage\":\"watcher\",\"state\":\"%s\",\"ready\":%s,\"reasons\":",
		      !ready ? "starting" : why.len ? "degraded" : "running", ready ? "true" : "false");
	json_lines(out, strbuf_str(&why));
	strbuf_printf(out, ",\"generation\":%llu,\"source\":%llu,\"uptime_seconds\":%lld,\"objects\":",
		      (unsigned long long)state_generation(objects),
		      (unsigned long long)state_source(objects),
		      (long long)((clock_monotonic() - w->began) / USEC_PER_SEC));
	json_counts(out, objects);
	strbuf_printf(out, ",\"object_bytes\":%zu,\"notes\":%zu,\"statuses\":%zu",
		      state_bytes(objects), state_count(store_notes(w->store)),
		      state_count(w->statuses));
	strbuf_printf(out, ",\"translator\":{\"connected\":%s,\"in_sync\":%s}",
		      link_connected(w->link) ? "true" : "false",
		      link_in_sync(w->link) ? "true" : "false");
	for (size_t i = 0; i < w->n_sources; i++)
		if (w->sources[i]->ops->debug) {
			strbuf_printf(out, ",\"%s\":{", w->sources[i]->ops->name);
			w->sources[i]->ops->debug(w->sources[i], out);
			strbuf_putc(out, '}');
		}
	strbuf_puts(out, "}\n");
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

/* The world that holds what was written to the files before this was asked. */
static int on_debug_sync(void *ctx, const char *query _unused_, struct strbuf *out)
{
	struct watcher *w = ctx;

	for (size_t i = 0; i < w->n_sources; i++)
		if (w->sources[i]->ops->sync)
			w->sources[i]->ops->sync(w->sources[i]);
	strbuf_printf(out, "{\"source\":%llu}\n", (unsigned long long)store_world(w->store));
	return state_complete(store_objects(w->store)) ? 200 : 503;
}

static void on_metrics(void *ctx, struct strbuf *out)
{
	struct watcher *w = ctx;
	struct state *objects = store_objects(w->store);

	strbuf_puts(out, "# TYPE portolan_watcher_objects gauge\n");
	for (unsigned k = 0; k < STATE_KIND_MAX; k++)
		if (object_kind(k))
			strbuf_printf(out, "portolan_watcher_objects{kind=\"%s\"} %zu\n",
				      object_kind(k)->kind, state_count_kind(objects, k));
	strbuf_printf(out,
		      "# TYPE portolan_watcher_object_bytes gauge\n"
		      "portolan_watcher_object_bytes %zu\n"
		      "# TYPE portolan_watcher_commits_total counter\n"
		      "portolan_watcher_commits_total %llu\n"
		      "# TYPE portolan_watcher_world gauge\n"
		      "portolan_watcher_world %llu\n"
		      "# TYPE portolan_watcher_notes gauge\n"
		      "portolan_watcher_notes %zu\n",
		      state_bytes(objects), (unsigned long long)store_commits(w->store),
		      (unsigned long long)store_world(w->store), state_count(store_notes(w->store)));
	for (size_t i = 0; i < w->n_sources; i++)
		if (w->sources[i]->ops->metrics)
			w->sources[i]->ops->metrics(w->sources[i], out);
	link_metrics(w->link, out);
}

/* ---- life ---- */

static void tell_supervisor(struct watcher *w)
{
	struct state *objects = store_objects(w->store);

	if (state_complete(objects))
		daemon_status(w->daemon, "%zu objects%s", state_count(objects),
			      link_connected(w->link) ? "" : ", no translator connected");
}

static void on_link(void *ctx, bool connected)
{
	struct watcher *w = ctx;

	if (connected)
		log_info("translator connected");
	else
		log_warning("translator is gone: changes wait for its return");
	tell_supervisor(w);
}

static void on_commit(void *ctx)
{
	struct watcher *w = ctx;
	struct state *objects = store_objects(w->store);

	if (state_generation(objects) > 1)
		return;
	log_info("first complete state: %zu objects after %.1f ms", state_count(objects),
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

	r = link_listen(d->loop, &config, &w->link);
	if (r < 0)
		return log_error_errno(r, "cannot listen at %s: %m", w->socket_path);
	r = open_sources(w);
	if (r < 0)
		return r;
	control_add(d->control, "/debug/status", "application/json", on_debug_status, w);
	control_add(d->control, "/debug/objects", "application/json", on_debug_objects, w);
	control_add(d->control, "/debug/statuses", "application/json", on_debug_statuses, w);
	control_add(d->control, "/debug/sync", "application/json", on_debug_sync, w);
	w->wait = control_wait_new(d->loop, d->control, store_objects(w->store));
	w->statuses_wait = control_wait_new_at(d->loop, d->control, "/debug/statuses/wait", w->statuses);
	control_add_metrics(d->control, on_metrics, w);
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
