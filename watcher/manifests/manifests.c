/* The manifests source: files and directories of manifests, followed with inotify. Changed files
 * are read at once, and only these. Used by the watcher.
 *
 * A path of the command line that is missing is a fault of the environment: its content stays in
 * use until it returns. A file or directory below it that goes is a change like any other. */
#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/metric.h"
#include "watcher/manifests/manifest-tree.h"
#include "watcher/manifests/manifests.h"
#include "watcher/manifests/mount-watch.h"

struct root {
	const char *path;
	char *parent; /* a directory watched for its coming and going; may be further up */
	int wd;       /* of parent; -1: not watched */
	struct manifest_dir *dir;
	struct manifest_file *file;
	bool missing;
	bool check; /* an event came for it */
};

struct manifests {
	struct source source;
	struct event_loop *loop;
	struct store *store;
	struct manifest_reader reader;
	struct manifest_tree tree;
	struct root *roots;
	size_t n_roots;
	struct event *expire; /* for vanished files */
	struct event *poll;
	struct mount_watch *mounts; /* NULL: cannot be had */
	int64_t poll_usec;
	bool complete;
	bool said_unwatched, said_empty;
	uint64_t overflows, rescans;
	uint64_t said_reads; /* when the content was last logged */
};

static struct manifests *of(const struct source *s)
{
	return (struct manifests *)s;
}

/* ---- roots ---- */

static bool watch_wanted(void *ctx, int wd)
{
	struct manifests *m = ctx;

	for (size_t i = 0; i < m->n_roots; i++)
		if (m->roots[i].wd == wd)
			return true;
	return false;
}

static bool root_missing(void *ctx, unsigned root)
{
	struct manifests *m = ctx;

	return m->roots[root].missing;
}

/* Cuts the last part off; "." if no part remains. */
static char *parent_of(const char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	while (n > 0 && path[n - 1] != '/')
		n--;
	while (n > 1 && path[n - 1] == '/')
		n--;
	return n ? xstrndup(path, n) : xstrdup(".");
}

/* Watches the nearest existing directory above the root, so that its return is noticed. */
static void anchor(struct manifests *m, struct root *root)
{
	_cleanup_free_ char *at = parent_of(root->path);
	int before = root->wd;

	if (!m->tree.watch)
		return;
	root->wd = -1;
	for (;;) {
		char *up;

		root->wd = dir_watch_add(m->tree.watch, at);
		if (root->wd >= 0 || strcmp(at, "/") == 0 || strcmp(at, ".") == 0)
			break;
		up = parent_of(at);
		free(at);
		at = up;
	}
	free(root->parent);
	root->parent = TAKE_PTR(at);
	if (before >= 0 && before != root->wd && !watch_wanted(m, before) &&
	    !tree_dir_of_watch(&m->tree, before))
		dir_watch_remove(m->tree.watch, before);
}

static void root_lost(struct manifests *m, struct root *root, int error)
{
	if (!root->missing)
		log_full_errno(LOG_WARNING, error, "%s: %m; %s", root->path,
			       root->dir || root->file
				       ? "what was read there stays in use until it is back"
				       : "waiting for it");
	root->missing = true;
	if (root->dir)
		tree_remove_dir(&m->tree, root->dir, true);
	root->dir = NULL;
	root->file = NULL;
}

static void root_found(struct manifests *m, struct root *root, const struct stat *st, bool deep)
{
	unsigned index = (unsigned)(root - m->roots);
	bool new = root->missing || (!root->dir && !root->file);

	if (root->missing)
		log_info("%s is there", root->path);
	root->missing = false;
	if (root->dir && tree_volume_is_gone(&m->tree, root->dir, st))
		return;
	if (root->dir &&
	    (root->dir->lost || root->dir->dev != st->st_dev || root->dir->ino != st->st_ino)) {
		if (root->dir->lost)
			log_info("the volume at %s is back", root->path);
		tree_remove_dir(&m->tree, root->dir, true);
		root->dir = NULL;
		new = true;
	}
	if (root->file && S_ISDIR(st->st_mode)) {
		tree_vanished(&m->tree, root->file, MANIFEST_GRACE_USEC);
		root->file = NULL;
		new = true;
	}
	if (!S_ISDIR(st->st_mode)) {
		root->file = tree_add_file(&m->tree, NULL, index, root->path);
		if (new || manifest_file_changed(root->file) != 0)
			tree_mark(&m->tree, root->file);
		return;
	}
	if (!root->dir)
		root->dir = tree_add_dir(&m->tree, NULL, index, root->path, st);
	else if (deep)
		tree_scan(&m->tree, root->dir, true);
	if (new)
		tree_leave_orphans(&m->tree, index);
}

