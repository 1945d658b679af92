/* --once --write-manifests: the objects of an API as a file of manifests. */
#pragma once

#include "watcher/watcher.h"

/* Returns main()'s exit code: 1 if something could not be read or written. */
int manifest_writer_run(const struct watcher_options *o);
