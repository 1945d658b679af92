/* portolan record: becomes the recorder. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "portolan/commands.h"
#include "portolan/program.h"

int cmd_record(const struct command *c _unused_, int argc _unused_, char **argv)
{
	_cleanup_free_ char *path = program_find("portolan-recorder");

	if (!path)
		return EXIT_FAILURE;
	argv[0] = path;
	(void)execv(path, argv);
	(void)fprintf(stderr, "portolan record: cannot execute %s: %m\n", path);
	return EXIT_FAILURE;
}