static void root_check(struct manifests *m, struct root *root, bool deep)
{
	struct stat st;
	int r;

	root->check = false;
	if (strcmp(root->path, "-") == 0 && !m->loop) {
		root->file = tree_add_file(&m->tree, NULL, (unsigned)(root - m->roots), root->path);
		tree_mark(&m->tree, root->file);
		return;
	}
	/* Watch first, then look: a change in between is an event. */
	anchor(m, root);
	r = stat(root->path, &st) < 0 ||
			    (S_ISDIR(st.st_mode) && access(root->path, R_OK | X_OK) < 0)
		    ? -errno
		    : 0;
	if (r == 0)
		root_found(m, root, &st, deep);
	else if (r == -ENOENT || r == -ENOTDIR || root->missing || (!root->dir && !root->file))
		root_lost(m, root, r);
	else
		log_error_errno(r, "cannot look at %s: %m; what was read there stays in use",
				root->path);
}

/* ---- taking changes in ---- */

/* Also arms the timer that tries failed reads again. */
static void arm_poll(struct manifests *m)
{
	int r = m->tree.watch_error;
	bool now = m->tree.unwatched > 0 && m->loop;

	if (now && !m->said_unwatched)
		log_error_errno(
			r,
			"cannot watch %zu of %zu directories: %m (%s); they are read again from "
			"time to time instead",
			m->tree.unwatched, m->tree.n_dirs,
			r == -ENOSPC   ? "raise the sysctl fs.inotify.max_user_watches"
			: r == -EMFILE ? "raise the sysctl fs.inotify.max_user_instances"
				       : "inotify");
	m->said_unwatched = now;
	if ((now || m->tree.failed) && m->loop && !event_pending(m->poll, EV_TIMEOUT, NULL))
		event_loop_arm(m->poll, m->poll_usec);
}

/* One line for all objects of unknown kinds, and one if there are no other objects. */
static void say_what_is_there(struct manifests *m)
{
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
	struct passed_over sum = { 0 };
	const struct manifest_file *f;
	bool empty = true;

	HASHMAP_FOREACH (&m->tree.files, f) {
		empty = !f->n_claims && !manifest_file_remarks(f)->unreadable;
		if (!empty)
			break;
	}
	if (empty && !m->said_empty)
		log_warning("no object was read from %s%s", m->roots[0].path,
			    m->n_roots > 1 ? " and the others" : "");
	m->said_empty = empty;
	if (!m->reader.passed_changed)
		return;
	m->reader.passed_changed = false;
	HASHMAP_FOREACH (&m->tree.files, f)
		passed_over_add(&sum, &manifest_file_remarks(f)->passed);
	passed_over_print(&sum, &line);
	if (sum.n)
		log_full(m->loop ? LOG_INFO : LOG_WARNING, "passed over: %s", strbuf_str(&line));
	passed_over_free(&sum);
}

void manifests_passed_over(const struct source *source, struct passed_over *ret)
{
	const struct manifests *m = (const struct manifests *)(const void *)source;
	const struct manifest_remarks *remarks;
	const struct manifest_file *f;
	struct decode_passed others = { .kind = "others" };
	size_t named = 0, all = 0;

	HASHMAP_FOREACH (&m->tree.files, f) {
		struct passed_over rest = { &others, 1 };

		remarks = manifest_file_remarks(f);
		passed_over_add(ret, &remarks->passed);
		all += remarks->ignored;
		for (size_t i = 0; i < remarks->passed.n; i++)
			named += remarks->passed.rows[i].n;
		/* A file with very many kinds names the first ones. */
		others.n = all - named;
		named += others.n;
		if (others.n)
			passed_over_add(ret, &rest);
	}
}

