/* Accepts connections at a Unix socket from permitted users. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/incident.h"
#include "common/base/log.h"
#include "common/link/unix-socket.h"
#include "xds-server/unix-listener.h"

/* Connections that are accepted before other events have their turn. */
#define ACCEPTS 16
/* Wait before accepting again after descriptors ran out. */
#define PAUSE_USEC (200 * USEC_PER_MSEC)
#define GROUPS_MAX 65536

struct unix_listener {
	struct unix_listener_config c;
	int fd;
	struct event *readable, *pause;
	struct peer {
		uid_t uid;
		pid_t pid;
	} *peers; /* by descriptor */
	size_t n_peers;
	struct log_limit refused;
};

/* ---- permitted users ---- */

static bool has_group(int fd, gid_t primary, gid_t group)
{
	_cleanup_free_ gid_t *groups = NULL;
	socklen_t size = 0;

	if (group == UNIX_LISTENER_NO_GROUP)
		return false;
	if (primary == group)
		return true;
	/* The first call says how many they are (socket(7)). */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0 || errno != ERANGE ||
	    size > GROUPS_MAX * sizeof(gid_t))
		return false;
	groups = xmalloc(size);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
		return false;
	for (size_t i = 0; i < size / sizeof(gid_t); i++)
		if (groups[i] == group)
			return true;
	return false;
}

static bool may_connect(struct unix_listener *l, int fd, struct ucred *ret)
{
	socklen_t len = sizeof(*ret);
	unsigned dropped;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret, &len) < 0)
		return false;
	if (ret->uid == 0 || ret->uid == geteuid() || has_group(fd, ret->gid, l->c.group))
		return true;
	if (log_limit_pass(&l->refused, &dropped))
		log_warning("process %d of user %u may not connect at %s: it runs neither as our "
			    "user nor in the group of --xds-group",
			    (int)ret->pid, (unsigned)ret->uid, l->c.path);
	return false;
}

static void remember(struct unix_listener *l, int fd, const struct ucred *cred)
{
	size_t n = (size_t)fd + 1;

	if (n > l->n_peers) {
		n = MAX(n, l->n_peers * 2);
		l->peers = xreallocarray(l->peers, n, sizeof(*l->peers));
		l->n_peers = n;
	}
	l->peers[fd] = (struct peer){ cred->uid, cred->pid };
}

void unix_listener_describe(const struct unix_listener *l, int fd, char *ret, size_t size)
{
	struct peer p = fd >= 0 && (size_t)fd < l->n_peers ? l->peers[fd] : (struct peer){ 0 };

	(void)snprintf(ret, size, "unix:uid %u, pid %d", (unsigned)p.uid, (int)p.pid);
}

/* ---- accepting ---- */

static bool accept_one(struct unix_listener *l)
{
	_cleanup_close_ int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred cred;

	if (fd < 0) {
		if (!incident_is_descriptors(-errno))
			return false;
		incident(INCIDENT_DESCRIPTORS, "envoys",
			 "no file descriptor was left for an Envoy that connected: others cannot "
			 "connect until there is");
		(void)event_del(l->readable);
		event_loop_arm(l->pause, PAUSE_USEC);
		return false;
	}
	if (!may_connect(l, fd, &cred))
		return true;
	remember(l, fd, &cred);
	l->c.accepted(l->c.ctx, TAKE_FD(fd));
	return true;
}

static void on_readable(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	for (unsigned i = 0; i < ACCEPTS && accept_one(ctx); i++)
		;
}

static void on_pause(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct unix_listener *l = ctx;

	(void)event_add(l->readable, NULL);
}

/* ---- life ---- */

/* Members of the group may open it. In a directory with the set-group-ID bit the socket has that
 * group already. */
static int open_to_group(const struct unix_listener_config *c)
{
	struct stat st;

	if (c->group == UNIX_LISTENER_NO_GROUP)
		return 0;
	if (stat(c->path, &st) < 0)
		return -errno;
	if (st.st_gid != c->group && chown(c->path, (uid_t)-1, c->group) < 0)
		return log_error_errno(-errno,
				       "cannot give %s to the group %u: %m; its directory should "
				       "have that group and the set-group-ID bit",
				       c->path, (unsigned)c->group);
	return chmod(c->path, 0660) < 0 ? -errno : 0;
}

int unix_listener_new(const struct unix_listener_config *config, struct unix_listener **ret)
{
	_cleanup_(unix_listener_freep) struct unix_listener *l = xnew(struct unix_listener, 1);
	int r;

	l->c = *config;
	l->refused = (struct log_limit){ .interval_usec = 60 * USEC_PER_SEC, .burst = 5 };
	l->fd = unix_socket_listen(config->path);
	if (l->fd < 0)
		return log_error_errno(l->fd, "cannot listen for Envoys at unix:%s: %m",
				       config->path);
	r = open_to_group(config);
	if (r < 0)
		return r;
	l->pause = event_loop_timer(config->loop, on_pause, l);
	l->readable = event_new(event_loop_base(config->loop), l->fd, EV_READ | EV_PERSIST,
				on_readable, l);
	(void)event_add(l->readable, NULL);
	*ret = TAKE_PTR(l);
	return 0;
}

void unix_listener_free(struct unix_listener *l)
{
	if (!l)
		return;
	event_freep(&l->readable);
	event_freep(&l->pause);
	if (l->fd >= 0)
		(void)close(l->fd);
	free(l->peers);
	free(l);
}
