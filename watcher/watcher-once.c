/* portolan-watcher --once: reads all manifests once and writes them as a stream of frames, for the
 * offline pipeline and for checks before a commit. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/frame-stream.h"
#include "common/log.h"
#include "ipc.pb-c.h"
#include "watcher/configuration.h"
#include "watcher/manifests.h"
#include "watcher/watcher.h"

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

static int write_stream(struct state *objects, const char *path)
{
	_cleanup_(frame_writer_freep) struct frame_writer *w = NULL;
	int fd = open_stream(path), r;

	if (fd < 0)
		return fd;
	r = frame_writer_new(fd, "watcher", objects, &w);
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

static int run(void)
{
	struct manifests_config config = { .paths = watcher_options.manifests.words,
					   .n_paths = watcher_options.manifests.n };
	_cleanup_(store_freep) struct store *store = store_new();
	struct source *source;
	int r;

	if (watcher_options.config && configuration_load(store, watcher_options.config) < 0)
		return EXIT_SOME_UNREADABLE;
	r = manifests_new(NULL, store, &config, &source);
	if (r < 0)
		return EXIT_SOME_UNREADABLE;
	r = EXIT_ALL_READ;
	if (any_error(store_notes(store)))
		r = EXIT_SOME_UNREADABLE;
	if (watcher_options.write_stream &&
	    write_stream(store_objects(store), watcher_options.write_stream) < 0)
		r = EXIT_SOME_UNREADABLE;
	source->ops->free(source);
	return r;
}

int watcher_once(void)
{
	if (!watcher_options.once && !watcher_options.write_stream)
		return -1;
	if (!watcher_options.once) {
		(void)fprintf(stderr, "--write-stream goes with --once\n");
		return EXIT_USAGE;
	}
	if (!watcher_options.manifests.n) {
		(void)fprintf(stderr, "--once needs --manifests PATH\n");
		return EXIT_USAGE;
	}
	return run();
}