static void finish(struct manifests *m, bool now)
{
	int64_t next;

	for (size_t i = 0; i < m->n_roots; i++)
		if (m->roots[i].check)
			root_check(m, &m->roots[i], false);
	tree_read(&m->tree);
	tree_expire(&m->tree, now);
	tree_read(&m->tree);
	arm_poll(m);
	next = tree_next_expiry(&m->tree);
	if (m->loop && next >= 0)
		event_loop_arm(m->expire, next);
	if (!m->complete) {
		m->complete = !m->tree.failed || !m->loop;
		for (size_t i = 0; i < m->n_roots; i++)
			m->complete &= !m->roots[i].missing;
	}
	store_commit(m->store);
	if (!m->complete)
		return;
	claims_settled(m->reader.claims);
	if (m->reader.reads != m->said_reads || !m->reader.reads)
		say_what_is_there(m);
	m->said_reads = m->reader.reads;
}

static void rescan(struct manifests *m)
{
	m->rescans++;
	for (size_t i = 0; i < m->n_roots; i++)
		root_check(m, &m->roots[i], true);
	finish(m, false);
}

static void on_mounts(void *ctx)
{
	struct manifests *m = ctx;

	store_event(m->store);
	rescan(m);
}

static void on_expire(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	finish(ctx, false);
}

/* ---- events ---- */

/* For a directory that is watched only to see a root come or go. */
static void on_anchor_event(struct manifests *m, int wd, uint32_t mask, const char *name)
{
	for (size_t i = 0; i < m->n_roots; i++) {
		struct root *root = &m->roots[i];
		size_t n = strlen(name);
		const char *rest;

		if (root->wd != wd)
			continue;
		if (mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF)) {
			root->wd = mask & IN_IGNORED ? -1 : root->wd;
			root->check = true;
			continue;
		}
		/* The next part of its path after the directory that is watched. */
		rest = root->path;
		if (strcmp(root->parent, ".") != 0)
			rest += strlen(root->parent);
		else if (strncmp(rest, "./", 2) == 0)
			rest += 2;
		rest += strspn(rest, "/");
		if (strncmp(rest, name, n) != 0 || (rest[n] && rest[n] != '/'))
			continue;
		root->check = true;
		if (root->file && (mask & (IN_CLOSE_WRITE | IN_MOVED_TO)))
			tree_mark(&m->tree, root->file);
	}
}

static void on_file_event(struct manifests *m, struct manifest_dir *d, uint32_t mask,
			  const char *name)
{
	struct manifest_file *f = tree_get_file(&m->tree, d, name);
	_cleanup_free_ char *path = tree_path(d, name);
	struct stat st;

	if (mask & (IN_DELETE | IN_MOVED_FROM)) {
		/* If it exists again by now, perhaps half written, more events come. */
		if (f)
			tree_vanished(&m->tree, f, MANIFEST_GRACE_USEC);
		return;
	}
	if (mask & (IN_CREATE | IN_ATTRIB)) {
		if (lstat(path, &st) < 0)
			return;
		if (S_ISLNK(st.st_mode))
			d->links = true;
		/* A process has it open for writing and will close it. Or it is a file of
		 * O_TMPFILE that got its name: no further event will come for it. A hard link is
		 * whole. */
		if (mask & IN_CREATE && S_ISREG(st.st_mode) && st.st_nlink == 1) {
			f = tree_add_file(&m->tree, d, d->root, path);
			tree_vanished(&m->tree, f, MANIFEST_WRITE_GRACE_USEC);
			return;
		}
		/* The cause may have been missing permissions. */
		if (mask & IN_ATTRIB && (!f || !manifest_file_remarks(f)->unreadable))
			return;
	}
	tree_mark(&m->tree, tree_add_file(&m->tree, d, d->root, path));
}

