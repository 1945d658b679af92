/* --config FILE: the file becomes the ContourConfiguration that is in force, whatever the sources have. A
 * file that is refused leaves the configuration as it was. */
#pragma once

#include "watcher/store.h"

/* Reads the file, puts its object into the store, and says what is doubtful. -errno if it cannot be read
 * or is refused, which has been logged. */
int configuration_load(struct store *store, const char *path);

/* As a source, which reads it again when it is told to (SIGHUP). */
int configuration_new(struct store *store, const char *path, struct source **ret);
