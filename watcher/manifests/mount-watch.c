/* Mounts, by proc(5), /proc/self/mountinfo: poll(2) reports POLLPRI on it when the table changes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/base/alloc.h"
#include "common/base/strbuf.h"
#include "watcher/manifests/mount-watch.h"

#define TABLE_MAX   (8u << 20)
#define MOUNT_POINT 5 /* the field of a line, from 1 */

struct mount_watch {
	const char *const *paths;
	size_t n_paths;
	void (*changed)(void *ctx);
	void *ctx;
	int table;
	int poll; /* libevent waits for no POLLPRI: an epoll of its own does */
	struct event *event;
	uint64_t digest; /* of the lines that concern the paths */
};

/* "\040" is a space (fstab(5)). */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++)
		if (s[0] == '\\' && strspn(s + 1, "01234567") >= 3) {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	*to = '\0';
}

static bool is_at_or_below(const char *path, const char *above)
{
	size_t n = strlen(above);

	while (n && above[n - 1] == '/')
		n--;
	return strncmp(path, above, n) == 0 && (!path[n] || path[n] == '/');
}

static bool concerns(const struct mount_watch *w, const char *point)
{
	for (size_t i = 0; i < w->n_paths; i++) {
		_cleanup_free_ char *real = realpath(w->paths[i], NULL);
		const char *path = real ? real : w->paths[i];

		if (is_at_or_below(path, point) || is_at_or_below(point, path))
			return true;
	}
	return false;
}

static bool line_concerns(const struct mount_watch *w, const char *line, size_t n)
{
	_cleanup_free_ char *copy = xstrndup(line, n);
	char *save = NULL, *field = strtok_r(copy, " ", &save);

	for (int i = 1; field && i < MOUNT_POINT; i++)
		field = strtok_r(NULL, " ", &save);
	if (!field)
		return false;
	unescape(field);
	return concerns(w, field);
}

static int read_table(int fd, struct strbuf *out)
{
	ssize_t n;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	while ((n = read(fd, strbuf_room(out, 65536), 65536)) > 0 && out->len < TABLE_MAX)
		out->len += (size_t)n;
	return n < 0 ? -errno : 0;
}

static uint64_t digest(const struct mount_watch *w)
{
	_cleanup_strbuf_ struct strbuf table = STRBUF_INIT;
	uint64_t sum = 0;

	if (read_table(w->table, &table) < 0)
		return 0;
	for (const char *p = strbuf_str(&table), *end = p + table.len; p < end;) {
		const char *next = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((next ? next : end) - p);

		if (line_concerns(w, p, n))
			sum = XXH3_64bits_withSeed(p, n, sum);
		p += n + 1;
	}
	return sum;
}

static void on_change(evutil_socket_t fd, short what _unused_, void *ctx)
{
	struct mount_watch *w = ctx;
	struct epoll_event event;
	uint64_t now;

	(void)epoll_wait(fd, &event, 1, 0);
	now = digest(w);
	if (now == w->digest)
		return;
	w->digest = now;
	w->changed(w->ctx);
}

void mount_watch_free(struct mount_watch *w)
{
	if (!w)
		return;
	if (w->event)
		event_free(w->event);
	closep(&w->poll);
	closep(&w->table);
	free(w);
}
DEFINE_CLEANUP(struct mount_watch *, mount_watch_free)

int mount_watch_new(struct event_loop *loop, const char *const *paths, size_t n_paths,
		    void (*changed)(void *ctx), void *ctx, struct mount_watch **ret)
{
	_cleanup_(mount_watch_freep) struct mount_watch *w = xnew(struct mount_watch, 1);
	struct epoll_event event = { .events = EPOLLPRI };

	*w = (struct mount_watch){ paths, n_paths, changed, ctx, -1, -1, NULL, 0 };
	w->table = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (w->table < 0)
		return -errno;
	w->poll = epoll_create1(EPOLL_CLOEXEC);
	if (w->poll < 0 || epoll_ctl(w->poll, EPOLL_CTL_ADD, w->table, &event) < 0)
		return -errno;
	w->event = event_new(event_loop_base(loop), w->poll, EV_READ | EV_PERSIST, on_change, w);
	if (!w->event || event_add(w->event, NULL) < 0)
		return -ENOMEM;
	w->digest = digest(w);
	*ret = TAKE_PTR(w);
	return 0;
}
