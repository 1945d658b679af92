/* portolan certgen: becomes portolan-certgen, which alone may write Secrets. */
#include "common/base/cleanup.h"
#include "portolan/commands.h"
#include "portolan/program.h"

int cmd_certgen(const struct command *c, int argc _unused_, char **argv)
{
	return program_become(c->name, "portolan-certgen", argv);
}
