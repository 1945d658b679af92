/* Only in builds of the tests: a stage tries to get out of its sandbox when /debug/break-out asks
 * it to. */
#pragma once

#include "common/daemon/daemon.h"

void break_out_page(struct daemon *d);
