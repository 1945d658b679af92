/* Bytes shared by many streams and gRPC's threads. Whichever thread drops the last reference frees
 * them, hence the atomic count: xds-server has no other such object. */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/cleanup.h"

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

/* A piece of a buffer; a message is a list of them. */
struct segment {
	struct buffer *buffer;
	uint32_t offset, len;
};

/* A resource as it is sent: a list of buffers. Only xds-server's own thread uses it; gRPC gets the
 * buffers. */
struct encoding {
	unsigned refs;
	size_t len; /* of all together */
	size_t n;
	struct buffer *b[];
};

/* Takes the reference of each of the n buffers, which the caller puts in. */
struct encoding *encoding_new(size_t n);
struct encoding *encoding_ref(struct encoding *e);
void encoding_unref(struct encoding *e);
