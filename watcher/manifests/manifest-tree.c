/* The directories and files of manifests. Used by the watcher. */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "watcher/manifests/manifest-tree.h"

static const void *file_key(const void *entry, size_t *ret_len)
{
	const struct manifest_file *f = entry;

	*ret_len = strlen(f->path);
	return f->path;
}

static const void *wd_key(const void *entry, size_t *ret_len)
{
	const struct manifest_dir *d = entry;

	*ret_len = sizeof(d->wd);
	return &d->wd;
}

void tree_init(struct manifest_tree *t)
{
	t->files = HASHMAP_INIT_SMALL(file_key);
	t->by_wd = HASHMAP_INIT(wd_key);
}

void tree_done(struct manifest_tree *t)
{
	struct manifest_file *f;

	HASHMAP_FOREACH (&t->files, f)
		manifest_file_free(f);
	hashmap_done(&t->files);
	hashmap_done(&t->by_wd);
	free(t->dirty);
	free(t->gone);
	free(t->dirty_dirs);
}

static void set_failed(struct manifest_tree *t, bool *flag, bool now)
{
	t->failed += (size_t)now - (size_t)*flag;
	*flag = now;
}

/* ---- files ---- */

char *tree_path(const struct manifest_dir *d, const char *name)
{
	size_t n = strlen(d->path);

	return xasprintf("%s%s%s", d->path, n && d->path[n - 1] == '/' ? "" : "/", name);
}

struct manifest_file *tree_get_file(struct manifest_tree *t, const struct manifest_dir *d,
				    const char *name)
{
	_cleanup_free_ char *path = tree_path(d, name);

	return hashmap_get_str(&t->files, path);
}

static void detach(struct manifest_file *f)
{
	if (!f->dir)
		return;
	*f->prev_in_dir = f->next_in_dir;
	if (f->next_in_dir)
		f->next_in_dir->prev_in_dir = f->prev_in_dir;
	f->dir = NULL;
	f->next_in_dir = NULL;
	f->prev_in_dir = NULL;
}

static void attach(struct manifest_file *f, struct manifest_dir *d)
{
	detach(f);
	f->dir = d;
	f->next_in_dir = d->files;
	f->prev_in_dir = &d->files;
	if (d->files)
		d->files->prev_in_dir = &f->next_in_dir;
	d->files = f;
}

struct manifest_file *tree_add_file(struct manifest_tree *t, struct manifest_dir *d, unsigned root,
				    const char *path)
{
	struct manifest_file *f = hashmap_get_str(&t->files, path);

	if (!f) {
		f = manifest_file_new(path);
		(void)hashmap_put(&t->files, f);
	}
	f->root = root;
	if (d && f->dir != d)
		attach(f, d);
	return f;
}

static void forget(struct manifest_file **list, size_t *n, const struct manifest_file *f)
{
	for (size_t i = 0; i < *n; i++)
		if (list[i] == f) {
			list[i] = list[--*n];
			return;
		}
}

static void drop_file(struct manifest_tree *t, struct manifest_file *f)
{
	if (f->gone_until)
		forget(t->gone, &t->n_gone, f);
	if (f->dirty)
		forget(t->dirty, &t->n_dirty, f);
	set_failed(t, &f->failed, false);
	detach(f);
	(void)hashmap_remove(&t->files, f->path, strlen(f->path));
	manifest_file_withdraw(t->reader, f);
	manifest_file_free(f);
}

void tree_mark(struct manifest_tree *t, struct manifest_file *f)
{
	if (f->dirty)
		return;
	f->dirty = true;
	GROW(t->dirty, t->n_dirty, t->cap_dirty);
	t->dirty[t->n_dirty++] = f;
}

void tree_vanished(struct manifest_tree *t, struct manifest_file *f, int64_t grace_usec)
{
	if (!f->gone_until) {
		GROW(t->gone, t->n_gone, t->cap_gone);
		t->gone[t->n_gone++] = f;
		manifest_file_set_gone(t->reader, f, true);
	}
	if (f->dirty)
		forget(t->dirty, &t->n_dirty, f);
	f->dirty = false;
	f->gone_until = clock_monotonic() + grace_usec;
}

static void is_back(struct manifest_tree *t, struct manifest_file *f)
{
	if (!f->gone_until)
		return;
	forget(t->gone, &t->n_gone, f);
	f->gone_until = 0;
	manifest_file_set_gone(t->reader, f, false);
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp((*(struct manifest_file *const *)a)->path,
		      (*(struct manifest_file *const *)b)->path);
}

