/* portolan config: the configuration file, without anything running. */
#include <stdio.h>
#include <string.h>

#include "common/base/options.h"
#include "common/configuration/configuration-example.h"
#include "common/configuration/configuration-file.h"
#include "portolan/commands.h"

static const struct option_row options[] = {
	{ 0 },
};

static int check(const char *path)
{
	_cleanup_(configuration_file_freep) struct configuration_file *file = NULL;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	const struct decode_problem *problems;
	bool good;
	size_t n;
	int r = configuration_file_load(path, &file);

	if (r < 0) {
		(void)fprintf(stderr, "portolan config: cannot read %s: %s\n", path, strerror(-r));
		return EXIT_FAILURE;
	}
	problems = configuration_file_problems(file, &n);
	for (size_t i = 0; i < n; i++) {
		strbuf_puts(&out, problems[i].error ? "" : "warning: ");
		decode_problem_print(&out, path, 0, &problems[i]);
		strbuf_putc(&out, '\n');
	}
	good = configuration_file_object(file, &n);
	(void)fprintf(stderr, "%s", strbuf_str(&out));
	if (good)
		(void)printf("%s can be used\n", path);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int example(void)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	configuration_example(&out);
	return fputs(strbuf_str(&out), stdout) >= 0 && fflush(stdout) == 0 ? EXIT_SUCCESS
									   : EXIT_FAILURE;
}

int cmd_config(const struct command *c, int argc, char **argv)
{
	int exit_code,
		at = command_parse(
			c, argc, argv, options,
			"check says for each problem in the file the line, the key, and what "
			"is wrong. Exits 0 if the file can be\nused, 1 if it would be refused. "
			"example prints a file with every key, commented out.",
			2, &exit_code);

	if (at < 0)
		return exit_code;
	if (argc - at == 1 && strcmp(argv[at], "example") == 0)
		return example();
	if (argc - at != 2 || strcmp(argv[at], "check") != 0)
		return command_misused(c, "portolan config check FILE, or portolan config example");
	return check(argv[at + 1]);
}
