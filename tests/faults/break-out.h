/* For builds of the tests only: a stage tries to get out of its sandbox when /debug/break-out asks it to. */
#pragma once

#include "common/daemon.h"

void break_out_page(struct daemon *d);
