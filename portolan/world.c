/* Whole worlds of objects. Runs in the portolan command. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/answer/json-print.h"
#include "common/base/alloc.h"
#include "common/configuration/configuration.h"
#include "common/decode/object-kind.h"
#include "common/link/frame-stream.h"
#include "common/link/frame.h"
#include "common/recording/recording-moment.h"
#include "k8s/contour-configuration.pb-c.h"
#include "portolan/live-objects.h"
#include "portolan/once.h"
#include "portolan/question.h"
#include "portolan/recorded-world.h"
#include "portolan/running.h"
#include "portolan/stage-options.h"
#include "portolan/world.h"

#define RECORDING_MAGIC "PTLNREC\n"
#define ORIGIN_LIVE     "cluster"

void world_objects_done(struct world_objects *w)
{
	state_free(w->objects);
	state_free(w->notes);
}

/* ---- a watcher that reads once ---- */

static void read_states(int fd, struct state *into)
{
	_cleanup_(frame_reader_freep) struct frame_reader *reader =
		frame_reader_new(fd, "watcher", into);

	while (frame_reader_next(reader) > 0)
		;
}

static int start_reader(const char *command, const struct world_options *o,
			const char *const *paths, size_t n, const int fds[3], pid_t *ret)
{
	struct words w = { 0 };

	if (once_words("portolan-watcher", o->log_level, &w) < 0)
		return -ENOENT;
	words_add(&w, "--write-stream=-");
	words_take(&w, xasprintf("--write-notes=/dev/fd/%d", ONCE_STATUSES_FD));
	if (o->note_passed)
		words_add(&w, "--note-passed");
	if (o->config)
		words_take(&w, xasprintf("--config=%s", o->config));
	for (size_t i = 0; i < n; i++)
		words_take(&w, xasprintf("--manifests=%s", paths[i]));
	return once_start(command, &w, fds[0], fds[1], fds[2], ret);
}

/* in: the file for "-"; -1: no such file. The notes go through a file in memory, so that neither
 * side waits. */
static int read_manifests(const char *command, const struct world_options *o,
			  const char *const *paths, size_t n, int in, struct world_objects *ret)
{
	_cleanup_close_ int noted = memfd_create("notes", MFD_CLOEXEC);
	int ends[2];
	pid_t watcher = 0;

	if (noted < 0 || pipe2(ends, O_CLOEXEC) < 0) {
		(void)fprintf(stderr, "portolan %s: no pipe: %m\n", command);
		return -EMFILE;
	}
	(void)start_reader(command, o, paths, n, (int[]){ in, ends[1], noted }, &watcher);
	(void)close(ends[1]);
	read_states(ends[0], ret->objects);
	(void)close(ends[0]);
	(void)once_wait(watcher);
	if (lseek(noted, 0, SEEK_SET) == 0)
		read_states(noted, ret->notes);
	return state_complete(ret->objects) ? 0 : -EIO;
}

/* ---- the live world ---- */

static bool has_kubeconfig(void)
{
	const char *list = getenv("KUBECONFIG"), *home = getenv("HOME");
	_cleanup_free_ char *usual = home ? xasprintf("%s/.kube/config", home) : NULL;

	return (list && *list) || (usual && access(usual, R_OK) == 0);
}

static bool is_cluster(const struct world_options *o)
{
	if (o->kubeconfig || o->context || o->in_cluster)
		return true;
	return !o->runtime_dir && has_kubeconfig();
}

