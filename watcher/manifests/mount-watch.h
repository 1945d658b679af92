/* Reports mounts and unmounts at, above or below some paths. inotify does not: a mount over a
 * directory is not an event of that directory. */
#pragma once

#include "common/base/event-loop.h"

struct mount_watch;

/* paths are borrowed. -errno where /proc/self/mountinfo cannot be read. */
int mount_watch_new(struct event_loop *loop, const char *const *paths, size_t n_paths,
		    void (*changed)(void *ctx), void *ctx, struct mount_watch **ret);
void mount_watch_free(struct mount_watch *w);
