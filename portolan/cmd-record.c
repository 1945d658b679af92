/* portolan record: becomes the recorder. */

#include "common/base/cleanup.h"
#include "portolan/commands.h"
#include "portolan/program.h"

int cmd_record(const struct command *c, int argc _unused_, char **argv)
{
	return program_become(c->name, "portolan-recorder", argv);
}
