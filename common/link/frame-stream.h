/* A state as a file or pipe of frames: HELLO, a snapshot, deltas. The same bytes as on a link, but
 * no peer answers. For the offline pipeline and for recordings; blocks. */
#pragma once

#include "common/link/state.h"

struct frame_writer;

/* Writes HELLO to fd, which stays the caller's, also after frame_writer_free(). role: the owner of
 * the state ("watcher"). -errno of write(2). */
int frame_writer_new(int fd, const char *role, struct state *state, struct frame_writer **ret);
void frame_writer_free(struct frame_writer *w);
DEFINE_CLEANUP(struct frame_writer *, frame_writer_free)
/* Writes the changes committed since the last call: a snapshot the first time, then a delta. Items
 * are in order of kind and key, so equal states give equal bytes. Writes nothing if there are no
 * changes. -EAGAIN: the state is not committed. */
int frame_writer_write(struct frame_writer *w);

struct frame_reader;

/* Reads fd, which stays the caller's. role: the expected owner of the state; NULL for any. */
struct frame_reader *frame_reader_new(int fd, const char *role, struct state *mirror);
void frame_reader_free(struct frame_reader *r);
DEFINE_CLEANUP(struct frame_reader *, frame_reader_free)
/* Reads one transfer and commits it to the mirror: 1, or 0 at the end of the stream. -EBADMSG,
 * -EMSGSIZE, -EPROTONOSUPPORT, or -errno of read(2): frame_reader_error() says it in a sentence,
 * the mirror is as it was. */
int frame_reader_next(struct frame_reader *r);
const char *frame_reader_error(const struct frame_reader *r);
