/* The objects that the Portolan which runs here holds. */
#pragma once

#include "common/link/state.h"

/* Mirrors the watcher's objects once. dir: its runtime directory. Reports failures on stderr, after
 * the command's name. */
int live_objects(const char *command, const char *dir, struct state *into);
