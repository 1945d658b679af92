/* portolan at: reads a recording up to a moment and lets the translator say what that made. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/frame-stream.h"
#include "common/frame.h"
#include "common/options.h"
#include "common/recording-moment.h"
#include "common/recording.h"
#include "portolan/commands.h"
#include "portolan/program.h"
#include "portolan/stage-options.h"

extern char **environ;

static const char *arg_print = "yaml", *arg_diff, *arg_log_level = "warning";
static bool arg_full;

static const struct option_row own_options[] = {
	{ "diff", 0, OPTION_STRING, &arg_diff, "MOMENT",
	  "show what is different then, and which objects made it so" },
	{ "full", 0, OPTION_FLAG, &arg_full, NULL, "with --diff: the changed resources as they were and are" },
	{ "print", 0, OPTION_STRING, &arg_print, "FORMAT", "yaml or json (default: yaml)" },
	{ "log-level", 0, OPTION_STRING, &arg_log_level, "LEVEL",
	  "debug, info, warning or error (default: warning)" },
};

struct place {
	struct recording_reader *reader;
	struct state *mirror;
	int64_t first_usec, usec;
	uint64_t transfers;
};

/* Reads on up to the moment: 0, -ENODATA if there is nothing at all, -errno. */
static int go_to(struct place *p, const struct recording_moment *m)
{
	uint64_t source;
	int64_t usec;
	int r;

	while ((r = recording_reader_peek(p->reader, &usec, &source)) > 0) {
		if (p->transfers && recording_moment_before(m, p->first_usec, usec, source))
			break;
		r = recording_reader_next(p->reader, &usec);
		if (r <= 0)
			break;
		if (!p->transfers++)
			p->first_usec = usec;
		p->usec = usec;
	}
	if (r < 0)
		return r;
	return p->transfers ? 0 : -ENODATA;
}

static void say(const struct place *p)
{
	const struct recording_damage *d = recording_reader_damage(p->reader);
	char time[RECORDING_TIME_SIZE];

	(void)fprintf(stderr, "world %llu of %s (change %llu)\n", (unsigned long long)state_source(p->mirror),
		      recording_time(p->usec, time), (unsigned long long)p->transfers);
	if (d->bad_blocks || d->lost_transfers)
		(void)fprintf(stderr, "the recording is damaged before that: %llu changes are lost\n",
			      (unsigned long long)d->lost_transfers);
}

/* ---- the translator ---- */

static int start_translator(int in, pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	char *path = program_find("portolan-translator");
	struct words w = { 0 };
	int r;

	if (!path)
		return -ENOENT;
	words_take(&w, path);
	words_add(&w, "--once");
	words_add(&w, "--read-stream=-");
	words_take(&w, xasprintf("--%s=%s", arg_diff ? "print-changes" : "print", arg_print));
	if (arg_full)
		words_add(&w, "--full");
	words_take(&w, xasprintf("--log-level=%s", arg_log_level));
	stage_options_pass(&w, FOR_TRANSLATOR);
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	r = posix_spawn(ret, w.v[0], &actions, NULL, w.v, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (r)
		(void)fprintf(stderr, "portolan at: cannot start %s: %s\n", w.v[0], strerror(r));
	words_done(&w);
	return -r;
}

/* 0: a resource or status may be anything; that an object is rejected is an answer, not an error. */
static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_FAILURE;
	return WIFEXITED(status) && WEXITSTATUS(status) <= 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int fail(int r, const char *doing)
{
	(void)fprintf(stderr, "portolan at: %s: %s\n", doing,
		      r == -ENODATA ? "it holds no complete world" : strerror(-r));
	return r;
}

static int write_worlds(struct place *p, const struct recording_moment moments[2], int fd)
{
	_cleanup_(frame_writer_freep) struct frame_writer *writer = NULL;
	int r = frame_writer_new(fd, "watcher", p->mirror, &writer);

	for (unsigned i = 0; i < (arg_diff ? 2 : 1) && r >= 0; i++) {
		r = go_to(p, &moments[i]);
		if (r < 0)
			return fail(r, "cannot read the recording");
		say(p);
		r = frame_writer_write(writer);
	}
	return r < 0 ? fail(r, "cannot write to the translator") : 0;
}

static int show(struct place *p, const struct recording_moment moments[2])
{
	int ends[2], r;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		(void)fprintf(stderr, "portolan at: no pipe: %m\n");
		return EXIT_FAILURE;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	r = start_translator(ends[0], &pid);
	(void)close(ends[0]);
	if (r < 0) {
		(void)close(ends[1]);
		return EXIT_FAILURE;
	}
	r = write_worlds(p, moments, ends[1]);
	(void)close(ends[1]);
	return wait_for(pid) == EXIT_SUCCESS && r >= 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int at_moment(const char *const *paths, size_t n, const struct recording_moment moments[2])
{
	_cleanup_(state_freep) struct state *mirror = state_new();
	_cleanup_(recording_reader_freep) struct recording_reader *reader = NULL;
	struct place p = { .mirror = mirror };
	char why[FRAME_REASON_MAX];

	if (recording_reader_new(paths, n, "watcher", mirror, &reader, why) < 0) {
		(void)fprintf(stderr, "portolan at: %s\n", why);
		return EXIT_FAILURE;
	}
	p.reader = reader;
	return show(&p, moments);
}

int cmd_at(const struct command *c, int argc, char **argv)
{
	struct option_row options[ARRAY_SIZE(own_options) + STAGE_OPTIONS_MAX + 1] = { 0 };
	struct recording_moment moments[2];
	int at, exit_code;

	memcpy(options, own_options, sizeof(own_options));
	(void)stage_options_rows(FOR_TRANSLATOR, options + ARRAY_SIZE(own_options));
	at = command_parse(c, argc, argv, options,
			   "Prints the resources that Envoy had and the objects' statuses at a moment of a "
			   "recording: start, end,\na time (2026-01-31T12:00:00Z), an offset (+90s) or the number "
			   "of a world (portolan inspect --list).\nFILEs are read as one, the oldest first.",
			   argc, &exit_code);
	if (at < 0)
		return exit_code;
	if (argc - at < 2)
		return command_misused(c, "say which recording and which moment");
	if (recording_moment_parse(argv[argc - 1], &moments[0]) < 0 ||
	    (arg_diff && recording_moment_parse(arg_diff, &moments[1]) < 0))
		return command_misused(c, "a moment is start, end, a time (2026-01-31T12:00:00Z), an offset "
					  "(+90s) or a world's number");
	if (arg_full && !arg_diff)
		return command_misused(c, "--full goes with --diff");
	if (strcmp(arg_print, "yaml") != 0 && strcmp(arg_print, "json") != 0)
		return command_misused(c, "--print: the format is yaml or json");
	return at_moment((const char *const *)argv + at, (size_t)(argc - 1 - at), moments);
}
