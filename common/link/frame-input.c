/* Cuts a stream of bytes into frames. Used at both ends of a link and for recordings. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/link/frame-input.h"

#define CHUNK    (64u * 1024)
#define KEEP_MAX (1024u * 1024) /* a larger buffer is freed when it is empty */

void frame_input_done(struct frame_input *in)
{
	free_wiped(in->data, in->cap);
	*in = (struct frame_input){ 0 };
}

/* The size of the frame at the start, as far as it is known. */
static size_t wanted(const struct frame_input *in)
{
	struct frame_header h;
	int r;

	if (in->len - in->start < FRAME_HEADER_SIZE)
		return FRAME_HEADER_SIZE;
	r = frame_header_decode(in->data + in->start, &h);
	return FRAME_HEADER_SIZE + (r == 0 || r == -ENOMSG ? h.length : 0);
}

static void make_room(struct frame_input *in)
{
	size_t want = wanted(in);

	if (in->start == in->len && in->cap > KEEP_MAX) {
		free_wiped(TAKE_PTR(in->data), in->cap);
		in->start = in->len = in->cap = 0;
	}
	if (in->start) {
		if (in->len > in->start)
			memmove(in->data, in->data + in->start, in->len - in->start);
		in->len -= in->start;
		in->start = 0;
	}
	/* A length that the peer only claims costs no memory: the buffer doubles as bytes
	 * arrive. */
	if (in->cap < CHUNK || (in->len == in->cap && in->cap < want)) {
		size_t cap = MIN(in->cap * 2, want);

		cap = MAX(cap, (size_t)CHUNK);
		in->data = realloc_wiped(in->data, in->cap, cap);
		in->cap = cap;
	}
}

ssize_t frame_input_fill(struct frame_input *in, int fd)
{
	ssize_t n;

	make_room(in);
	do
		n = read(fd, in->data + in->len, in->cap - in->len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	in->len += (size_t)n;
	return n;
}

int frame_input_next(struct frame_input *in, struct frame *ret)
{
	for (;;) {
		size_t have = in->len - in->start;
		struct frame f;
		int r;

		if (have < FRAME_HEADER_SIZE)
			return 0;
		f.payload = in->data + in->start + FRAME_HEADER_SIZE;
		r = frame_header_decode(in->data + in->start, &f.header);
		if (r == -EPROTONOSUPPORT)
			*ret = f;
		if (r < 0 && r != -ENOMSG)
			return r;
		if (have - FRAME_HEADER_SIZE < f.header.length)
			return 0;
		in->start += FRAME_HEADER_SIZE + f.header.length;
		if (r == 0) {
			*ret = f;
			return 1;
		}
		in->skipped++;
	}
}

bool frame_input_empty(const struct frame_input *in)
{
	return in->start == in->len;
}
