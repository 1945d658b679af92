/* Questions to Envoy's admin interface. The program is linked statically: hence no HTTP library,
 * and as little of HTTP/1.1 (RFC 9112) as Envoy's answers need. */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/address.h"
#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "envoy-shutdown/admin.h"

#define ANSWER_MAX (4u << 20)
#define READ_SIZE  16384

static int find_address(const char *place, struct sockaddr_storage *ret, socklen_t *ret_len)
{
	struct sockaddr_un *un = (struct sockaddr_un *)ret;

	if (place[0] != '/')
		return address_parse(place, ret, ret_len);
	if (strlen(place) >= sizeof(un->sun_path))
		return -ENAMETOOLONG;
	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, place, strlen(place));
	*ret_len = sizeof(*un);
	return 0;
}

/* 0 when the socket is ready, -ETIMEDOUT at the deadline. */
static int wait_for(int fd, short events, int64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = events };

	for (;;) {
		int64_t left = deadline - clock_monotonic();
		int n;

		if (left <= 0)
			return -ETIMEDOUT;
		n = poll(&p, 1, (int)(left / USEC_PER_MSEC) + 1);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

static int open_socket(const char *place, int64_t deadline)
{
	struct sockaddr_storage a = { 0 };
	_cleanup_close_ int fd = -1;
	socklen_t len, size = sizeof(int);
	int r = find_address(place, &a, &len), error = 0;

	if (r < 0)
		return r;
	fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&a, len) == 0)
		return TAKE_FD(fd);
	if (errno != EINPROGRESS)
		return -errno;
	r = wait_for(fd, POLLOUT, deadline);
	if (r < 0)
		return r;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		return -errno;
	return error ? -error : TAKE_FD(fd);
}

static int send_all(int fd, const char *text, int64_t deadline)
{
	size_t left = strlen(text);

	while (left) {
		ssize_t n = send(fd, text, left, MSG_NOSIGNAL);

		if (n > 0) {
			text += n;
			left -= (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			int r = wait_for(fd, POLLOUT, deadline);

			if (r < 0)
				return r;
		} else if (n < 0 && errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

/* Reads to the end of the stream: the request says "Connection: close". */
static int receive_all(int fd, int64_t deadline, struct strbuf *ret)
{
	for (;;) {
		ssize_t n = recv(fd, strbuf_room(ret, READ_SIZE), READ_SIZE, 0);

		if (n == 0)
			return 0;
		if (n > 0) {
			ret->len += (size_t)n;
			ret->s[ret->len] = '\0';
			if (ret->len > ANSWER_MAX)
				return -EMSGSIZE;
		} else if (errno == EAGAIN) {
			int r = wait_for(fd, POLLIN, deadline);

			if (r < 0)
				return r;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
}

/* Is "transfer-encoding: chunked" among the header lines before end? */
static bool is_chunked(const char *head, const char *end)
{
	for (const char *line = strstr(head, "\r\n"); line && line < end;
	     line = strstr(line + 2, "\r\n"))
		if (strncasecmp(line + 2, "transfer-encoding: chunked", 26) == 0)
			return true;
	return false;
}

static int join_chunks(const char *p, const char *end, struct strbuf *ret)
{
	for (;;) {
		char *after;
		unsigned long n = strtoul(p, &after, 16);

		after = after == p ? NULL : strstr(after, "\r\n");
		if (!after)
			return -EBADMSG;
		if (n == 0)
			return 0;
		p = after + 2;
		if (n > (size_t)(end - p))
			return -EBADMSG;
		strbuf_add(ret, p, n);
		p += n;
		if (strncmp(p, "\r\n", 2) != 0)
			return -EBADMSG;
		p += 2;
	}
}

static int read_answer(const struct strbuf *answer, struct strbuf *ret_body)
{
	const char *text = strbuf_str(answer), *body = strstr(text, "\r\n\r\n");
	int status, r = 0;

	if (!body || sscanf(text, "HTTP/1.1 %3d", &status) != 1 || status < 100)
		return -EBADMSG;
	if (!ret_body)
		return status;
	if (is_chunked(text, body))
		r = join_chunks(body + 4, text + answer->len, ret_body);
	else
		strbuf_puts(ret_body, body + 4);
	return r < 0 ? r : status;
}

int admin_ask(const char *place, const char *method, const char *target, int64_t timeout_usec,
	      struct strbuf *ret_body)
{
	int64_t deadline = clock_monotonic() + timeout_usec;
	_cleanup_free_ char *question = xasprintf("%s %s HTTP/1.1\r\nHost: localhost\r\n"
						  "Connection: close\r\nContent-Length: 0\r\n\r\n",
						  method, target);
	_cleanup_strbuf_ struct strbuf answer = STRBUF_INIT;
	_cleanup_close_ int fd = -1;
	int r = open_socket(place, deadline);

	if (r < 0)
		return r;
	fd = r;
	r = send_all(fd, question, deadline);
	if (r == 0)
		r = receive_all(fd, deadline, &answer);
	return r < 0 ? r : read_answer(&answer, ret_body);
}
