/* Links between stages: listening, connecting and reconnecting, checking the peer, metrics. The
 * connections are in common/link/link-conn.c, their content in common/link/feed.c and
 * common/link/mirror.c. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/incident.h"
#include "common/base/log.h"
#include "common/link/link-conn.h"
#include "common/link/unix-socket.h"

#define CONNS_MAX          (1 + LINK_READERS_MAX + 8) /* including those that have not said HELLO */
#define REJECT_WINDOW_USEC (60 * USEC_PER_SEC)
#define ACCEPT_PAUSE_USEC  (200 * USEC_PER_MSEC)
/* After a loss a restart is likely: try often. Later the delay doubles. */
#define RETRY_FIRST_USEC     (5 * USEC_PER_MSEC)
#define RETRY_OFTEN_USEC     (50 * USEC_PER_MSEC)
#define RETRY_OFTEN_FOR_USEC (3 * USEC_PER_SEC)
#define RETRY_MAX_USEC       (2 * USEC_PER_SEC)
#define FLAPPING_USEC        (100 * USEC_PER_MSEC) /* a shorter connection counts as a fault */

static void set_error(struct link *l, const char *fmt, ...) _printf_(2, 3);
static void set_error(struct link *l, const char *fmt, ...)
{
	char text[FRAME_REASON_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	free(l->last_error);
	l->last_error = xstrdup(text);
}

/* ---- who may connect ---- */

static unsigned readers(const struct link *l)
{
	unsigned n = 0;

	for (const struct link_conn *c = l->conns; c; c = c->next)
		n += c->reader && !c->dead;
	return n;
}

static bool hung_up(const struct link_conn *c)
{
	struct pollfd p = { .fd = c->fd };

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR));
}

/* The peer is not connected any more. */
static void lose(struct link *l)
{
	struct link_conn *c = TAKE_PTR(l->peer);

	l->counters.disconnects++;
	if (c->stopping || clock_monotonic() - c->began_at >= FLAPPING_USEC)
		l->faults = 0;
	else
		c->fault = true;
	l->faults += c->fault;
	set_error(l, "%s", c->error);
	if (l->config.status)
		l->config.status(l->config.ctx, false);
}

static void admit_peer(struct link_conn *c)
{
	struct link *l = c->link;

	/* A peer that was killed and restarted may appear before its old connection ends. */
	if (l->peer && !l->peer->dead && hung_up(l->peer))
		link_conn_end(l->peer, "the %s has gone: another one came", l->config.peer_role);
	if (l->peer && l->peer->dead)
		lose(l);
	if (l->peer) {
		link_conn_refuse(c, "another %s is connected already, process %" PRId64,
				 l->config.peer_role, l->peer->pid);
		return;
	}
	mirror_init(&c->mirror, l->config.mirror, l->config.limits.items_max,
		    l->config.limits.bytes_max);
	c->up = true;
	l->peer = c;
	l->attempts = 0;
	l->counters.connects++;
	free(TAKE_PTR(l->last_error));
	if (l->config.status)
		l->config.status(l->config.ctx, true);
}

static void admit_reader(struct link_conn *c)
{
	c->reader = true;
	if (readers(c->link) > LINK_READERS_MAX) {
		link_conn_refuse(c, "%d readers are connected already", LINK_READERS_MAX);
		return;
	}
	mirror_init(&c->mirror, NULL, 0, 0);
	c->up = true;
}

void link_admit(struct link_conn *c, const char *role)
{
	const struct link *l = c->link;

	if (l->side == LINK_LISTENER && strcmp(role, "reader") == 0)
		admit_reader(c);
	else if (strcmp(role, l->config.peer_role) == 0)
		admit_peer(c);
	else
		link_conn_refuse(c, "%s links %s and %s, and %s came: is this the right path?",
				 l->config.name, l->config.role, l->config.peer_role, role);
}

bool link_count_reject(struct link_conn *c, const char *what)
{
	int64_t now = clock_monotonic();
	struct link *l = c->link;

	log_debug("link %s: rejected: %s", l->config.name, what);
	if (c->reader)
		return true;
	memmove(l->rejects, l->rejects + 1, sizeof(l->rejects) - sizeof(l->rejects[0]));
	l->rejects[LINK_REJECTS_MAX - 1] = now;
	if (!l->rejects[0] || now - l->rejects[0] > REJECT_WINDOW_USEC)
		return false;
	memset(l->rejects, 0, sizeof(l->rejects));
	if (l->config.faulty)
		l->config.faulty(l->config.ctx, what);
	return true;
}

