/* One HTTP/1.1 question over a Unix socket. libevent 2.1's own client cannot connect to one. Used
 * by admin, supervisor and the portolan command; never by a stage that serves Envoy. */
#include <errno.h>
#include <event2/bufferevent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/base/alloc.h"
#include "common/daemon/control-client.h"
#include "common/sandbox/sandbox.h"

#define HEAD_MAX  16384
#define NO_LENGTH SIZE_MAX

struct control_client {
	struct event_loop *loop;
	struct bufferevent *stream;
	struct event *timer;
	struct control_question question;
	struct control_answer answer;
	struct evbuffer *body; /* the body so far, chunks joined */
	size_t length;         /* Content-Length, or NO_LENGTH */
	bool head_done, chunked;
	size_t chunk_left; /* bytes of the present chunk that are to come */
	bool chunk_tail;   /* the line end after a chunk is to come */
};

static void client_free(void *ctx)
{
	struct control_client *c = ctx;

	if (c->stream)
		bufferevent_free(c->stream);
	event_free(c->timer);
	evbuffer_free(c->body);
	free(c);
}

static void finish(struct control_client *c, int error)
{
	if (!c->question.answer)
		return;
	c->answer.error = error;
	c->answer.body = error ? NULL : c->body;
	c->question.answer(c->question.ctx, &c->answer);
	control_ask_cancel(c);
}

void control_ask_cancel(struct control_client *c)
{
	c->question.answer = NULL;
	if (c->stream)
		(void)bufferevent_disable(c->stream, EV_READ | EV_WRITE);
	(void)event_del(c->timer);
	event_loop_defer(c->loop, client_free, c);
}

/* value of the header if the line is of that name, without blanks around it */
static const char *header_value(const char *line, const char *name)
{
	size_t n = strlen(name);

	if (strncasecmp(line, name, n) != 0 || line[n] != ':')
		return NULL;
	return line + n + 1 + strspn(line + n + 1, " \t");
}

static int read_header(struct control_client *c, const char *line)
{
	unsigned long long n;
	const char *value;
	char end;

	value = header_value(line, "Content-Length");
	if (value) {
		if (sscanf(value, "%15llu%c", &n, &end) != 1)
			return -EBADMSG;
		c->length = n;
		return n > c->question.max_body ? -EMSGSIZE : 0;
	}
	value = header_value(line, "Transfer-Encoding");
	if (value) {
		c->chunked = strcasecmp(value, "chunked") == 0;
		return c->chunked ? 0 : -EBADMSG;
	}
	value = header_value(line, "Content-Type");
	if (value)
		(void)snprintf(c->answer.type, sizeof(c->answer.type), "%s", value);
	return 0;
}

/* Reads status line and headers, once all of them are there: 1; 0: not yet. */
static int read_head(struct control_client *c, struct evbuffer *in)
{
	struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
	bool first = true;
	char *line;
	int r = 0;

	if (end.pos < 0)
		return evbuffer_get_length(in) > HEAD_MAX ? -EBADMSG : 0;
	while (r == 0 && (line = evbuffer_readln(in, NULL, EVBUFFER_EOL_CRLF_STRICT)) && *line) {
		if (!first)
			r = read_header(c, line);
		else if (sscanf(line, "HTTP/1.%*[01] %3d", &c->answer.status) != 1)
			r = -EBADMSG;
		first = false;
		free(line);
		line = NULL;
	}
	free(line);
	c->head_done = true;
	if (r == 0 && c->answer.status == 0)
		r = -EBADMSG;
	if (r == 0 && c->question.begin)
		r = c->question.begin(c->question.ctx,
				      c->length == NO_LENGTH ? c->question.max_body : c->length);
	return r < 0 ? r : 1;
}

