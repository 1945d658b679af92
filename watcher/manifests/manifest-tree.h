/* The directories and files under the given paths, as last seen. */
#pragma once

#include "common/base/hashmap.h"
#include "watcher/manifests/dir-watch.h"
#include "watcher/manifests/manifest-file.h"

/* A file that vanishes keeps its objects for this long: editors and version control move or unlink
 * a file before they write it anew, and its objects must not be withdrawn in between. */
#define MANIFEST_GRACE_USEC (100 * 1000)
/* The same for one that has been created and is not closed yet. */
#define MANIFEST_WRITE_GRACE_USEC (2 * 1000 * 1000)
#define MANIFEST_DEPTH_MAX        32

struct manifest_dir {
	char *path;
	const char *name; /* the last part of path */
	unsigned root;
	unsigned depth;
	struct manifest_dir *parent;
	struct manifest_dir *children, *next;
	struct manifest_file *files;
	dev_t dev;
	ino_t ino;
	int wd;         /* -1: not watched */
	bool links;     /* some of its entries are symbolic links */
	bool dirty;     /* to be scanned */
	bool failed;    /* could not be, for a reason that may pass */
	bool noted;     /* that it could not be */
	bool met;       /* by the present scan of its parent */
	bool elsewhere; /* watched already, under another path: not read again */
	bool lost;      /* its volume is gone: its content stays */
};

struct manifest_tree {
	struct manifest_reader *reader;
	struct dir_watch *watch; /* NULL: changes are not noticed */
	struct hashmap files;    /* by path */
	struct hashmap by_wd;    /* directories */
	struct manifest_file **dirty, **gone;
	size_t n_dirty, cap_dirty, n_gone, cap_gone;
	struct manifest_dir **dirty_dirs;
	size_t n_dirty_dirs, cap_dirty_dirs;
	size_t n_dirs, unwatched;
	size_t n_lost;   /* directories on a lost volume */
	size_t failed;   /* files and directories to try again */
	int watch_error; /* why some are not watched */
	/* Whether the watch has another user, so that it stays. */
	bool (*watch_wanted)(void *ctx, int wd);
	/* A root is missing: its content is kept. */
	bool (*root_missing)(void *ctx, unsigned root);
	void *ctx;
};

void tree_init(struct manifest_tree *t);
/* Objects stay in the store. */
void tree_done(struct manifest_tree *t);

/* Watches and reads a directory and all below it. */
struct manifest_dir *tree_add_dir(struct manifest_tree *t, struct manifest_dir *parent,
				  unsigned root, const char *path, const struct stat *st);
/* keep: its files will be found again; else they are gone. */
void tree_remove_dir(struct manifest_tree *t, struct manifest_dir *d, bool keep);
/* Compares it with the directory's present content; deep: also the directories below. */
void tree_scan(struct manifest_tree *t, struct manifest_dir *d, bool deep);
/* One entry of a directory, by name, has come, gone or changed. */
void tree_check_child(struct manifest_tree *t, struct manifest_dir *d, const char *name);

/* Another file system (st) is here now, and an empty one: the volume was unmounted, and the mount
 * point shows. Its earlier content stays until files appear again. */
bool tree_volume_is_gone(struct manifest_tree *t, struct manifest_dir *d, const struct stat *st);
/* One line for each such directory at and below d. */
void tree_lost_volumes(const struct manifest_dir *d, struct strbuf *out);

/* The caller frees it. */
char *tree_path(const struct manifest_dir *d, const char *name);
struct manifest_file *tree_get_file(struct manifest_tree *t, const struct manifest_dir *d,
				    const char *name);
/* Makes it known. */
struct manifest_file *tree_add_file(struct manifest_tree *t, struct manifest_dir *d, unsigned root,
				    const char *path);
/* To be read, or scanned, in the next tree_read(). */
void tree_mark(struct manifest_tree *t, struct manifest_file *f);
void tree_mark_dir(struct manifest_tree *t, struct manifest_dir *d);
/* It is missing: its time runs. It is not read before a new event. */
void tree_vanished(struct manifest_tree *t, struct manifest_file *f, int64_t grace_usec);
/* The files under a root that were kept when a directory went and that were not found again. */
void tree_leave_orphans(struct manifest_tree *t, unsigned root);
/* Reads all marked files and directories, in the order of paths. */
void tree_read(struct manifest_tree *t);
/* Forgets files that are missing for long enough, or (now) missing at all; marks those that exist
 * again. */
void tree_expire(struct manifest_tree *t, bool now);
/* The time until tree_expire() has work; -1: never. */
int64_t tree_next_expiry(const struct manifest_tree *t);
struct manifest_dir *tree_dir_of_watch(const struct manifest_tree *t, int wd);
