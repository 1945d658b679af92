/* The parts of a recording's file: its header and its blocks. docs/do/recording.md has the
 * table. */
#pragma once

#include <sys/types.h>

#include "common/base/strbuf.h"
#include "common/link/frame.h"
#include "common/recording/recording.h"

#define BLOCK_HEADER_SIZE 56
#define RECORD_TIME_SIZE  8
/* A block is closed at this size; its last frame may exceed it. */
#define BLOCK_FULL (256u * 1024)
#define BLOCK_RAW_MAX \
	(BLOCK_FULL + FRAME_HEADER_SIZE + RECORD_TIME_SIZE + FRAME_ITEM_MAX + (1u << 20))

struct block_header {
	uint32_t packed, raw; /* bytes of the zstd frame, and of its content */
	int64_t first_usec, last_usec;
};

void recording_header_encode(const struct recording_header *h, uint8_t out[RECORDING_HEADER_SIZE]);
/* -EBADMSG, or -EPROTONOSUPPORT for a later version. */
int recording_header_decode(const uint8_t in[RECORDING_HEADER_SIZE], struct recording_header *ret);

/* Appends header and packed records to out. */
void block_encode(const struct strbuf *records, int64_t first_usec, int64_t last_usec,
		  struct strbuf *out);
/* Reads the next block's header: 1; 0 at the end of the file; -EBADMSG if the next bytes are not a
 * valid block (torn or damaged); -errno of read(2). */
int block_read_header(int fd, struct block_header *ret, uint8_t raw[BLOCK_HEADER_SIZE]);
/* Reads the rest of the block into records: 0; -ENODATA if the file ends inside it; -EBADMSG if it
 * is damaged (the next block's header follows all the same); -errno. */
int block_read(int fd, const struct block_header *h, const uint8_t raw[BLOCK_HEADER_SIZE],
	       struct strbuf *records);
/* All of n bytes: 1; 0 at the end of the file, -ENODATA if it ends before; -errno. */
int recording_read(int fd, void *data, size_t n);
