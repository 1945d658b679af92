/* The receiving side of sd_notify(3). The protocol is systemd's "Readiness protocol"; only the keys
 * that we act on are read. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "common/base/alloc.h"
#include "supervisor/notify.h"

#define DATAGRAM_MAX     4096
#define DATAGRAMS_A_TURN 64

struct notify {
	int fd;
	char *path;
	struct event *readable;
	void (*receive)(void *ctx, pid_t pid, const struct notify_message *m);
	void *ctx;
	uint64_t dropped;
};

static bool is(const char *line, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(line, word, len) == 0;
}

static void parse_line(const char *line, size_t len, struct notify_message *m)
{
	static const char status[] = "STATUS=", error[] = "ERRNO=";

	if (is(line, len, "READY=1")) {
		m->ready = true;
	} else if (is(line, len, "STOPPING=1")) {
		m->stopping = true;
	} else if (is(line, len, "WATCHDOG=1")) {
		m->watchdog = true;
	} else if (is(line, len, "WATCHDOG=trigger")) {
		m->watchdog_trigger = true;
	} else if (len > strlen(error) && memcmp(line, error, strlen(error)) == 0) {
		char number[8] = "";

		memcpy(number, line + strlen(error), MIN(len - strlen(error), sizeof(number) - 1));
		m->error = MAX(atoi(number), 0);
	} else if (len >= strlen(status) && memcmp(line, status, strlen(status)) == 0) {
		m->has_status = true;
		(void)snprintf(m->status, sizeof(m->status), "%.*s", (int)(len - strlen(status)),
			       line + strlen(status));
	}
}

int notify_parse(const char *data, size_t len, struct notify_message *ret)
{
	struct notify_message m = { 0 };

	if (memchr(data, '\0', len))
		return -EBADMSG;
	while (len) {
		const char *end = memchr(data, '\n', len);
		size_t line = end ? (size_t)(end - data) : len;

		parse_line(data, line, &m);
		data += line + (end != NULL);
		len -= line + (end != NULL);
	}
	*ret = m;
	return 0;
}

/* The sender's pid, or 0. Descriptors that came along (sd_notify's FDSTORE and BARRIER) are closed:
 * for a barrier that is the answer. */
static pid_t take_ancillary(struct msghdr *h)
{
	struct cmsghdr *c;
	pid_t pid = 0;

	for (c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_CREDENTIALS) {
			struct ucred cred;

			memcpy(&cred, CMSG_DATA(c), sizeof(cred));
			pid = cred.pid;
		} else if (c->cmsg_type == SCM_RIGHTS) {
			size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

			for (size_t i = 0; i < n; i++) {
				int fd;

				memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
				(void)close(fd);
			}
		}
	}
	return pid;
}

/* 1 for a datagram that was taken (or dropped), 0 if no datagram waits. */
static int receive_one(struct notify *n)
{
	char data[DATAGRAM_MAX];
	struct iovec iov = { data, sizeof(data) };
	_Alignas(struct cmsghdr) char
		control[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(8 * sizeof(int))];
	struct msghdr h = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t len = recvmsg(n->fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct notify_message m;
	pid_t pid;

	if (len < 0)
		return 0;
	pid = take_ancillary(&h);
	if (pid <= 0 || (h.msg_flags & MSG_TRUNC) || notify_parse(data, (size_t)len, &m) < 0)
		n->dropped++;
	else
		n->receive(n->ctx, pid, &m);
	return 1;
}

/* A child that floods us must not keep us from the others' timers. */
void notify_drain(struct notify *n)
{
	for (int i = 0; i < DATAGRAMS_A_TURN && receive_one(n); i++)
		;
}

static void on_readable(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	notify_drain(ctx);
}

int notify_listen(struct event_loop *loop, const char *path,
		  void (*receive)(void *ctx, pid_t pid, const struct notify_message *m), void *ctx,
		  struct notify **ret)
{
	_cleanup_(notify_freep) struct notify *n = xnew(struct notify, 1);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int on = 1;

	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (n->fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path));
	(void)unlink(path);
	if (setsockopt(n->fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
	    bind(n->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	n->path = xstrdup(path);
	if (chmod(path, 0600) < 0)
		return -errno;
	n->receive = receive;
	n->ctx = ctx;
	n->readable = event_new(event_loop_base(loop), n->fd, EV_READ | EV_PERSIST, on_readable, n);
	if (!n->readable || event_add(n->readable, NULL) < 0)
		return -ENOMEM;
	*ret = TAKE_PTR(n);
	return 0;
}

void notify_free(struct notify *n)
{
	if (!n)
		return;
	if (n->readable)
		event_free(n->readable);
	if (n->path)
		(void)unlink(n->path);
	closep(&n->fd);
	free(n->path);
	free(n);
}

uint64_t notify_dropped(const struct notify *n)
{
	return n->dropped;
}
