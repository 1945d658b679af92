/* portolan version */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/options.h"
#include "portolan/commands.h"

int cmd_version(const struct command *c, int argc, char **argv)
{
	static const struct option_row options[] = { { 0 } };
	int exit_code;

	if (command_parse(c, argc, argv, options, "Shows the version.", 0, &exit_code) < 0)
		return exit_code;
	(void)printf("portolan %s\n", PACKAGE_VERSION);
	return EXIT_SUCCESS;
}
