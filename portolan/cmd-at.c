/* portolan at: reads a recording up to a moment and asks the translator for its output. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/options.h"
#include "common/link/frame.h"
#include "portolan/commands.h"
#include "portolan/once.h"
#include "portolan/recorded-world.h"
#include "portolan/stage-options.h"
#include "portolan/unified-changes.h"

static const char *arg_print = "yaml", *arg_diff, *arg_log_level = "warning";
static bool arg_full, arg_unified;

static const struct option_row own_options[] = {
	{ "diff", 0, OPTION_STRING, &arg_diff, "MOMENT",
	  "show what is different then, and which objects made it so" },
	{ "full", 0, OPTION_FLAG, &arg_full, NULL,
	  "with --diff: the changed resources as they were and are" },
	{ "unified", 'u', OPTION_FLAG, &arg_unified, NULL,
	  "with --diff: the changed resources and statuses as diff -u shows them" },
	{ "print", 0, OPTION_STRING, &arg_print, "FORMAT", "yaml or json (default: yaml)" },
	{ "log-level", 0, OPTION_STRING, &arg_log_level, "LEVEL",
	  "debug, info, warning or error (default: warning)" },
};

/* ---- the translator ---- */

static int start_translator(int in, int out, pid_t *ret)
{
	struct words w = { 0 };

	if (once_words("portolan-translator", arg_log_level, &w) < 0)
		return -ENOENT;
	words_add(&w, "--read-stream=-");
	words_take(&w, xasprintf("--%s=%s", arg_diff ? "print-changes" : "print",
				 arg_unified ? "json" : arg_print));
	if (arg_full || arg_unified)
		words_add(&w, "--full");
	stage_options_pass(&w, FOR_TRANSLATOR);
	return once_start("at", &w, in, out, -1, ret);
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

/* Reads the translator's whole output, to write it in another form. */
static int read_answer(int fd, struct strbuf *ret)
{
	ssize_t n;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	while ((n = read(fd, strbuf_room(ret, 65536), 65536)) > 0) {
		ret->len += (size_t)n;
		ret->s[ret->len] = '\0';
	}
	return n < 0 ? -errno : 0;
}

static int show_unified(int answer)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT, out = STRBUF_INIT;
	struct json_object *changes;
	int r = read_answer(answer, &text);

	changes = r < 0 ? NULL : json_tokener_parse(strbuf_str(&text));
	if (!changes)
		return fail(r < 0 ? r : -EBADMSG, "the translator gave no answer");
	unified_changes(changes, &out);
	json_object_put(changes);
	(void)fwrite(strbuf_str(&out), 1, out.len, stdout);
	return 0;
}

static int show(struct recorded_world *p, const struct recording_moment moments[2])
{
	_cleanup_close_ int answer = arg_unified ? memfd_create("answer", MFD_CLOEXEC) : -1;
	int ends[2], r;
	pid_t pid;

	if ((arg_unified && answer < 0) || pipe2(ends, O_CLOEXEC) < 0) {
		(void)fprintf(stderr, "portolan at: no pipe: %m\n");
		return EXIT_FAILURE;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	r = start_translator(ends[0], answer, &pid);
	(void)close(ends[0]);
	if (r < 0) {
		(void)close(ends[1]);
		return EXIT_FAILURE;
	}
	r = write_worlds(p, moments, ends[1]);
	(void)close(ends[1]);
	/* 1: that an object is rejected is an answer, not an error. */
	if (once_wait(pid) > 1 || r < 0)
		return EXIT_FAILURE;
	return arg_unified && show_unified(answer) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
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
	at = command_parse(
		c, argc, argv, options,
		"Prints the resources that Envoy had and the objects' statuses at a moment of a "
		"recording: start, end,\na time (2026-01-31T12:00:00Z), an offset (+90s) or the "
		"number "
		"of a world (portolan inspect --list).\nFILEs are read as one, the oldest first.",
		argc, &exit_code);
	if (at < 0)
		return exit_code;
	if (argc - at < 2)
		return command_misused(c, "say which recording and which moment");
	if (recording_moment_parse(argv[argc - 1], &moments[0]) < 0 ||
	    (arg_diff && recording_moment_parse(arg_diff, &moments[1]) < 0))
		return command_misused(
			c, "a moment is start, end, a time (2026-01-31T12:00:00Z), an offset "
			   "(+90s) or a world's number");
	if ((arg_full || arg_unified) && !arg_diff)
		return command_misused(c, "--full and --unified go with --diff");
	if (strcmp(arg_print, "yaml") != 0 && strcmp(arg_print, "json") != 0)
		return command_misused(c, "--print: the format is yaml or json");
	return at_moment((const char *const *)argv + at, (size_t)(argc - 1 - at), moments);
}