/* One step through the chunks: 1 for more, 0 when it needs more bytes, 2 at the end. */
static int read_chunk(struct control_client *c, struct evbuffer *in)
{
	_cleanup_free_ char *line = NULL;
	unsigned long long n;

	if (c->chunk_left) {
		int moved = evbuffer_remove_buffer(in, c->body, c->chunk_left);

		if (moved <= 0)
			return 0;
		c->chunk_left -= (size_t)moved;
		c->chunk_tail = c->chunk_left == 0;
		return 1;
	}
	line = evbuffer_readln(in, NULL, EVBUFFER_EOL_CRLF_STRICT);
	if (!line)
		return evbuffer_get_length(in) > HEAD_MAX ? -EBADMSG : 0;
	if (c->chunk_tail) {
		c->chunk_tail = false;
		return *line ? -EBADMSG : 1;
	}
	if (sscanf(line, "%15llx", &n) != 1)
		return -EBADMSG;
	if (n > c->question.max_body - evbuffer_get_length(c->body))
		return -EMSGSIZE;
	c->chunk_left = n;
	return n ? 1 : 2;
}

static void on_read(struct bufferevent *stream, void *ctx)
{
	struct evbuffer *in = bufferevent_get_input(stream);
	struct control_client *c = ctx;
	int r = 1;

	if (!c->question.answer)
		return;
	if (!c->head_done)
		r = read_head(c, in);
	while (r == 1 && c->chunked)
		r = read_chunk(c, in);
	if (r < 0 || r == 2) {
		finish(c, r < 0 ? r : 0);
		return;
	}
	if (r == 0)
		return;
	(void)evbuffer_add_buffer(c->body, in);
	if (evbuffer_get_length(c->body) > c->question.max_body)
		finish(c, -EMSGSIZE);
	else if (c->length != NO_LENGTH && evbuffer_get_length(c->body) >= c->length)
		finish(c, 0);
}

static void on_event(struct bufferevent *stream _unused_, short what, void *ctx)
{
	struct control_client *c = ctx;
	int error = EVUTIL_SOCKET_ERROR();

	if (what & BEV_EVENT_EOF)
		/* The end of the stream ends a body of no stated length. */
		finish(c, c->head_done && !c->chunked && c->length == NO_LENGTH ? 0 : -ECONNRESET);
	else if (what & BEV_EVENT_ERROR)
		finish(c, error ? -error : -EIO);
}

static void on_timeout(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct control_client *c = ctx;

	finish(c, c->answer.error ? c->answer.error : -ETIMEDOUT);
}

static int connect_unix(struct control_client *c, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -1;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 ||
	    connect(fd, (const struct sockaddr *)sandbox_address(&addr), sizeof(addr)) < 0)
		return -errno;
	c->stream = bufferevent_socket_new(event_loop_base(c->loop), fd, BEV_OPT_CLOSE_ON_FREE);
	if (!c->stream)
		return -ENOMEM;
	(void)TAKE_FD(fd);
	return 0;
}

struct control_client *control_ask(struct event_loop *loop, const struct control_question *question)
{
	struct control_client *c = xnew(struct control_client, 1);
	int64_t wait = question->timeout_usec;

	c->loop = loop;
	c->question = *question;
	c->length = NO_LENGTH;
	c->body = evbuffer_new();
	c->timer = event_loop_timer(loop, on_timeout, c);
	c->answer.error = connect_unix(c, question->socket);
	if (c->answer.error < 0) {
		wait = 0; /* told from the loop, like every answer */
	} else {
		bufferevent_setcb(c->stream, on_read, NULL, on_event, c);
		(void)bufferevent_enable(c->stream, EV_READ | EV_WRITE);
		(void)evbuffer_add_printf(
			bufferevent_get_output(c->stream),
			"%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
			"Content-Length: 0\r\n\r\n",
			question->method, question->target);
	}
	event_loop_arm(c->timer, wait);
	return c;
}

const char *control_error(int error)
{
	switch (error) {
	case -ENOENT:
	case -ECONNREFUSED:
		return "does not run";
	case -ETIMEDOUT:
		return "runs, but does not answer in time";
	case -EMSGSIZE:
		return "answers more than can be shown";
	default:
		return "does not answer as it should";
	}
}
