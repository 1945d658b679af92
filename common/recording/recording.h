/* Recordings: a link's state over time. A file is a header, then blocks; a block is one zstd frame
 * of records, with a checksum; a record is a time and a frame of the link (HELLO, a snapshot,
 * deltas). Each file begins with a snapshot and can be read alone. A torn or damaged block loses
 * its own records, and the deltas after it up to the next snapshot. docs/do/recording.md describes
 * them for people. All functions block on the file system. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/link/state.h"

#define RECORDING_HEADER_SIZE 64
#define RECORDING_VERSION     1
#define RECORDING_REDACTED    (1u << 0)

struct recording_header {
	unsigned flags;     /* RECORDING_… */
	int64_t begun_usec; /* realtime: of this file */
	uint64_t id;        /* of the run of the recorder that began this file */
};

enum recording_sync {
	RECORDING_SYNC_NEVER,    /* the kernel writes when it likes */
	RECORDING_SYNC_BLOCK,    /* fdatasync(2) after each block */
	RECORDING_SYNC_TRANSFER, /* after each transfer, which is a block of its own */
};

struct recording_options {
	const char *path;
	const char *role; /* the state's owner: "watcher" */
	bool redacted;    /* for the header: the state holds no secrets */
	enum recording_sync sync;
	uint64_t max_bytes;   /* of a file, then the next is begun; 0: any size */
	int64_t max_age_usec; /* of a file; 0: any age */
	unsigned keep;        /* older files: PATH.1 is the last before PATH, PATH.2 before that… */
};

struct recording_writer;

/* Creates the file, mode 0600, or continues an existing one; one with a torn end, or redacted
 * unlike this recording, becomes PATH.1 instead. -EBADMSG: the file is not a recording. -EBUSY:
 * another process writes it. */
int recording_writer_new(const struct recording_options *options, struct state *state,
			 struct recording_writer **ret);
/* Drops records that were not flushed. */
void recording_writer_free(struct recording_writer *w);
DEFINE_CLEANUP(struct recording_writer *, recording_writer_free)
/* Takes the changes committed since the last call: at first a snapshot, then a delta. now:
 * realtime; it never goes back within a file. -EAGAIN: the state is not committed. After another
 * error the file holds nothing of this transfer, and the next call begins with a snapshot again. */
int recording_writer_write(struct recording_writer *w, int64_t now_usec);
/* Whether there is something that only a flush would write to the file. */
bool recording_writer_pending(const struct recording_writer *w);
int recording_writer_flush(struct recording_writer *w);

struct recording_counters {
	uint64_t transfers, snapshots, blocks, files;
	uint64_t bytes_in, bytes_out; /* frames, and their size in the file */
};
const struct recording_counters *recording_writer_counters(const struct recording_writer *w);

struct recording_damage {
	uint64_t bad_blocks;     /* not readable */
	uint64_t lost_transfers; /* unusable: they build on lost ones */
	uint64_t torn_bytes;     /* at ends of files */
};

struct recording_reader;

/* Reads the files in this order, as one. They must be of one role. -errno of open(2); -EBADMSG: not
 * a recording; -EPROTONOSUPPORT: of a later version. why (FRAME_REASON_MAX bytes) says it. */
int recording_reader_new(const char *const *paths, size_t n, const char *role, struct state *mirror,
			 struct recording_reader **ret, char *why);
void recording_reader_free(struct recording_reader *r);
DEFINE_CLEANUP(struct recording_reader *, recording_reader_free)
/* The time of the next transfer and the source (common/link/state.h) that it leads to: 1; 0 at
 * the end; -errno of read(2). */
int recording_reader_peek(struct recording_reader *r, int64_t *ret_usec, uint64_t *ret_source);
/* Takes the next transfer into the mirror and commits it: 1, with its time; 0 at the end; -errno of
 * read(2). Damage is skipped and counted. */
int recording_reader_next(struct recording_reader *r, int64_t *ret_usec);
const struct recording_header *recording_reader_header(const struct recording_reader *r);
const struct recording_damage *recording_reader_damage(const struct recording_reader *r);
uint64_t recording_reader_snapshots(const struct recording_reader *r);
