/* Runs a translator over all worlds of a recording and takes its verdicts after each. Both streams
 * go through files in memory, so that neither waits for the other. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/answer/json-print.h"
#include "common/base/alloc.h"
#include "common/link/frame-stream.h"
#include "common/link/frame.h"
#include "common/recording/recording.h"
#include "portolan/once.h"
#include "portolan/recorded-verdicts.h"
#include "portolan/stage-options.h"
#include "portolan/verdicts.h"

struct moment {
	uint64_t source;
	int64_t usec;
};

struct course {
	const char *command;
	struct moment *moments;
	size_t n, cap;
	struct state *statuses;
	struct json_object *pending; /* of the transfer that is being read */
	struct json_object *changes;
	bool begun;
};

/* ---- the worlds ---- */

static int write_worlds(struct course *c, const char *const *paths, size_t n, int fd)
{
	_cleanup_(state_freep) struct state *mirror = state_new();
	_cleanup_(recording_reader_freep) struct recording_reader *reader = NULL;
	_cleanup_(frame_writer_freep) struct frame_writer *writer = NULL;
	char why[FRAME_REASON_MAX];
	int64_t usec;
	int r = recording_reader_new(paths, n, "watcher", mirror, &reader, why);

	if (r < 0) {
		(void)fprintf(stderr, "portolan %s: %s\n", c->command, why);
		return r;
	}
	r = frame_writer_new(fd, "watcher", mirror, &writer);
	while (r >= 0 && (r = recording_reader_next(reader, &usec)) > 0) {
		GROW(c->moments, c->n, c->cap);
		c->moments[c->n++] = (struct moment){ state_source(mirror), usec };
		r = frame_writer_write(writer);
	}
	if (r < 0)
		(void)fprintf(stderr, "portolan %s: cannot replay the recording: %s\n", c->command,
			      strerror(-r));
	return r;
}

/* ---- the verdicts ---- */

static char *words_of(struct item *i)
{
	struct json_object *v = i ? verdict_of(i, NULL) : NULL;
	char *words = v ? verdict_words(v) : xstrdup("");

	json_object_put(v);
	return words;
}

static char *name_of(const struct item *i)
{
	struct json_object *v = verdict_of(i, NULL);
	const char *ns = json_text(v, "namespace");
	char *name = xasprintf("%s %s%s%s", json_text(v, "kind"), ns, *ns ? "/" : "",
			       json_text(v, "name"));

	json_object_put(v);
	return name;
}

static void on_change(void *ctx, struct item *before, struct item *after)
{
	struct course *c = ctx;
	_cleanup_free_ char *was = words_of(before), *is = words_of(after),
			    *name = name_of(after ? after : before);
	struct json_object *o;

	if (strcmp(was, is) == 0)
		return;
	o = json_object_new_object();
	(void)json_object_object_add(o, "object", json_object_new_string(name));
	(void)json_object_object_add(o, "was", json_object_new_string(was));
	(void)json_object_object_add(o, "is", json_object_new_string(is));
	(void)json_object_array_add(c->pending, o);
}

static const struct moment *moment_of(const struct course *c, uint64_t source)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->moments[i].source >= source)
			return &c->moments[i];
	return NULL;
}

static int compare(const void *a, const void *b)
{
	return strcmp(json_text(*(struct json_object *const *)a, "object"),
		      json_text(*(struct json_object *const *)b, "object"));
}

static void on_commit(void *ctx)
{
	struct course *c = ctx;
	const struct moment *m = moment_of(c, state_source(c->statuses));
	struct json_object *all = c->pending;

	c->pending = json_object_new_array();
	json_object_array_sort(all, compare);
	for (size_t i = 0; c->begun && i < json_length(all); i++) {
		struct json_object *o = json_object_array_get_idx(all, i);

		(void)json_object_object_add(o, "usec", json_object_new_int64(m ? m->usec : 0));
		(void)json_object_object_add(o, "world",
					     json_object_new_uint64(state_source(c->statuses)));
		(void)json_object_array_add(c->changes, json_object_get(o));
	}
	c->begun = true;
	json_object_put(all);
}

static int start_translator(const struct course *c, const char *log_level, int in, int statuses,
			    pid_t *ret)
{
	struct words w = { 0 };

	if (once_words("portolan-translator", log_level, &w) < 0)
		return -ENOENT;
	words_add(&w, "--read-stream=-");
	words_add(&w, "--each-world");
	words_take(&w, xasprintf("--write-statuses=/dev/fd/%d", ONCE_STATUSES_FD));
	stage_options_pass(&w, FOR_TRANSLATOR);
	return once_start(c->command, &w, in, -1, statuses, ret);
}

static int read_course(struct course *c, int fd)
{
	_cleanup_(state_freep) struct state *statuses = state_new();
	_cleanup_(frame_reader_freep) struct frame_reader *reader =
		frame_reader_new(fd, "translator", statuses);
	struct state_observer observer = { on_change, on_commit, c, NULL };
	int r;

	c->statuses = statuses;
	c->pending = json_object_new_array();
	state_observe(statuses, &observer);
	while ((r = frame_reader_next(reader)) > 0)
		;
	state_unobserve(statuses, &observer);
	json_object_put(c->pending);
	return r;
}

struct json_object *recorded_verdicts(const char *command, const char *log_level,
				      const char *const *paths, size_t n)
{
	struct course c = { .command = command, .changes = json_object_new_array() };
	_cleanup_close_ int worlds = memfd_create("worlds", MFD_CLOEXEC);
	_cleanup_close_ int reported = memfd_create("statuses", MFD_CLOEXEC);
	pid_t translator = 0;
	int r = worlds < 0 || reported < 0 ? -errno : write_worlds(&c, paths, n, worlds);

	if (r >= 0 && lseek(worlds, 0, SEEK_SET) < 0)
		r = -errno;
	if (r >= 0)
		r = start_translator(&c, log_level, worlds, reported, &translator);
	if (r >= 0)
		(void)once_wait(translator);
	if (r >= 0 && lseek(reported, 0, SEEK_SET) == 0)
		r = read_course(&c, reported);
	free(c.moments);
	if (r >= 0)
		return c.changes;
	json_object_put(c.changes);
	return NULL;
}