static void on_dir_event(struct manifests *m, struct manifest_dir *d, uint32_t mask,
			 const char *name)
{
	if (d->lost || mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)) {
		if (d->parent)
			tree_mark_dir(&m->tree, d->parent);
		else
			m->roots[d->root].check = true;
		return;
	}
	if (!*name)
		return;
	if (*name == '.') {
		/* "..data" of a mounted ConfigMap: the links lead through it. */
		if (d->links && mask & (IN_MOVED_TO | IN_CREATE) && !(mask & IN_ISDIR))
			tree_mark_dir(&m->tree, d);
		return;
	}
	if (!(mask & IN_ISDIR) && manifest_file_is_name(name)) {
		on_file_event(m, d, mask, name);
	} else if (!(mask & (IN_CLOSE_WRITE | IN_ATTRIB)) || mask & IN_ISDIR) {
		/* A directory, or a link to one, or through one. */
		tree_check_child(&m->tree, d, name);
		if (d->links && mask & IN_MOVED_TO)
			tree_mark_dir(&m->tree, d);
	}
}

static void on_event(void *ctx, int wd, uint32_t mask, const char *name)
{
	struct manifests *m = ctx;
	struct manifest_dir *d = tree_dir_of_watch(&m->tree, wd);

	store_event(m->store);
	on_anchor_event(m, wd, mask, name);
	if (d)
		on_dir_event(m, d, mask, name);
}

static void on_lost(void *ctx)
{
	struct manifests *m = ctx;

	m->overflows++;
	log_info("too many changes at once for inotify: everything is looked at again");
	rescan(m);
}

static void on_idle(void *ctx)
{
	finish(ctx, false);
}

static const struct dir_watch_ops watch_ops = { on_event, on_lost, on_idle };

/* ---- the source ---- */

static void manifests_free(struct source *s)
{
	struct manifests *m = of(s);

	for (size_t i = 0; i < m->n_roots; i++) {
		if (m->roots[i].dir)
			tree_remove_dir(&m->tree, m->roots[i].dir, true);
		free(m->roots[i].parent);
	}
	tree_done(&m->tree);
	mount_watch_free(m->mounts);
	dir_watch_free(m->tree.watch);
	if (m->expire)
		event_free(m->expire);
	if (m->poll)
		event_free(m->poll);
	claims_free(m->reader.claims);
	decoder_free(m->reader.decoder);
	free(m->reader.buffer);
	free(m->roots);
	free(m);
}

static bool manifests_complete(const struct source *s)
{
	return of(s)->complete;
}

static void manifests_why(const struct source *s, struct strbuf *out)
{
	const struct manifests *m = of(s);

	for (size_t i = 0; i < m->n_roots; i++) {
		if (m->roots[i].missing)
			strbuf_printf(out, "%s is not there%s\n", m->roots[i].path,
				      m->complete ? ": what was read there stays in use" : "");
		else if (m->tree.n_lost && m->roots[i].dir)
			tree_lost_volumes(m->roots[i].dir, out);
	}
	if (m->tree.failed)
		strbuf_printf(out,
			      "%zu files or directories could not be read: to be tried again\n",
			      m->tree.failed);
	if (m->said_unwatched)
		strbuf_printf(
			out,
			"%zu of %zu directories cannot be watched: read again from time to time\n",
			m->tree.unwatched, m->tree.n_dirs);
}

struct totals {
	size_t unreadable, ignored;
};

static struct totals totals(const struct manifests *m)
{
	struct totals sum = { 0 };
	const struct manifest_file *f;

	HASHMAP_FOREACH (&m->tree.files, f) {
		sum.unreadable += manifest_file_remarks(f)->unreadable;
		sum.ignored += manifest_file_remarks(f)->ignored;
	}
	return sum;
}

static void manifests_metrics(const struct source *s, struct strbuf *out)
{
	const struct manifests *m = of(s);
	struct totals sum = totals(m);

	metric_single(out, METRIC_MANIFESTS_FILES, m->tree.files.n);
	metric_single(out, METRIC_MANIFESTS_DIRECTORIES, m->tree.n_dirs);
	metric_single(out, METRIC_MANIFESTS_UNWATCHED, m->said_unwatched ? m->tree.unwatched : 0);
	metric_single(out, METRIC_MANIFESTS_UNREADABLE, sum.unreadable);
	metric_single(out, METRIC_MANIFESTS_IGNORED, sum.ignored);
	metric_single(out, METRIC_MANIFESTS_CONFLICTS, claims_conflicts(m->reader.claims));
	metric_single(out, METRIC_MANIFESTS_READS, m->reader.reads);
	metric_single(out, METRIC_MANIFESTS_READ_BYTES, m->reader.bytes);
	metric_single(out, METRIC_MANIFESTS_RESCANS, m->rescans);
	metric_single(out, METRIC_MANIFESTS_LOST_EVENTS, m->overflows);
}

