/* portolan envoy: commands for a running Envoy. A separate program does the work; a copy of it also
 * runs in Envoy's container. */
#include <string.h>

#include "common/base/options.h"
#include "portolan/commands.h"
#include "portolan/program.h"

static const struct option_row options[] = {
	{ 0 },
};

int cmd_envoy(const struct command *c, int argc, char **argv)
{
	int exit_code, at;

	if (argc > 1 && strcmp(argv[1], "shutdown") == 0)
		return program_become("envoy", "portolan-envoy-shutdown", argv + 1);
	at = command_parse(c, argc, argv, options,
			   "Takes an Envoy out of service without cutting a request, before it is "
			   "ended.\nportolan envoy shutdown --help shows its options.",
			   0, &exit_code);
	return at < 0 ? exit_code : command_misused(c, "say what: portolan envoy shutdown");
}
