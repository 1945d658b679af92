/* inotify on directories: a call for each event, and one more when all waiting events are handled,
 * so that related changes are read together without waiting. */
#pragma once

#include "common/base/event-loop.h"

struct dir_watch;

struct dir_watch_ops {
	/* name: of the entry; "" for the directory itself. mask: of inotify(7). */
	void (*event)(void *ctx, int wd, uint32_t mask, const char *name);
	/* Events were lost: everything has to be looked at again. */
	void (*lost)(void *ctx);
	/* No more events for now. */
	void (*idle)(void *ctx);
};

/* -errno of inotify_init1(2): EMFILE means fs.inotify.max_user_instances. */
int dir_watch_new(struct event_loop *loop, const struct dir_watch_ops *ops, void *ctx,
		  struct dir_watch **ret);
void dir_watch_free(struct dir_watch *w);
DEFINE_CLEANUP(struct dir_watch *, dir_watch_free)

/* A watch descriptor, the same one for the same directory. -ENOSPC means
 * fs.inotify.max_user_watches. */
int dir_watch_add(struct dir_watch *w, const char *path);
void dir_watch_remove(struct dir_watch *w, int wd);
/* Handles all events up to now, with the same calls as from the loop. */
void dir_watch_pump(struct dir_watch *w);
