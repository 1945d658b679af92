/* portolan-watcher --once: reads all manifests once and writes them as a stream of frames, for the
 * offline pipeline and for checks before a commit. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/log.h"
#include "common/decode/object-kind.h"
#include "common/link/frame-stream.h"
#include "ipc.pb-c.h"
#include "watcher/configuration.h"
#include "watcher/manifest-writer.h"
#include "watcher/manifests/manifests.h"
#include "watcher/own-certificate.h"
#include "watcher/watcher.h"

/* A dump of a whole cluster is one file. */
#define ONCE_FILE_MAX (512u * 1024 * 1024)

#define NOTE_PASSED "passed-over"

enum { EXIT_ALL_READ = 0, EXIT_SOME_UNREADABLE = 1, EXIT_USAGE = 2 };

static int open_stream(const char *path)
{
	int fd;

	if (strcmp(path, "-") == 0)
		return STDOUT_FILENO;
	/* Secrets' data goes in there. */
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
	if (fd < 0)
		return log_error_errno(-errno, "cannot write %s: %m", path);
	return fd;
}

static int write_stream(struct state *state, const char *path)
{
	_cleanup_(frame_writer_freep) struct frame_writer *w = NULL;
	int fd = open_stream(path), r;

	if (fd < 0)
		return fd;
	r = frame_writer_new(fd, "watcher", state, &w);
	if (r >= 0)
		r = frame_writer_write(w);
	if (fd != STDOUT_FILENO && close(fd) < 0 && r >= 0)
		r = -errno;
	if (r < 0)
		return log_error_errno(r, "cannot write the stream to %s: %m", path);
	return 0;
}

static bool is_error(const struct item *note)
{
	Portolan__Ipc__ObjectStatus *s =
		portolan__ipc__object_status__unpack(NULL, note->value_len, item_value(note));
	bool error = false;

	for (size_t i = 0; s && i < s->n_problems; i++)
		error |= s->problems[i]->severity == PORTOLAN__IPC__SEVERITY__SEVERITY_ERROR;
	portolan__ipc__object_status__free_unpacked(s, NULL);
	return error;
}

static bool any_error(const struct state *notes)
{
	const struct item *i;
	size_t pos = 0;

	while ((i = state_next(notes, &pos)))
		if (is_error(i))
			return true;
	return false;
}

/* Adds notes for users who must account for every object of the files: one problem for each unknown
 * kind. Its field is the kind and its group, its message their number. */
static void note_passed(struct store *store, const struct source *source)
{
	Portolan__Ipc__ObjectStatus note = PORTOLAN__IPC__OBJECT_STATUS__INIT;
	_cleanup_(arena_freep) struct arena *a = arena_new(4096);
	struct passed_over sum = { 0 };

	manifests_passed_over(source, &sum);
	note.has_verdict = 1;
	note.verdict = PORTOLAN__IPC__VERDICT__VERDICT_IGNORED;
	note.problems = arena_new_of(a, Portolan__Ipc__Problem *, sum.n + 1);
	for (size_t i = 0; i < sum.n; i++) {
		Portolan__Ipc__Problem *p = arena_new_of(a, Portolan__Ipc__Problem, 1);

		portolan__ipc__problem__init(p);
		p->reason = (char *)"PassedOver";
		p->field = arena_printf(a, "%s%s%s", sum.rows[i].kind,
					*sum.rows[i].group ? "." : "", sum.rows[i].group);
		p->message = arena_printf(a, "%zu", sum.rows[i].n);
		note.problems[note.n_problems++] = p;
	}
	store_note(store, OBJECT_DOCUMENT, NOTE_PASSED, strlen(NOTE_PASSED), &note);
	store_commit(store);
	passed_over_free(&sum);
}

/* The configuration is a file's, or an object among the manifests. */
static void add_certificate(struct store *store)
{
	if (!watcher_options.ingress_nginx && !configuration_serves_nginx(store))
		return;
	if (!configuration_names_certificate(store) && own_certificate_stand_in(store) == 0)
		store_commit(store);
}

static int run(void)
{
	struct manifests_config config = { .paths = watcher_options.manifests.words,
					   .n_paths = watcher_options.manifests.n,
					   .silent = watcher_options.write_notes != NULL,
					   .file_max = ONCE_FILE_MAX };
	_cleanup_(store_freep) struct store *store = store_new();
	struct source *source;
	int r;

	if (watcher_options.config && configuration_load(store, watcher_options.config) < 0)
		return EXIT_SOME_UNREADABLE;
	r = manifests_new(NULL, store, &config, &source);
	if (r < 0)
		return EXIT_SOME_UNREADABLE;
	if (watcher_options.stand_in)
		add_certificate(store);
	r = EXIT_ALL_READ;
	if (any_error(store_notes(store)))
		r = EXIT_SOME_UNREADABLE;
	if (watcher_options.write_stream &&
	    write_stream(store_objects(store), watcher_options.write_stream) < 0)
		r = EXIT_SOME_UNREADABLE;
	if (watcher_options.note_passed)
		note_passed(store, source);
	if (watcher_options.write_notes &&
	    write_stream(store_notes(store), watcher_options.write_notes) < 0)
		r = EXIT_SOME_UNREADABLE;
	source->ops->free(source);
	return r;
}

/* For a reload by systemd, before the signal: checks the file and logs its errors. */
static int check(void)
{
	_cleanup_(store_freep) struct store *store = store_new();

	if (watcher_options.config && configuration_load(store, watcher_options.config) < 0)
		return EX_CONFIG;
	return EXIT_SUCCESS;
}

int watcher_once(void)
{
	if (watcher_options.check)
		return check();
	if (!watcher_options.once && !watcher_options.write_stream &&
	    !watcher_options.write_manifests)
		return -1;
	if (!watcher_options.once) {
		(void)fprintf(stderr, "--write-stream and --write-manifests go with --once\n");
		return EXIT_USAGE;
	}
	if (watcher_options.write_manifests && !watcher_options.manifests.n)
		return manifest_writer_run(&watcher_options);
	if (!watcher_options.manifests.n) {
		(void)fprintf(stderr, "--once needs --manifests PATH\n");
		return EXIT_USAGE;
	}
	return run();
}
