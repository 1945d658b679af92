/* inotify on directories. Used by the watcher's manifests source. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "watcher/manifests/dir-watch.h"

#define MASK                                                                                \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ATTRIB | \
	 IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define BUFFER_SIZE 65536
/* Then the rest of the process gets its turn. */
#define READS_MAX 64

struct dir_watch {
	const struct dir_watch_ops *ops;
	void *ctx;
	int fd;
	struct event *event;
	char *buffer;
};

static void deliver(struct dir_watch *w, size_t n)
{
	const struct inotify_event *e;

	for (size_t at = 0; at + sizeof(*e) <= n; at += sizeof(*e) + e->len) {
		e = (const struct inotify_event *)(const void *)(w->buffer + at);
		if (e->mask & IN_Q_OVERFLOW)
			w->ops->lost(w->ctx);
		else
			w->ops->event(w->ctx, e->wd, e->mask, e->len ? e->name : "");
	}
}

void dir_watch_pump(struct dir_watch *w)
{
	bool any = false;

	for (int i = 0; i < READS_MAX; i++) {
		ssize_t n = read(w->fd, w->buffer, BUFFER_SIZE);

		if (n <= 0)
			break;
		any = true;
		deliver(w, (size_t)n);
	}
	if (any)
		w->ops->idle(w->ctx);
}

static void on_readable(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	dir_watch_pump(ctx);
}

int dir_watch_new(struct event_loop *loop, const struct dir_watch_ops *ops, void *ctx,
		  struct dir_watch **ret)
{
	_cleanup_(dir_watch_freep) struct dir_watch *w = xnew(struct dir_watch, 1);

	w->ops = ops;
	w->ctx = ctx;
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd < 0)
		return -errno;
	w->buffer = xmalloc(BUFFER_SIZE);
	w->event = event_new(event_loop_base(loop), w->fd, EV_READ | EV_PERSIST, on_readable, w);
	(void)event_add(w->event, NULL);
	*ret = TAKE_PTR(w);
	return 0;
}

void dir_watch_free(struct dir_watch *w)
{
	if (!w)
		return;
	if (w->event)
		event_free(w->event);
	closep(&w->fd);
	free(w->buffer);
	free(w);
}

int dir_watch_add(struct dir_watch *w, const char *path)
{
	int wd = inotify_add_watch(w->fd, path, MASK);

	return wd < 0 ? -errno : wd;
}

void dir_watch_remove(struct dir_watch *w, int wd)
{
	(void)inotify_rm_watch(w->fd, wd);
}