void tree_read(struct manifest_tree *t)
{
	while (t->n_dirty_dirs)
		tree_scan(t, t->dirty_dirs[--t->n_dirty_dirs], false);
	if (t->n_dirty > 1)
		qsort(t->dirty, t->n_dirty, sizeof(struct manifest_file *), compare_paths);
	for (size_t i = 0; i < t->n_dirty; i++) {
		struct manifest_file *f = t->dirty[i];
		int r;

		/* No longer marked, so tree_vanished() leaves the list alone. */
		f->dirty = false;
		r = manifest_file_read(t->reader, f);
		set_failed(t, &f->failed, r == -EAGAIN);
		if (r != -ENOENT)
			is_back(t, f);
		else if (!f->gone_until)
			tree_vanished(t, f, MANIFEST_GRACE_USEC);
	}
	t->n_dirty = 0;
}

void tree_leave_orphans(struct manifest_tree *t, unsigned root)
{
	struct manifest_file *f;

	HASHMAP_FOREACH (&t->files, f)
		if (!f->dir && f->root == root && !f->gone_until)
			tree_vanished(t, f, MANIFEST_GRACE_USEC);
}

void tree_expire(struct manifest_tree *t, bool now)
{
	int64_t time = clock_monotonic();

	for (size_t i = 0; i < t->n_gone;) {
		struct manifest_file *f = t->gone[i];

		if (!now && f->gone_until > time) {
			i++;
			continue;
		}
		if (t->root_missing(t->ctx, f->root)) {
			is_back(t, f);
		} else if (!manifest_file_exists(f)) {
			drop_file(t, f);
		} else if (manifest_file_is_being_written(f)) {
			f->gone_until = time + MANIFEST_WRITE_GRACE_USEC;
			i++;
		} else {
			tree_mark(t, f);
			i++;
		}
	}
}

int64_t tree_next_expiry(const struct manifest_tree *t)
{
	int64_t time = clock_monotonic(), next = -1;

	for (size_t i = 0; i < t->n_gone; i++) {
		int64_t left = MAX(t->gone[i]->gone_until - time, 0);

		next = next < 0 ? left : MIN(next, left);
	}
	return next;
}

/* ---- directories ---- */

void tree_mark_dir(struct manifest_tree *t, struct manifest_dir *d)
{
	if (d->dirty)
		return;
	d->dirty = true;
	GROW(t->dirty_dirs, t->n_dirty_dirs, t->cap_dirty_dirs);
	t->dirty_dirs[t->n_dirty_dirs++] = d;
}

struct manifest_dir *tree_dir_of_watch(const struct manifest_tree *t, int wd)
{
	return hashmap_get(&t->by_wd, &wd, sizeof(wd));
}

static bool is_loop(const struct manifest_dir *parent, const struct stat *st)
{
	for (; parent; parent = parent->parent)
		if (parent->dev == st->st_dev && parent->ino == st->st_ino)
			return true;
	return false;
}

static void watch_dir(struct manifest_tree *t, struct manifest_dir *d)
{
	const struct manifest_dir *other;
	int wd;

	if (!t->watch)
		return;
	wd = dir_watch_add(t->watch, d->path);
	if (wd < 0) {
		/* A directory that is gone by now is not a fault of the watch. */
		if (wd != -ENOENT && wd != -ENOTDIR)
			t->watch_error = wd;
		return;
	}
	other = tree_dir_of_watch(t, wd);
	if (other && other != d) {
		log_warning("%s is the same directory as %s, which is read already: not read again",
			    d->path, other->path);
		d->elsewhere = true;
		t->unwatched--;
		return;
	}
	d->wd = wd;
	(void)hashmap_put(&t->by_wd, d);
	t->unwatched--;
}

static void unwatch_dir(struct manifest_tree *t, struct manifest_dir *d)
{
	if (d->wd < 0)
		return;
	(void)hashmap_remove(&t->by_wd, &d->wd, sizeof(d->wd));
	if (!t->watch_wanted(t->ctx, d->wd))
		dir_watch_remove(t->watch, d->wd);
	d->wd = -1;
	t->unwatched++;
}

static bool is_empty(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *e = NULL;

	while (dir && (e = readdir(dir)))
		if (*e->d_name != '.' && strcmp(e->d_name, "lost+found") != 0)
			break;
	if (dir)
		(void)closedir(dir);
	return dir && !e;
}

