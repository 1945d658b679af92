/* portolan xds: becomes portolan-xds-client, which has gRPC. */
#include "common/base/cleanup.h"
#include "portolan/commands.h"
#include "portolan/program.h"

int cmd_xds(const struct command *c, int argc _unused_, char **argv)
{
	return program_become(c->name, "portolan-xds-client", argv);
}
