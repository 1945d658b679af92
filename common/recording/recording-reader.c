/* Reads recordings back: blocks, records, and their transfers, past damaged parts. Assumes that
 * every byte may be hostile. Runs in portolan-watcher --replay and in the portolan command. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/wire.h"
#include "common/link/hello.h"
#include "common/link/mirror.h"
#include "common/recording/recording-block.h"

struct recording_reader {
	int *fds;
	size_t n, at; /* files; the one that is being read */
	const char *role;
	struct recording_header header; /* of the first */
	struct recording_damage damage;
	uint64_t snapshots;
	struct mirror mirror;
	struct strbuf records;
	size_t pos;
	uint64_t skipped; /* generation of the last transfer that could not be used */
};

struct record {
	int64_t usec;
	struct frame frame;
	size_t size;
};

static int open_file(struct recording_reader *r, const char *path, struct recording_header *ret,
		     char *why)
{
	uint8_t bytes[RECORDING_HEADER_SIZE];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), result;

	if (fd < 0) {
		result = -errno;
		(void)snprintf(why, FRAME_REASON_MAX, "cannot open %s: %s", path, strerror(errno));
		return result;
	}
	r->fds[r->n++] = fd;
	result = recording_read(fd, bytes, sizeof(bytes));
	if (result > 0)
		result = recording_header_decode(bytes, ret);
	else if (result == 0 || result == -ENODATA)
		result = -EBADMSG;
	if (result < 0)
		(void)snprintf(why, FRAME_REASON_MAX, "%s %s", path,
			       result == -EBADMSG           ? "is not a recording"
			       : result == -EPROTONOSUPPORT ? "was recorded by a later release"
							    : strerror(-result));
	return result;
}

int recording_reader_new(const char *const *paths, size_t n, const char *role, struct state *mirror,
			 struct recording_reader **ret, char *why)
{
	_cleanup_(recording_reader_freep) struct recording_reader *r =
		xnew(struct recording_reader, 1);
	struct recording_header h;
	int result;

	r->role = role;
	r->fds = xnew(int, n ? n : 1);
	mirror_init(&r->mirror, mirror, 0, 0);
	for (size_t i = 0; i < n; i++) {
		result = open_file(r, paths[i], &h, why);
		if (result < 0)
			return result;
		if (i == 0)
			r->header = h;
	}
	*ret = TAKE_PTR(r);
	return 0;
}

void recording_reader_free(struct recording_reader *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++)
		(void)close(r->fds[i]);
	free(r->fds);
	mirror_done(&r->mirror);
	strbuf_done(&r->records);
	free(r);
}

/* ---- blocks ---- */

/* The rest of the file cannot be read. from: where that begins. */
static void drop_file(struct recording_reader *r, off_t from)
{
	off_t end = lseek(r->fds[r->at], 0, SEEK_END);

	if (end > from && from >= 0)
		r->damage.torn_bytes += (uint64_t)(end - from);
	r->at++;
	mirror_restart(&r->mirror);
}

/* The next block that can be read: 1; 0 at the end of the last file; -errno. */
static int load(struct recording_reader *r)
{
	uint8_t raw[BLOCK_HEADER_SIZE];
	struct block_header h;

	r->pos = 0;
	strbuf_clear(&r->records);
	while (r->at < r->n) {
		int fd = r->fds[r->at], result;
		off_t from = lseek(fd, 0, SEEK_CUR);

		result = block_read_header(fd, &h, raw);
		if (result == 0 || result == -EBADMSG) {
			drop_file(r, from);
			continue;
		}
		if (result > 0)
			result = block_read(fd, &h, raw, &r->records);
		if (result == -ENODATA) {
			drop_file(r, from);
		} else if (result == -EBADMSG) {
			r->damage.bad_blocks++;
			mirror_restart(&r->mirror);
		} else {
			return result < 0 ? result : 1;
		}
	}
	return 0;
}

/* ---- records ---- */

static int64_t get_time(const uint8_t *p)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < RECORD_TIME_SIZE; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return (int64_t)v;
}

/* Reads the entry at the present place: 1; 0 at the block's end or if it is not a record;
 * -ENOMSG: a record to skip. */
