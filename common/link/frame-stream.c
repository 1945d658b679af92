/* A state as a stream of frames in a file or pipe. Used by the offline pipeline (`portolan
 * translate`) and for recordings. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/link/feed.h"
#include "common/link/frame-stream.h"
#include "common/link/hello.h"
#include "common/link/mirror.h"

#define OUT_LOW (256u * 1024)

struct frame_writer {
	int fd;
	struct feed feed;
	struct feed_peer peer;
	struct evbuffer *out;
};

/* Writes all of it; waits for a pipe that another process made non-blocking. */
static int drain(struct frame_writer *w)
{
	while (evbuffer_get_length(w->out)) {
		struct pollfd p = { .fd = w->fd, .events = POLLOUT };

		if (evbuffer_write(w->out, w->fd) >= 0 || errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		(void)poll(&p, 1, -1);
	}
	return 0;
}

int frame_writer_new(int fd, const char *role, struct state *state, struct frame_writer **ret)
{
	_cleanup_(frame_writer_freep) struct frame_writer *w = xnew(struct frame_writer, 1);
	_cleanup_strbuf_ struct strbuf hello = STRBUF_INIT;
	int r;

	w->fd = fd;
	w->out = evbuffer_new();
	feed_init(&w->feed, state, NULL, NULL);
	feed_peer_init(&w->peer, &w->feed);
	w->peer.sorted = true;
	hello_append(&hello, role, true);
	(void)evbuffer_add(w->out, hello.s, hello.len);
	r = drain(w);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(w);
	return 0;
}

void frame_writer_free(struct frame_writer *w)
{
	if (!w)
		return;
	feed_peer_done(&w->peer);
	feed_done(&w->feed);
	evbuffer_free(w->out);
	free(w);
}

int frame_writer_write(struct frame_writer *w)
{
	int r;

	if (!state_complete(w->feed.state) || state_dirty(w->feed.state))
		return -EAGAIN;
	while (feed_peer_next(&w->peer, w->out)) {
		if (evbuffer_get_length(w->out) < OUT_LOW)
			continue;
		r = drain(w);
		if (r < 0)
			return r;
	}
	r = drain(w);
	if (r < 0)
		return r;
	/* No peer answers here: a written frame counts as held. */
	return feed_peer_busy(&w->peer) ? feed_peer_ack(&w->peer, w->peer.generation) : 0;
}

struct frame_reader {
	int fd;
	const char *role;
	bool greeted;
	struct frame_input in;
	struct mirror mirror;
	char error[FRAME_REASON_MAX];
};

struct frame_reader *frame_reader_new(int fd, const char *role, struct state *mirror)
{
	struct frame_reader *r = xnew(struct frame_reader, 1);

	r->fd = fd;
	r->role = role;
	mirror_init(&r->mirror, mirror, 0, 0);
	return r;
}

void frame_reader_free(struct frame_reader *r)
{
	if (!r)
		return;
	mirror_done(&r->mirror);
	frame_input_done(&r->in);
	free(r);
}

static int greet(struct frame_reader *r, const struct frame *f)
{
	struct hello hello;
	int result = hello_read(f, &hello, r->error);

	if (result < 0)
		return result;
	if (r->role && strcmp(r->role, hello.role) != 0) {
		(void)snprintf(r->error, sizeof(r->error),
			       "this is the state of a %s, that of a %s was expected", hello.role,
			       r->role);
		return -EBADMSG;
	}
	r->greeted = true;
	return 0;
}

static int take(struct frame_reader *r, const struct frame *f)
{
	int result;

	if (!r->greeted)
		return greet(r, f);
	if (f->header.type == FRAME_BYE)
		return 0;
	result = mirror_take(&r->mirror, f);
	if (result == -EBADMSG)
		(void)memcpy(r->error, r->mirror.reason, sizeof(r->error));
	else if (result < 0)
		(void)snprintf(r->error, sizeof(r->error), "%s has no place in a stream",
			       frame_type(f->header.type)->name);
	return result == -EPROTO ? -EBADMSG : result;
}

/* 1 if there is more to look at, 0 at the end. */
static int fill(struct frame_reader *r)
{
	struct pollfd p = { .fd = r->fd, .events = POLLIN };
	ssize_t n;

	while ((n = frame_input_fill(&r->in, r->fd)) == -EAGAIN)
		(void)poll(&p, 1, -1);
	if (n > 0)
		return 1;
	if (n < 0) {
		(void)snprintf(r->error, sizeof(r->error), "reading failed: %s", strerror((int)-n));
		return (int)n;
	}
	if (!r->greeted || !frame_input_empty(&r->in) || r->mirror.transfer != MIRROR_IDLE) {
		(void)snprintf(r->error, sizeof(r->error), "the stream ends in the middle");
		return -EBADMSG;
	}
	return 0;
}

int frame_reader_next(struct frame_reader *r)
{
	for (;;) {
		struct frame f;
		int result = frame_input_next(&r->in, &f);

		if (result < 0)
			hello_explain(result, &f, r->error);
		else if (result > 0)
			result = take(r, &f);
		else if ((result = fill(r)) > 0)
			continue;
		else
			return result;
		if (result)
			return result;
	}
}

const char *frame_reader_error(const struct frame_reader *r)
{
	return r->error;
}
