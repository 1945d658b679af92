/* Bytes in, frames out: between a socket or a file and the handlers of frames. The table of frame
 * types bounds the memory, which grows only with received bytes. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "common/link/frame.h"

struct frame_input {
	uint8_t *data;
	size_t start, len, cap; /* unread bytes are data[start … len) */
	uint64_t skipped;       /* frames of types that only a newer minor version knows */
};

struct frame {
	struct frame_header header;
	const uint8_t *payload; /* until the next call of fill() or done() */
};

void frame_input_done(struct frame_input *in);
/* One read(2). Returns the bytes read, 0 at the end, -errno (-EAGAIN, …). Call it when next() has
 * no more frames. */
ssize_t frame_input_fill(struct frame_input *in, int fd);
/* 1 and a frame; 0: more bytes are needed; or as frame_header_decode(), after which the stream is
 * of no use any more (ret->header is filled in with -EPROTONOSUPPORT). */
int frame_input_next(struct frame_input *in, struct frame *ret);
/* Nothing is left over: the stream may end here. */
bool frame_input_empty(const struct frame_input *in);