bool tree_volume_is_gone(struct manifest_tree *t, struct manifest_dir *d, const struct stat *st)
{
	if (st->st_dev == d->dev || !(d->files || d->children))
		return false;
	if (!d->lost) {
		/* Another volume may be mounted there later. Watch first, then look. */
		unwatch_dir(t, d);
		watch_dir(t, d);
	}
	if (!is_empty(d->path))
		return false;
	if (d->lost)
		return true;
	log_warning("the volume at %s is gone, an empty directory is there: what was read there "
		    "stays in use until the volume is back",
		    d->path);
	d->lost = true;
	t->n_lost++;
	return true;
}

void tree_lost_volumes(const struct manifest_dir *d, struct strbuf *out)
{
	if (d->lost)
		strbuf_printf(out,
			      "the volume at %s is gone: what was read there stays in use until it "
			      "is back\n",
			      d->path);
	for (const struct manifest_dir *c = d->children; c; c = c->next)
		tree_lost_volumes(c, out);
}

struct manifest_dir *tree_add_dir(struct manifest_tree *t, struct manifest_dir *parent,
				  unsigned root, const char *path, const struct stat *st)
{
	struct manifest_dir *d = xnew(struct manifest_dir, 1);
	const char *slash;

	d->path = xstrdup(path);
	slash = strrchr(d->path, '/');
	d->name = slash ? slash + 1 : d->path;
	d->root = root;
	d->depth = parent ? parent->depth + 1 : 0;
	d->parent = parent;
	d->dev = st->st_dev;
	d->ino = st->st_ino;
	d->wd = -1;
	d->met = true;
	t->n_dirs++;
	if (parent) {
		d->next = parent->children;
		parent->children = d;
	}
	if (d->depth >= MANIFEST_DEPTH_MAX || is_loop(parent, st)) {
		log_warning("%s is %s: not read", path,
			    d->depth >= MANIFEST_DEPTH_MAX ? "nested too deep"
							   : "a directory inside itself");
		d->elsewhere = true;
		return d;
	}
	t->unwatched++;
	tree_scan(t, d, true);
	return d;
}

/* error 0: it can be read. */
static void note_dir(struct manifest_tree *t, struct manifest_dir *d, int error)
{
	_cleanup_free_ char *message = NULL;

	if (!error && !d->noted)
		return;
	if (error) {
		message = xasprintf("cannot be read: %s", strerror(-error));
		if (!d->noted)
			log_error_errno(error, "cannot read the directory %s: %m", d->path);
	}
	d->noted = error;
	manifest_note(t->reader, d->path, message);
}

void tree_remove_dir(struct manifest_tree *t, struct manifest_dir *d, bool keep)
{
	while (d->children)
		tree_remove_dir(t, d->children, keep);
	while (d->files) {
		struct manifest_file *f = d->files;

		detach(f);
		if (!keep)
			tree_vanished(t, f, MANIFEST_GRACE_USEC);
	}
	if (d->parent) {
		struct manifest_dir **at = &d->parent->children;

		while (*at != d)
			at = &(*at)->next;
		*at = d->next;
	}
	unwatch_dir(t, d);
	t->unwatched -= !d->elsewhere;
	t->n_lost -= d->lost;
	for (size_t i = 0; d->dirty && i < t->n_dirty_dirs; i++)
		if (t->dirty_dirs[i] == d) {
			t->dirty_dirs[i] = t->dirty_dirs[--t->n_dirty_dirs];
			break;
		}
	note_dir(t, d, 0);
	set_failed(t, &d->failed, false);
	t->n_dirs--;
	free(d->path);
	free(d);
}

/* ---- scanning ---- */

static struct manifest_dir *child_of(const struct manifest_dir *d, const char *name)
{
	struct manifest_dir *c = d->children;

	while (c && strcmp(c->name, name) != 0)
		c = c->next;
	return c;
}

static void found_dir(struct manifest_tree *t, struct manifest_dir *d, const char *name,
		      const struct stat *st, bool deep)
{
	struct manifest_dir *c = child_of(d, name);
	_cleanup_free_ char *path = NULL;
	bool another = false;

	if (c && tree_volume_is_gone(t, c, st)) {
		c->met = true;
		return;
	}
	if (c && (c->lost || c->dev != st->st_dev || c->ino != st->st_ino)) {
		/* Another directory under the same name: its files are compared, not treated as
		 * gone. */
		tree_remove_dir(t, c, true);
		c = NULL;
		another = true;
	}
	if (c) {
		c->met = true;
		if (deep)
			tree_scan(t, c, true);
		return;
	}
	path = tree_path(d, name);
	(void)tree_add_dir(t, d, d->root, path, st);
	if (another)
		tree_leave_orphans(t, d->root);
}