int world_dump(const char *command, const struct world_options *o, bool redact,
	       const char *redact_key, int fd)
{
	struct words w = { 0 };
	pid_t watcher = 0;

	if (once_words("portolan-watcher", o->log_level, &w) < 0)
		return -ENOENT;
	words_add(&w, "--write-manifests=-");
	if (redact)
		words_add(&w, "--redact");
	if (redact_key)
		words_take(&w, xasprintf("--redact-key=%s", redact_key));
	if (o->kubeconfig)
		words_take(&w, xasprintf("--kubeconfig=%s", o->kubeconfig));
	if (o->context)
		words_take(&w, xasprintf("--context=%s", o->context));
	if (o->in_cluster)
		words_add(&w, "--in-cluster");
	for (unsigned i = 0; i < o->namespaces.n; i++)
		words_take(&w, xasprintf("--watch-namespaces=%s", o->namespaces.words[i]));
	if (once_start(command, &w, -1, fd, -1, &watcher) < 0)
		return -ENOENT;
	return once_wait(watcher) == 0 ? 0 : -EIO;
}

/* Line numbers of a dump are useless as origins: the user has never seen that file. */
static void set_origins(struct world_objects *w)
{
	struct state *named = state_new();
	struct item *i;

	for (size_t pos = 0; (i = state_next(w->objects, &pos));)
		(void)state_put(named, item_new(i->kind, item_key(i), i->key_len,
						i->meta_len ? ORIGIN_LIVE : "",
						i->meta_len ? strlen(ORIGIN_LIVE) : 0,
						item_value(i), i->value_len));
	state_commit(named, state_source(w->objects));
	state_free(w->objects);
	w->objects = named;
}

int world_read_text(const char *command, const struct world_options *o, int fd,
		    struct world_objects *ret)
{
	static const char *const standard_input[] = { "-" };

	*ret = (struct world_objects){ state_new(), state_new() };
	return read_manifests(command, o, standard_input, 1, fd, ret);
}

static int read_cluster(const char *command, const struct world_options *o,
			struct world_objects *ret)
{
	static const char *const standard_input[] = { "-" };
	_cleanup_close_ int dump = memfd_create("dump", MFD_CLOEXEC);
	int r = dump < 0 ? -errno : world_dump(command, o, false, NULL, dump);

	if (r == 0 && lseek(dump, 0, SEEK_SET) < 0)
		r = -errno;
	if (r < 0) {
		(void)fprintf(stderr, "portolan %s: the cluster could not be read\n", command);
		return r;
	}
	r = read_manifests(command, o, standard_input, 1, dump, ret);
	if (r == 0)
		set_origins(ret);
	return r;
}

/* The translator that runs may serve other classes than one that is started without options. */
static void take_options(const char *command, const char *dir)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct json_object *answer = NULL, *list;
	struct words w = { 0 };

	if (question_ask_stage(command, dir, "translator", "/debug/status", "", &text) == 0)
		answer = json_tokener_parse(strbuf_str(&text));
	list = json_member(answer, "options");
	for (size_t i = 0; i < json_length(list); i++)
		words_add(&w, json_object_get_string(json_object_array_get_idx(list, i)));
	stage_options_take(w.v, w.n);
	words_done(&w);
	json_object_put(answer);
}

static int read_live(const char *command, const struct world_options *o, struct world_objects *ret)
{
	_cleanup_free_ char *dir = NULL;

	if (is_cluster(o))
		return read_cluster(command, o, ret);
	dir = running_find(command, o->runtime_dir);
	if (!dir)
		return -ENOENT;
	if (o->as_running)
		take_options(command, dir);
	return live_objects(command, dir, ret->objects);
}

/* ---- recordings ---- */

static void copy_objects(struct state *to, const struct state *from)
{
	struct item *i;

	for (size_t pos = 0; (i = state_next(from, &pos));)
		(void)state_put(to, item_ref(i));
}

