/* inotify on directories: events one by one, and then a call when all that were waiting are through,
 * so that what belongs together is taken in together, without waiting for more. */
#pragma once

#include "common/event-loop.h"

struct dir_watch;

struct dir_watch_ops {
	/* name: of the entry; "" for the directory itself. mask: of inotify(7). */
	void (*event)(void *ctx, int wd, uint32_t mask, const char *name);
	/* Events were lost: everything has to be looked at again. */
	void (*lost)(void *ctx);
	/* There are no more for now. */
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
/* Takes in what has happened up to now, with calls as from the loop. */
void dir_watch_pump(struct dir_watch *w);