static void found_file(struct manifest_tree *t, struct manifest_dir *d, const char *name)
{
	_cleanup_free_ char *path = tree_path(d, name);
	struct manifest_file *f = tree_add_file(t, d, d->root, path);

	f->met = true;
	if (manifest_file_changed(f) != 0)
		tree_mark(t, f);
	else
		is_back(t, f);
}

struct entry {
	char *name;
	unsigned char type; /* of readdir(3) */
};

static void found(struct manifest_tree *t, struct manifest_dir *d, const struct entry *e, int fd,
		  bool deep)
{
	struct stat st;

	if (e->type == DT_REG && !manifest_file_is_name(e->name))
		return;
	if (e->type != DT_REG && fstatat(fd, e->name, &st, 0) < 0)
		return;
	if (e->type != DT_REG && S_ISDIR(st.st_mode))
		found_dir(t, d, e->name, &st, deep);
	else if (manifest_file_is_name(e->name))
		found_file(t, d, e->name);
}

static int compare_entries(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

/* In order, so that the result is deterministic. */
static int list_entries(struct manifest_dir *d, DIR *dir, struct entry **ret, size_t *ret_n)
{
	const struct dirent *e;
	struct entry *list = NULL;
	size_t n = 0, cap = 0;
	int r;

	d->links = false;
	while (errno = 0, (e = readdir(dir))) {
		d->links |= e->d_type == DT_LNK || e->d_type == DT_UNKNOWN;
		if (*e->d_name == '.')
			continue;
		GROW(list, n, cap);
		list[n++] = (struct entry){ xstrdup(e->d_name), e->d_type };
	}
	r = -errno;
	if (n)
		qsort(list, n, sizeof(*list), compare_entries);
	*ret = list;
	*ret_n = n;
	return r;
}

static void leave_unmet(struct manifest_tree *t, struct manifest_dir *d)
{
	struct manifest_dir *c, *next_dir;
	struct manifest_file *f, *next;

	for (c = d->children; c; c = next_dir) {
		next_dir = c->next;
		if (!c->met)
			tree_remove_dir(t, c, false);
	}
	for (f = d->files; f; f = next) {
		next = f->next_in_dir;
		if (!f->met && !f->gone_until)
			tree_vanished(t, f, MANIFEST_GRACE_USEC);
	}
}

void tree_scan(struct manifest_tree *t, struct manifest_dir *d, bool deep)
{
	struct entry *entries = NULL;
	struct stat st;
	size_t n = 0;
	DIR *dir;
	int r;

	d->dirty = false;
	/* Watch first, then read: a change in between is an event. */
	if (d->wd < 0 && !d->elsewhere)
		watch_dir(t, d);
	if (d->elsewhere)
		return;
	if (stat(d->path, &st) == 0 && tree_volume_is_gone(t, d, &st))
		return;
	dir = opendir(d->path);
	r = dir ? list_entries(d, dir, &entries, &n) : -errno;
	set_failed(t, &d->failed, r < 0 && r != -ENOENT && r != -ENOTDIR && r != -EACCES);
	if (r == -ENOENT || r == -ENOTDIR) {
		/* Its parent or its root will get an event. */
	} else if (r < 0) {
		/* Content read before stays: the file may be repaired. */
		note_dir(t, d, r);
	} else {
		note_dir(t, d, 0);
		for (struct manifest_dir *c = d->children; c; c = c->next)
			c->met = false;
		for (struct manifest_file *f = d->files; f; f = f->next_in_dir)
			f->met = false;
		for (size_t i = 0; i < n; i++)
			found(t, d, &entries[i], dirfd(dir), deep);
		leave_unmet(t, d);
	}
	for (size_t i = 0; i < n; i++)
		free(entries[i].name);
	free(entries);
	if (dir)
		(void)closedir(dir);
}

void tree_check_child(struct manifest_tree *t, struct manifest_dir *d, const char *name)
{
	struct manifest_dir *c = child_of(d, name);
	_cleanup_free_ char *path = tree_path(d, name);
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		found_dir(t, d, name, &st, true);
	else if (c)
		tree_remove_dir(t, c, false);
}