static int parse(const struct recording_reader *r, struct record *ret)
{
	const uint8_t *p = (const uint8_t *)r->records.s + r->pos;
	size_t left = r->records.len - r->pos;
	int result;

	if (left < RECORD_TIME_SIZE + FRAME_HEADER_SIZE)
		return 0;
	result = frame_header_decode(p + RECORD_TIME_SIZE, &ret->frame.header);
	if (result < 0 && result != -ENOMSG)
		return 0;
	ret->usec = get_time(p);
	ret->frame.payload = p + RECORD_TIME_SIZE + FRAME_HEADER_SIZE;
	ret->size = RECORD_TIME_SIZE + FRAME_HEADER_SIZE + ret->frame.header.length;
	if (left < ret->size)
		return 0;
	return result < 0 ? result : 1;
}

static bool greet(struct recording_reader *r, const struct frame *f)
{
	char why[FRAME_REASON_MAX];
	struct hello hello;

	mirror_restart(&r->mirror);
	return hello_read(f, &hello, why) == 0 && (!r->role || strcmp(hello.role, r->role) == 0);
}

/* Whether a frame is useless because an earlier one that it needs is lost. */
static bool is_lost(const struct recording_reader *r, const struct frame *f)
{
	if (f->header.type == FRAME_SNAPSHOT_BEGIN)
		return false;
	if (r->mirror.transfer == MIRROR_LOST)
		return true;
	return r->mirror.transfer == MIRROR_IDLE && !r->mirror.holds;
}

static void skip(struct recording_reader *r, const struct frame *f)
{
	if (f->header.type != FRAME_DELTA && f->header.type != FRAME_SNAPSHOT_END)
		return;
	if (f->header.generation != r->skipped)
		r->damage.lost_transfers++;
	r->skipped = f->header.generation;
}

/* The next record that is of use: 1; 0 at the end; -errno. */
static int next_record(struct recording_reader *r, struct record *ret)
{
	for (;;) {
		int result = parse(r, ret);

		if (result == 0) {
			if (r->pos < r->records.len) {
				r->damage.bad_blocks++;
				mirror_restart(&r->mirror);
			}
			result = load(r);
			if (result <= 0)
				return result;
			continue;
		}
		if (result > 0 && ret->frame.header.type == FRAME_HELLO) {
			if (!greet(r, &ret->frame)) {
				r->damage.bad_blocks++;
				r->pos = r->records.len;
				continue;
			}
		} else if (result > 0 && is_lost(r, &ret->frame)) {
			skip(r, &ret->frame);
		} else if (result > 0) {
			return 1;
		}
		r->pos += ret->size;
	}
}

/* SNAPSHOT_BEGIN has it as field 1, DELTA as field 2. */
static uint64_t source_of(const struct frame *f)
{
	struct wire w = { f->payload, f->payload + f->header.length };
	uint32_t number = f->header.type == FRAME_DELTA ? 2 : 1;
	struct wire_field field;

	while (wire_next(&w, &field) > 0)
		if (field.number == number && field.type == WIRE_VARINT)
			return field.value;
	return 0;
}

int recording_reader_peek(struct recording_reader *r, int64_t *ret_usec, uint64_t *ret_source)
{
	struct record record;
	int result = next_record(r, &record);

	if (result <= 0)
		return result;
	*ret_usec = record.usec;
	*ret_source = source_of(&record.frame);
	return 1;
}

int recording_reader_next(struct recording_reader *r, int64_t *ret_usec)
{
	struct record record;
	int result;

	while ((result = next_record(r, &record)) > 0) {
		bool snapshot = record.frame.header.type == FRAME_SNAPSHOT_END;

		result = mirror_take(&r->mirror, &record.frame);
		r->pos += record.size;
		if (result == -EBADMSG || result == -EPROTO)
			skip(r, &record.frame);
		if (result != 1)
			continue;
		r->snapshots += snapshot;
		*ret_usec = record.usec;
		return 1;
	}
	return result;
}

const struct recording_header *recording_reader_header(const struct recording_reader *r)
{
	return &r->header;
}

const struct recording_damage *recording_reader_damage(const struct recording_reader *r)
{
	return &r->damage;
}

uint64_t recording_reader_snapshots(const struct recording_reader *r)
{
	return r->snapshots;
}