static int read_recording(const char *command, const struct world_options *o,
			  const char *const *paths, size_t n, struct world_objects *ret)
{
	struct recording_moment moment;
	struct recorded_world world;
	char why[FRAME_REASON_MAX];
	int r;

	(void)recording_moment_parse(o->at ? o->at : "end", &moment);
	r = recorded_world_open(&world, paths, n, why);
	if (r < 0)
		(void)fprintf(stderr, "portolan %s: %s\n", command, why);
	else if ((r = recorded_world_go_to(&world, &moment)) < 0)
		(void)fprintf(stderr, "portolan %s: cannot read the recording: %s\n", command,
			      r == -ENODATA ? "it holds no complete world" : strerror(-r));
	if (r >= 0) {
		recorded_world_say(&world);
		copy_objects(ret->objects, world.mirror);
		state_commit(ret->objects, state_source(world.mirror));
	}
	recorded_world_close(&world);
	return r < 0 ? r : 0;
}

/* ---- any world ---- */

bool world_is_live(const char *const *paths, size_t n)
{
	return n == 1 && strcmp(paths[0], WORLD_LIVE) == 0;
}

bool world_is_recording(const char *const *paths, size_t n)
{
	_cleanup_close_ int fd = n ? open(paths[0], O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	char head[sizeof(RECORDING_MAGIC) - 1];

	return fd >= 0 && read(fd, head, sizeof(head)) == (ssize_t)sizeof(head) &&
	       memcmp(head, RECORDING_MAGIC, sizeof(head)) == 0;
}

int world_read(const char *command, const struct world_options *o, const char *const *paths,
	       size_t n, struct world_objects *ret)
{
	*ret = (struct world_objects){ state_new(), state_new() };
	if (world_is_live(paths, n))
		return read_live(command, o, ret);
	if (world_is_recording(paths, n))
		return read_recording(command, o, paths, n, ret);
	return read_manifests(command, o, paths, n, -1, ret);
}

/* ---- the certificate that a running watcher makes ---- */

static bool wants_certificate(const struct world_objects *w)
{
	const struct item *i = state_get(w->objects, OBJECT_CONTOUR_CONFIGURATION,
					 CONFIGURATION_KEY, strlen(CONFIGURATION_KEY));
	K8s__ContourConfiguration *c =
		i ? k8s__contour_configuration__unpack(NULL, i->value_len, item_value(i)) : NULL;
	const K8s__ConfigPortolan *p = c && c->spec ? c->spec->portolan : NULL;
	const K8s__ConfigIngressNginx *nginx = p ? p->ingress_nginx : NULL;
	bool enabled = stage_option_given("ingress-nginx") || (nginx && nginx->enabled);
	bool named = nginx && *nginx->default_ssl_certificate;

	if (c)
		k8s__contour_configuration__free_unpacked(c, NULL);
	return enabled && !named;
}

/* A watcher that reads a document without content: it notes that, and makes the certificate. */
static void make_certificate(const char *command, const struct world_options *o, struct state *into)
{
	static const char nothing[] = "{}\n";
	_cleanup_close_ int in = memfd_create("nothing", MFD_CLOEXEC);
	struct words w = { 0 };
	pid_t watcher = 0;
	int ends[2];

	if (in < 0 || write(in, nothing, strlen(nothing)) < 0 || lseek(in, 0, SEEK_SET) < 0 ||
	    once_words("portolan-watcher", o->log_level, &w) < 0)
		return;
	words_add(&w, "--write-stream=-");
	words_add(&w, "--write-notes=/dev/null");
	words_add(&w, "--ingress-nginx");
	words_add(&w, "--stand-in");
	words_add(&w, "--manifests=-");
	if (pipe2(ends, O_CLOEXEC) < 0) {
		words_done(&w);
		return;
	}
	(void)once_start(command, &w, in, ends[1], -1, &watcher);
	(void)close(ends[1]);
	read_states(ends[0], into);
	(void)close(ends[0]);
	(void)once_wait(watcher);
}

void world_add_certificate(const char *command, const struct world_options *o,
			   struct world_objects *world, const struct world_objects *like)
{
	_cleanup_(state_freep) struct state *made = state_new();
	struct item *i = state_get(world->objects, OBJECT_SECRET, OWN_CERTIFICATE_KEY,
				   strlen(OWN_CERTIFICATE_KEY));

	if (i || !wants_certificate(world))
		return;
	if (like)
		i = state_get(like->objects, OBJECT_SECRET, OWN_CERTIFICATE_KEY,
			      strlen(OWN_CERTIFICATE_KEY));
	if (!i) {
		make_certificate(command, o, made);
		i = state_get(made, OBJECT_SECRET, OWN_CERTIFICATE_KEY,
			      strlen(OWN_CERTIFICATE_KEY));
	}
	if (!i)
		return;
	(void)state_put(world->objects, item_ref(i));
	state_commit(world->objects, state_source(world->objects) + 1);
}

void world_overlay(struct world_objects *base, const struct world_objects *over)
{
	copy_objects(base->objects, over->objects);
	copy_objects(base->notes, over->notes);
	state_commit(base->objects, state_source(base->objects) + 1);
	state_commit(base->notes, state_source(base->notes) + 1);
}

/* ---- a translator ---- */

static int read_text(int fd, struct strbuf *ret)
{
	ssize_t n;

	while ((n = read(fd, strbuf_room(ret, 65536), 65536)) > 0 || (n < 0 && errno == EINTR))
		if (n > 0) {
			ret->len += (size_t)n;
			ret->s[ret->len] = '\0';
		}
	return n < 0 ? -errno : 0;
}

static int start_translator(const char *command, const struct world_options *o,
			    const char *question, const int fds[3], pid_t *ret)
{
	struct words w = { 0 };

	if (once_words("portolan-translator", o->log_level, &w) < 0)
		return -ENOENT;
	words_add(&w, "--read-stream=-");
	words_take(&w, xasprintf("--write-statuses=/dev/fd/%d", ONCE_STATUSES_FD));
	words_take(&w, xasprintf("--explain=%s", question));
	stage_options_pass(&w, FOR_TRANSLATOR);
	return once_start(command, &w, fds[0], fds[1], fds[2], ret);
}

static int write_objects(struct state *objects, int fd)
{
	_cleanup_(frame_writer_freep) struct frame_writer *writer = NULL;
	int r = frame_writer_new(fd, "watcher", objects, &writer);

	return r < 0 ? r : frame_writer_write(writer);
}

static void read_statuses(int fd, struct state *into)
{
	_cleanup_(frame_reader_freep) struct frame_reader *reader =
		frame_reader_new(fd, "translator", into);

	while (frame_reader_next(reader) > 0)
		;
}

/* The translator reads all objects before it writes anything; its statuses go through a file in
 * memory. */
int world_translate(const char *command, const struct world_options *o, struct state *objects,
		    const char *question, struct state **ret_statuses, struct json_object **ret)
{
	_cleanup_close_ int reported = memfd_create("statuses", MFD_CLOEXEC);
	_cleanup_(state_freep) struct state *statuses = state_new();
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct json_object *answer;
	pid_t translator = 0;
	int in[2], out[2], r;

	if (reported < 0 || pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0) {
		(void)fprintf(stderr, "portolan %s: no pipe: %m\n", command);
		return -EMFILE;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	r = start_translator(command, o, question, (int[]){ in[0], out[1], reported }, &translator);
	(void)close(in[0]);
	(void)close(out[1]);
	if (r >= 0)
		r = write_objects(objects, in[1]);
	(void)close(in[1]);
	if (r >= 0)
		r = read_text(out[0], &text);
	(void)close(out[0]);
	(void)once_wait(translator);
	answer = json_tokener_parse(strbuf_str(&text));
	if (r < 0 || !json_object_is_type(answer, json_type_object)) {
		(void)fprintf(stderr, "portolan %s: the translator gave no answer\n", command);
		json_object_put(answer);
		return r < 0 ? r : -EIO;
	}
	if (lseek(reported, 0, SEEK_SET) == 0)
		read_statuses(reported, statuses);
	*ret_statuses = TAKE_PTR(statuses);
	*ret = answer;
	return 0;
}
