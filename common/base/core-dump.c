/* No core dumps. */
#include <sys/prctl.h>

#include "common/base/core-dump.h"
#include "common/base/sanitized.h"

void core_dump_forbid(void)
{
#ifndef SANITIZED
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}