/* ---- connecting ---- */

static int64_t doubled(int64_t usec, unsigned times, int64_t max)
{
	return times < 16 ? MIN(usec << times, max) : max;
}

/* A quarter more or less, so that many do not come at once. */
static int64_t jitter(int64_t usec)
{
	uint16_t random;

	evutil_secure_rng_get_bytes(&random, sizeof(random));
	return usec * 3 / 4 + usec / 2 * random / UINT16_MAX;
}

static void retry_later(struct link *l)
{
	int64_t often = RETRY_OFTEN_FOR_USEC / RETRY_OFTEN_USEC, delay;

	if (l->faults)
		delay = doubled(RETRY_OFTEN_USEC, l->faults - 1, RETRY_MAX_USEC);
	else if (l->attempts < often)
		delay = doubled(RETRY_FIRST_USEC, l->attempts, RETRY_OFTEN_USEC);
	else
		delay = doubled(RETRY_OFTEN_USEC, (unsigned)(l->attempts - often), RETRY_MAX_USEC);
	l->attempts++;
	event_loop_arm(l->retry, jitter(delay));
}

static void explain(struct link *l, int r)
{
	const char *path = l->config.path, *peer = l->config.peer_role;

	if (r == -ENOENT)
		set_error(l, "%s is not there: is the %s running, with the same runtime directory?",
			  path, peer);
	else if (r == -ECONNREFUSED)
		set_error(l, "nobody listens at %s: has the %s stopped?", path, peer);
	else
		set_error(l, "connecting to %s failed: %s", path, strerror(-r));
	if (incident_is_descriptors(r))
		incident(INCIDENT_DESCRIPTORS, l->config.name, "link %s: %s", l->config.name,
			 l->last_error);
	log_debug("link %s: %s", l->config.name, l->last_error);
}

static void on_connect(evutil_socket_t fd_ _unused_, short what _unused_, void *ctx)
{
	struct link *l = ctx;
	int fd = unix_socket_connect(l->config.path), r;
	uid_t uid;

	if (fd < 0) {
		l->faults = 0;
		explain(l, fd);
		retry_later(l);
		return;
	}
	r = unix_socket_check_peer(fd, &uid);
	if (r < 0) {
		if (r == -EPERM)
			set_error(l, "%s belongs to user %u, who is neither us nor root",
				  l->config.path, uid);
		else
			explain(l, r);
		(void)close(fd);
		retry_later(l);
		return;
	}
	link_conn_new(l, fd);
}

/* ---- listening ---- */

static void adopt(struct link *l, int fd)
{
	struct link_conn *c;
	unsigned n = 0;
	uid_t uid = 0;
	int r;

	for (c = l->conns; c; c = c->next)
		n++;
	r = unix_socket_check_peer(fd, &uid);
	if (r < 0 || n >= CONNS_MAX) {
		log_debug("link %s: turned away a connection of user %u: %s", l->config.name, uid,
			  r < 0 ? "another user" : "too many connections");
		(void)close(fd);
		return;
	}
	link_conn_new(l, fd);
}

static void on_accept(evutil_socket_t fd, short what _unused_, void *ctx)
{
	struct link *l = ctx;
	int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (conn >= 0) {
		adopt(l, conn);
	} else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
		/* Out of descriptors, most likely: the socket stays readable, do not spin. */
		incident(INCIDENT_DESCRIPTORS, l->config.name,
			 "link %s: cannot take a connection: %s", l->config.name, strerror(errno));
		(void)event_del(l->accept);
		event_loop_arm(l->retry, ACCEPT_PAUSE_USEC);
	}
}

static void on_accept_again(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct link *l = ctx;

	(void)event_add(l->accept, NULL);
}

