/* Bytes that many streams and gRPC's threads hold at once: the only thing in xds-server that is
 * freed on whatever thread lets go of it last, hence the atomic count. */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"

struct buffer {
	atomic_uint refs;
	uint32_t len;
	uint8_t data[];
};

/* The bytes are not initialised. len < 4 GiB. */
struct buffer *buffer_new(size_t len);
struct buffer *buffer_ref(struct buffer *b);
void buffer_unref(struct buffer *b);
DEFINE_CLEANUP(struct buffer *, buffer_unref)

/* Bytes in all buffers that there are. */
size_t buffer_total(void);

/* A piece of a buffer; a message is a row of them. */
struct segment {
	struct buffer *buffer;
	uint32_t offset, len;
};
