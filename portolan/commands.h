/* The subcommands of portolan: one row each, in the order in which help shows them. */
#pragma once

#include <stddef.h>

struct command {
	const char *name;
	const char *words;   /* the words after it, for usage */
	const char *summary; /* for the list */
	/* argv[0] is "portolan NAME". Returns the exit code. */
	int (*run)(const struct command *c, int argc, char **argv);
};

extern const struct command commands[];
extern const size_t n_commands;

int cmd_routes(const struct command *c, int argc, char **argv);
int cmd_completion(const struct command *c, int argc, char **argv);
int cmd_example(const struct command *c, int argc, char **argv);
int cmd_graph(const struct command *c, int argc, char **argv);
int cmd_run(const struct command *c, int argc, char **argv);
int cmd_bootstrap(const struct command *c, int argc, char **argv);
int cmd_certgen(const struct command *c, int argc, char **argv);
int cmd_envoy(const struct command *c, int argc, char **argv);
int cmd_translate(const struct command *c, int argc, char **argv);
int cmd_config(const struct command *c, int argc, char **argv);
int cmd_dump(const struct command *c, int argc, char **argv);
int cmd_diff(const struct command *c, int argc, char **argv);
int cmd_explain(const struct command *c, int argc, char **argv);
int cmd_status(const struct command *c, int argc, char **argv);
int cmd_health(const struct command *c, int argc, char **argv);
int cmd_metrics(const struct command *c, int argc, char **argv);
int cmd_migrate(const struct command *c, int argc, char **argv);
int cmd_record(const struct command *c, int argc, char **argv);
int cmd_inspect(const struct command *c, int argc, char **argv);
int cmd_replay(const struct command *c, int argc, char **argv);
int cmd_at(const struct command *c, int argc, char **argv);
int cmd_wait(const struct command *c, int argc, char **argv);
int cmd_xds(const struct command *c, int argc, char **argv);
int cmd_version(const struct command *c, int argc, char **argv);

#define EXIT_USAGE 2

struct option_row;
/* options_parse() with the command's usage. Returns the index of the first word, or -1 with the
 * exit code in *ret_exit. More words than max_words are bad usage. */
int command_parse(const struct command *c, int argc, char **argv, const struct option_row *rows,
		  const char *description, int max_words, int *ret_exit);
/* Bad usage: one sentence on stderr. Returns EXIT_USAGE. */
int command_misused(const struct command *c, const char *why);