static int start_listening(struct link *l)
{
	l->fd = unix_socket_listen(l->config.path);
	if (l->fd < 0)
		return l->fd;
	if (stat(l->config.path, &l->identity) < 0)
		return -errno;
	l->accept = event_new(event_loop_base(l->loop), l->fd, EV_READ | EV_PERSIST, on_accept, l);
	l->retry = event_loop_timer(l->loop, on_accept_again, l);
	(void)event_add(l->accept, NULL);
	return 0;
}

static void stop_listening(struct link *l)
{
	struct stat st;

	if (l->fd < 0)
		return;
	/* Our successor may have put its own in place already. */
	if (l->identity.st_ino && stat(l->config.path, &st) == 0 &&
	    st.st_ino == l->identity.st_ino && st.st_dev == l->identity.st_dev)
		(void)unlink(l->config.path);
	(void)close(l->fd);
}

/* ---- the link ---- */

static void on_commit(void *ctx)
{
	struct link *l = ctx;

	for (struct link_conn *c = l->conns; c; c = c->next)
		link_conn_pump(c);
}

static void on_reap(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct link *l = ctx;
	bool ended = false;

	if (l->peer && l->peer->dead)
		lose(l);
	for (struct link_conn *c = l->conns, *next; c; c = next) {
		next = c->next;
		if (!c->dead)
			continue;
		/* A connection that never became the peer still reports why. */
		if (!c->up && !c->reader && !l->peer) {
			set_error(l, "%s", c->error);
			l->faults += c->fault;
		}
		link_conn_free(c);
		ended = true;
	}
	if (ended && l->side != LINK_LISTENER && !l->conns)
		retry_later(l);
}

static struct link *new_link(struct event_loop *loop, const struct link_config *config,
			     enum link_side side)
{
	struct link *l = xnew(struct link, 1);

	l->side = side;
	l->loop = loop;
	l->config = *config;
	l->fd = -1;
	l->reap = event_new(event_loop_base(loop), -1, 0, on_reap, l);
	if (config->send && side != LINK_READER) {
		feed_init(&l->feed, config->send, on_commit, l);
		l->feeds = true;
	}
	return l;
}

int link_listen(struct event_loop *loop, const struct link_config *config, struct link **ret)
{
	_cleanup_(link_freep) struct link *l = new_link(loop, config, LINK_LISTENER);
	int r = start_listening(l);

	if (r < 0)
		return r;
	*ret = TAKE_PTR(l);
	return 0;
}

static int start_connecting(struct event_loop *loop, const struct link_config *config,
			    enum link_side side, struct link **ret)
{
	struct link *l = new_link(loop, config, side);

	l->retry = event_loop_timer(loop, on_connect, l);
	event_loop_arm(l->retry, 0);
	*ret = l;
	return 0;
}

int link_connect(struct event_loop *loop, const struct link_config *config, struct link **ret)
{
	return start_connecting(loop, config, LINK_CONNECTOR, ret);
}

int link_connect_reader(struct event_loop *loop, const struct link_config *config,
			struct link **ret)
{
	return start_connecting(loop, config, LINK_READER, ret);
}

void link_free(struct link *l)
{
	if (!l)
		return;
	while (l->conns) {
		link_conn_stop(l->conns);
		link_conn_free(l->conns);
	}
	if (l->feeds)
		feed_done(&l->feed);
	stop_listening(l);
	if (l->accept)
		event_free(l->accept);
	if (l->retry)
		event_free(l->retry);
	event_free(l->reap);
	free(l->last_error);
	free(l);
}

bool link_connected(const struct link *l)
{
	return l->peer && !l->peer->dead;
}

bool link_in_sync(const struct link *l)
{
	return link_connected(l) && (!l->peer->feeds || feed_peer_in_sync(&l->peer->feed));
}

const char *link_last_error(const struct link *l)
{
	return l->last_error ? l->last_error : "";
}

const struct link_counters *link_counters(const struct link *l)
{
	/* Two of the counters are computed here. */
	struct link_counters *n = &((struct link *)l)->counters;

	n->pending_keys = 0;
	for (const struct link_conn *c = l->conns; c; c = c->next)
		if (c->feeds)
			n->pending_keys += c->feed.dirty.n;
	n->unsendable_items = l->feed.unfit_count;
	return n;
}

const char *link_name(const struct link *l)
{
	return l->config.name;
}
