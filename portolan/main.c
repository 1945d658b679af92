/* portolan: the command for people. Each subcommand is in a file of its own, cmd-NAME.c. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/core-dump.h"
#include "common/base/log.h"
#include "common/base/options.h"
#include "common/base/spelling.h"
#include "common/base/text-stream.h"
#include "portolan/commands.h"

static int cmd_help(const struct command *c, int argc, char **argv);

const struct command commands[] = {
	{ "run", "[OPTION…]", "start everything here: all stages, and Envoy if asked", cmd_run },
	{ "status", "[OPTION…] [KIND/NAMESPACE/NAME]",
	  "show what the stages do, or what became of an object", cmd_status },
	{ "routes", "[OPTION…]", "list all hosts and routes, and how ready what they go to is",
	  cmd_routes },
	{ "graph", "[OPTION…] HOST | KIND/NAMESPACE/NAME",
	  "draw what a host is made of, or what an object makes", cmd_graph },
	{ "explain", "[OPTION…] URL | KIND/NAMESPACE/NAME",
	  "say what a request meets and why, or what an object has made", cmd_explain },
	{ "translate", "[OPTION…] FILE…", "translate objects in files, without running anything",
	  cmd_translate },
	{ "diff", "--against live|FILE… [OPTION…] MANIFESTS…",
	  "say what would change for clients, and whether something gets worse", cmd_diff },
	{ "wait", "[OPTION…] KIND/NAMESPACE/NAME | --all",
	  "wait until all Envoys have accepted what an object makes, or say what holds it",
	  cmd_wait },
	{ "dump", "[OPTION…] -o FILE|DIR", "write all that Portolan reads of a cluster into files",
	  cmd_dump },
	{ "migrate", "[OPTION…] live|FILE…",
	  "say what becomes of the objects of Contour or ingress-nginx", cmd_migrate },
	{ "config", "check FILE | example",
	  "say what is wrong with a configuration file, or print one with every key", cmd_config },
	{ "bootstrap", "[OPTION…] [FILE]", "write Envoy's bootstrap", cmd_bootstrap },
	{ "certgen", "[OPTION…]", "make and renew the certificates of xds-server and Envoys",
	  cmd_certgen },
	{ "envoy", "shutdown [OPTION…]", "drain an Envoy before it is ended", cmd_envoy },
	{ "health", "[OPTION…] STAGE", "ask one stage whether it is well, for probes", cmd_health },
	{ "record", "[OPTION…] FILE", "record what the watcher sees, beside what runs",
	  cmd_record },
	{ "inspect", "[OPTION…] FILE…", "show what is in a recording", cmd_inspect },
	{ "replay", "[OPTION…] FILE…", "run everything on a recording, Envoy too if asked",
	  cmd_replay },
	{ "at", "[OPTION…] FILE… MOMENT",
	  "show resources and statuses at a moment of a recording, or what changed since", cmd_at },
	{ "example", "[OPTION…] HOST ADDRESS:PORT", "write the objects for a first try",
	  cmd_example },
	{ "completion", "bash|zsh|fish", "write completion for a shell", cmd_completion },
	{ "metrics", "[OPTION…]", "list the metrics that the stages have", cmd_metrics },
	{ "xds", "[OPTION…] TYPE [NAME…]", "ask xds-server for resources, as an Envoy does",
	  cmd_xds },
	{ "version", "", "show the version", cmd_version },
	{ "help", "[COMMAND]", "show this, or the options of a command", cmd_help },
};
const size_t n_commands = ARRAY_SIZE(commands);

static void print_commands(FILE *to)
{
	(void)fprintf(
		to,
		"Usage: portolan COMMAND [OPTION…]\n\n"
		"Portolan configures Envoy by Kubernetes objects, from a cluster or from files.\n\n"
		"Commands:\n");
	for (size_t i = 0; i < n_commands; i++)
		(void)fprintf(to, "  %-11s %s\n", commands[i].name, commands[i].summary);
	(void)fprintf(to, "\nportolan COMMAND --help shows a command's options.\n");
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < n_commands; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static int run(const struct command *c, int argc, char **argv)
{
	_cleanup_free_ char *name = xasprintf("portolan %s", c->name);

	argv[0] = name;
	return c->run(c, argc, argv);
}

static int unknown(const char *name)
{
	struct spelling s;

	spelling_init(&s, name, strlen(name));
	for (size_t i = 0; i < n_commands; i++)
		spelling_try(&s, commands[i].name);
	(void)fprintf(stderr, "portolan: there is no command \"%s\"", name);
	if (s.best)
		(void)fprintf(stderr, "; did you mean \"%s\"?\n", s.best);
	else
		(void)fprintf(stderr, "; portolan help lists them\n");
	return EXIT_USAGE;
}

static int cmd_help(const struct command *self _unused_, int argc, char **argv)
{
	char option[] = "--help", *words[] = { NULL, option, NULL };
	const struct command *c;

	if (argc < 2 || argv[1][0] == '-') {
		print_commands(stdout);
		return EXIT_SUCCESS;
	}
	c = find(argv[1]);
	if (!c)
		return unknown(argv[1]);
	return run(c, 2, words);
}

int command_parse(const struct command *c, int argc, char **argv, const struct option_row *rows,
		  const char *description, int max_words, int *ret_exit)
{
	_cleanup_free_ char *usage = xasprintf("portolan %s %s", c->name, c->words);
	int at = options_parse(argc, argv, rows, usage, description, ret_exit);
	_cleanup_free_ char *why = NULL;

	if (at < 0 || argc - at <= max_words)
		return at;
	why = xasprintf("unexpected word \"%s\"", argv[at + max_words]);
	*ret_exit = command_misused(c, why);
	return -1;
}

int command_misused(const struct command *c, const char *why)
{
	(void)fprintf(stderr, "portolan %s: %s (--help says more)\n", c->name, why);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	const struct command *c;
	const char *name;

	text_streams_init();
	log_init("portolan");
	core_dump_forbid();
	if (argc < 2) {
		print_commands(stderr);
		return EXIT_USAGE;
	}
	name = argv[1];
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		name = "help";
	else if (strcmp(name, "--version") == 0)
		name = "version";
	c = find(name);
	return c ? run(c, argc - 1, argv + 1) : unknown(name);
}
