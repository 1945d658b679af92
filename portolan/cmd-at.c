/* portolan at: reads a recording up to a moment and lets the translator say what that made. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/frame.h"
#include "common/options.h"
#include "portolan/commands.h"
#include "portolan/once.h"
#include "portolan/recorded-world.h"
#include "portolan/stage-options.h"

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

/* ---- the translator ---- */

static int start_translator(int in, pid_t *ret)
{
	struct words w = { 0 };

	if (once_words("portolan-translator", arg_log_level, &w) < 0)
		return -ENOENT;
	words_add(&w, "--read-stream=-");
	words_take(&w, xasprintf("--%s=%s", arg_diff ? "print-changes" : "print", arg_print));
	if (arg_full)
		words_add(&w, "--full");
	stage_options_pass(&w, FOR_TRANSLATOR);
	return once_start("at", &w, in, -1, -1, ret);
}

static int fail(int r, const char *doing)
{
	(void)fprintf(stderr, "portolan at: %s: %s\n", doing,
		      r == -ENODATA ? "it holds no complete world" : strerror(-r));
	return r;
}

static int write_worlds(struct recorded_world *p, const struct recording_moment moments[2], int fd)
{
	_cleanup_(frame_writer_freep) struct frame_writer *writer = NULL;
	int r = frame_writer_new(fd, "watcher", p->mirror, &writer);

	for (unsigned i = 0; i < (arg_diff ? 2 : 1) && r >= 0; i++) {
		r = recorded_world_go_to(p, &moments[i]);
		if (r < 0)
			return fail(r, "cannot read the recording");
		recorded_world_say(p);
		r = frame_writer_write(writer);
	}
	return r < 0 ? fail(r, "cannot write to the translator") : 0;
}

static int show(struct recorded_world *p, const struct recording_moment moments[2])
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
	/* 1: that an object is rejected is an answer, not an error. */
	return once_wait(pid) <= 1 && r >= 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int at_moment(const char *const *paths, size_t n, const struct recording_moment moments[2])
{
	struct recorded_world world;
	char why[FRAME_REASON_MAX];
	int r = EXIT_FAILURE;

	if (recorded_world_open(&world, paths, n, why) < 0)
		(void)fprintf(stderr, "portolan at: %s\n", why);
	else
		r = show(&world, moments);
	recorded_world_close(&world);
	return r;
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
