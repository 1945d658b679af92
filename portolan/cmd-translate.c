/* portolan translate: the two stages' --once modes in sequence; no stage has to run. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/options.h"
#include "common/link/frame-stream.h"
#include "portolan/commands.h"
#include "portolan/diagnostics.h"
#include "portolan/once.h"
#include "portolan/stage-options.h"

static const char *arg_print = "yaml", *arg_log_level = "warning", *arg_config;
static bool arg_quiet, arg_strict;

static const struct option_row own_options[] = {
	{ "config", 0, OPTION_STRING, &arg_config, "FILE", "Portolan's configuration" },
	{ "print", 0, OPTION_STRING, &arg_print, "FORMAT", "yaml or json (default: yaml)" },
	{ "quiet", 'q', OPTION_FLAG, &arg_quiet, NULL,
	  "do not write on standard error what became of the objects" },
	{ "strict", 0, OPTION_FLAG, &arg_strict, NULL, "exit 1 for warnings, too" },
	{ "log-level", 0, OPTION_STRING, &arg_log_level, "LEVEL",
	  "debug, info, warning or error (default: warning)" },
};

static int start_watcher(char **files, int out, int notes, pid_t *ret)
{
	struct words w = { 0 };

	if (once_words("portolan-watcher", arg_log_level, &w) < 0)
		return -ENOENT;
	words_add(&w, "--write-stream=-");
	words_take(&w, xasprintf("--write-notes=/dev/fd/%d", ONCE_STATUSES_FD));
	if (arg_config)
		words_take(&w, xasprintf("--config=%s", arg_config));
	for (char **f = files; *f; f++)
		words_take(&w, xasprintf("--manifests=%s", *f));
	return once_start("translate", &w, -1, out, notes, ret);
}

static int start_translator(int in, int statuses, pid_t *ret)
{
	struct words w = { 0 };

	if (once_words("portolan-translator", arg_log_level, &w) < 0)
		return -ENOENT;
	words_add(&w, "--read-stream=-");
	words_take(&w, xasprintf("--write-statuses=/dev/fd/%d", ONCE_STATUSES_FD));
	words_take(&w, xasprintf("--print=%s", arg_print));
	stage_options_pass(&w, FOR_TRANSLATOR);
	return once_start("translate", &w, in, -1, statuses, ret);
}

/* Reads a stage's output; the descriptor stays open. */
static void read_states(int fd, const char *role, struct state *into)
{
	_cleanup_(frame_reader_freep) struct frame_reader *reader =
		frame_reader_new(fd, role, into);

	while (frame_reader_next(reader) > 0)
		;
}

/* Prints the verdicts on the objects. Returns whether there is a warning or an error. */
static bool report(const struct state *statuses, const struct state *notes)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct diagnostics_counts counts;

	diagnostics_write(statuses, notes, &out, &counts);
	strbuf_puts(&out, "portolan translate: ");
	diagnostics_summary(&counts, &out);
	if (!arg_quiet)
		(void)fwrite(strbuf_str(&out), 1, out.len, stderr);
	return counts.errors || counts.warnings;
}

/* The notes go through a file in memory: the watcher must not wait for their reader before it has
 * written all objects. The pipes' ends are closed on exec, except those that once_start() passes
 * on. */
static int translate(char **files)
{
	_cleanup_(state_freep) struct state *statuses = state_new(), *notes = state_new();
	_cleanup_close_ int noted = memfd_create("notes", MFD_CLOEXEC);
	int objects[2], reported[2], read_exit, translate_exit;
	pid_t watcher = 0, translator = 0;
	bool any;

	if (noted < 0 || pipe2(objects, O_CLOEXEC) < 0 || pipe2(reported, O_CLOEXEC) < 0) {
		(void)fprintf(stderr, "portolan translate: no pipe: %m\n");
		return EXIT_FAILURE;
	}
	if (start_watcher(files, objects[1], noted, &watcher) == 0)
		(void)start_translator(objects[0], reported[1], &translator);
	(void)close(objects[0]);
	(void)close(objects[1]);
	(void)close(reported[1]);
	read_states(reported[0], "translator", statuses);
	(void)close(reported[0]);
	translate_exit = once_wait(translator);
	read_exit = once_wait(watcher);
	if (lseek(noted, 0, SEEK_SET) == 0)
		read_states(noted, "watcher", notes);
	any = report(statuses, notes);
	if (arg_strict && any && !translate_exit && !read_exit)
		return EXIT_FAILURE;
	return translate_exit > read_exit ? translate_exit : read_exit;
}

int cmd_translate(const struct command *c, int argc, char **argv)
{
	struct option_row options[ARRAY_SIZE(own_options) + STAGE_OPTIONS_MAX + 1] = { 0 };
	int at, exit_code;

	memcpy(options, own_options, sizeof(own_options));
	(void)stage_options_rows(FOR_TRANSLATOR, options + ARRAY_SIZE(own_options));
	at = command_parse(
		c, argc, argv, options,
		"Reads objects from FILEs and directories and prints the resources that Envoy "
		"would get and the\nobjects' statuses; on standard error, what is wrong, as a "
		"compiler says it. Exits 0 if everything\nis served as it says, 1 if something was "
		"rejected or could not be read (--strict: or for any\nwarning), 2 on bad usage.",
		argc, &exit_code);
	if (at < 0)
		return exit_code;
	if (at == argc)
		return command_misused(c, "say which files");
	if (strcmp(arg_print, "yaml") != 0 && strcmp(arg_print, "json") != 0)
		return command_misused(c, "--print: the format is yaml or json");
	return translate(argv + at);
}
