/* Core dumps hold all that a process has in memory, private keys among it. */
#pragma once

/* No core dump of this process is written, and no other process of this user may read its memory
 * (prctl(2), PR_SET_DUMPABLE). Ends with the next exec. Does nothing in a build with
 * AddressSanitizer, whose leak check reads the memory from a second process. */
void core_dump_forbid(void);
