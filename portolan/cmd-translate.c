/* portolan translate: the two stages' --once modes, one behind the other, without anything running. */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/frame-stream.h"
#include "common/options.h"
#include "common/status-document.h"
#include "portolan/commands.h"
#include "portolan/object-report.h"
#include "portolan/once.h"
#include "portolan/stage-options.h"

static const char *arg_print = "yaml", *arg_log_level = "warning", *arg_config;
static bool arg_quiet;

static const struct option_row own_options[] = {
	{ "config", 0, OPTION_STRING, &arg_config, "FILE", "Portolan's configuration" },
	{ "print", 0, OPTION_STRING, &arg_print, "FORMAT", "yaml or json (default: yaml)" },
	{ "quiet", 'q', OPTION_FLAG, &arg_quiet, NULL,
	  "do not write on standard error what became of the objects" },
	{ "log-level", 0, OPTION_STRING, &arg_log_level, "LEVEL",
	  "debug, info, warning or error (default: warning)" },
};

static int start_watcher(char **files, int out, pid_t *ret)
{
	struct words w = { 0 };

	if (once_words("portolan-watcher", arg_log_level, &w) < 0)
		return -ENOENT;
	words_add(&w, "--write-stream=-");
	if (arg_config)
		words_take(&w, xasprintf("--config=%s", arg_config));
	for (char **f = files; *f; f++)
		words_take(&w, xasprintf("--manifests=%s", *f));
	return once_start("translate", &w, -1, out, -1, ret);
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

static void print_statuses(const struct state *statuses)
{
	_cleanup_strbuf_ struct strbuf json = STRBUF_INIT, out = STRBUF_INIT;
	struct json_object *list;
	struct document d;

	document_init(&d, &json, DOCUMENT_JSON);
	status_document_list(&d, statuses);
	list = json_tokener_parse(strbuf_str(&json));
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *s = json_object_array_get_idx(list, i);

		if (object_report_is_bad(s) || json_object_object_get_ex(s, "problems", NULL))
			object_report_text(s, &out);
	}
	json_object_put(list);
	(void)fwrite(strbuf_str(&out), 1, out.len, stderr);
}

static void read_statuses(int fd)
{
	_cleanup_(state_freep) struct state *statuses = state_new();
	_cleanup_(frame_reader_freep) struct frame_reader *reader =
		frame_reader_new(fd, "translator", statuses);

	while (frame_reader_next(reader) > 0)
		;
	if (!arg_quiet)
		print_statuses(statuses);
}

/* The pipes' ends are closed on exec, but for those that start() gives on. */
static int translate(char **files)
{
	int objects[2], statuses[2], read_exit, translate_exit;
	pid_t watcher = 0, translator = 0;

	if (pipe2(objects, O_CLOEXEC) < 0 || pipe2(statuses, O_CLOEXEC) < 0) {
		(void)fprintf(stderr, "portolan translate: no pipe: %m\n");
		return EXIT_FAILURE;
	}
	if (start_watcher(files, objects[1], &watcher) == 0)
		(void)start_translator(objects[0], statuses[1], &translator);
	(void)close(objects[0]);
	(void)close(objects[1]);
	(void)close(statuses[1]);
	read_statuses(statuses[0]);
	(void)close(statuses[0]);
	translate_exit = once_wait(translator);
	read_exit = once_wait(watcher);
	return translate_exit > read_exit ? translate_exit : read_exit;
}

int cmd_translate(const struct command *c, int argc, char **argv)
{
	struct option_row options[ARRAY_SIZE(own_options) + STAGE_OPTIONS_MAX + 1] = { 0 };
	int at, exit_code;

	memcpy(options, own_options, sizeof(own_options));
	(void)stage_options_rows(FOR_TRANSLATOR, options + ARRAY_SIZE(own_options));
	at = command_parse(c, argc, argv, options,
			   "Reads objects from FILEs and directories and prints the resources that Envoy "
			   "would get and the\nobjects' statuses. Exits 0 if everything is served as it "
			   "says, 1 if something was rejected or\ncould not be read, 2 on bad usage.",
			   argc, &exit_code);
	if (at < 0)
		return exit_code;
	if (at == argc)
		return command_misused(c, "say which files");
	if (strcmp(arg_print, "yaml") != 0 && strcmp(arg_print, "json") != 0)
		return command_misused(c, "--print: the format is yaml or json");
	return translate(argv + at);
}