static void manifests_debug(const struct source *s, struct document *d)
{
	const struct manifests *m = of(s);
	struct totals sum = totals(m);

	document_key(d, "paths");
	document_list(d);
	for (size_t i = 0; i < m->n_roots; i++)
		document_string(d, m->roots[i].path);
	document_end(d);
	document_put_uint(d, "files", m->tree.files.n);
	document_put_uint(d, "directories", m->tree.n_dirs);
	document_put_uint(d, "unreadable_documents", sum.unreadable);
	document_put_uint(d, "ignored_objects", sum.ignored);
	document_put_uint(d, "conflicts", claims_conflicts(m->reader.claims));
}

static void manifests_sync(struct source *s)
{
	struct manifests *m = of(s);

	/* No event comes for what could not be read. */
	if (m->tree.watch && !m->said_unwatched && !m->tree.failed)
		dir_watch_pump(m->tree.watch);
	else
		rescan(m);
	finish(m, true);
}

static void manifests_reload(struct source *s)
{
	rescan(of(s));
}

static const struct source_ops ops = {
	.name = "manifests",
	.free = manifests_free,
	.complete = manifests_complete,
	.why = manifests_why,
	.metrics = manifests_metrics,
	.debug = manifests_debug,
	.sync = manifests_sync,
	.reload = manifests_reload,
};

static void open_watch(struct manifests *m)
{
	int r = dir_watch_new(m->loop, &watch_ops, m, &m->tree.watch);

	if (r < 0)
		m->tree.watch_error = r;
}

static void on_poll(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct manifests *m = ctx;

	if (!m->tree.watch)
		open_watch(m);
	rescan(m);
}

/* Without a loop, we cannot wait for missing paths. */
static int all_there(const struct manifests *m)
{
	for (size_t i = 0; i < m->n_roots && !m->loop; i++) {
		if (strcmp(m->roots[i].path, "-") != 0 && access(m->roots[i].path, R_OK) < 0)
			return log_error_errno(-errno, "cannot read %s: %m", m->roots[i].path);
	}
	return 0;
}

int manifests_new(struct event_loop *loop, struct store *store,
		  const struct manifests_config *config, struct source **ret)
{
	struct decode_limits limits = DECODE_LIMITS_DEFAULT;
	struct manifests *m = xnew(struct manifests, 1);
	int r;

	m->source.ops = &ops;
	m->loop = loop;
	m->store = store;
	m->reader.store = store;
	m->reader.claims = claims_new(store, &m->reader.log);
	m->reader.log.unbounded = !loop;
	m->reader.log.silent = config->silent;
	m->reader.file_max = config->file_max ? config->file_max : MANIFESTS_FILE_MAX;
	limits.bytes = m->reader.file_max;
	m->reader.decoder = decoder_new(&limits);
	m->tree.reader = &m->reader;
	m->tree.watch_wanted = watch_wanted;
	m->tree.root_missing = root_missing;
	m->tree.ctx = m;
	tree_init(&m->tree);
	m->n_roots = config->n_paths;
	m->roots = xnew(struct root, m->n_roots + 1);
	for (size_t i = 0; i < m->n_roots; i++) {
		m->roots[i].path = config->paths[i];
		m->roots[i].wd = -1;
	}
	r = all_there(m);
	if (r < 0) {
		manifests_free(&m->source);
		return r;
	}
	store_add_source(store, &m->source);
	if (loop) {
		m->expire = event_loop_timer(loop, on_expire, m);
		m->poll = event_loop_timer(loop, on_poll, m);
		m->poll_usec = config->poll_usec ? config->poll_usec : MANIFESTS_POLL_USEC;
		open_watch(m);
		r = mount_watch_new(loop, config->paths, m->n_roots, on_mounts, m, &m->mounts);
		if (r < 0)
			log_debug_errno(r, "mounts are not noticed before SIGHUP: %m");
	}
	rescan(m);
	*ret = &m->source;
	return 0;
}
