/* Writes recordings: frames of a state's feed go into blocks, blocks into a file; old files are
 * deleted for new ones. Runs in portolan-recorder. */
#include <errno.h>
#include <event2/util.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/link/feed.h"
#include "common/link/hello.h"
#include "common/recording/recording-block.h"

struct recording_writer {
	struct recording_options o;
	char *path;
	uint64_t id;
	int fd;
	uint64_t bytes;          /* bytes of the file, all in whole blocks */
	uint64_t snapshot_bytes; /* of these, the first snapshot and what precedes it */
	int64_t begun_usec, last_usec;
	bool greeted; /* HELLO is in this file, from us */
	struct feed feed;
	struct feed_peer peer;
	struct evbuffer *frame;
	struct strbuf records; /* of the block that is being filled */
	int64_t first_usec;
	struct recording_counters counters;
};

static int write_all(int fd, const void *data, size_t n)
{
	const uint8_t *p = data;

	while (n) {
		ssize_t r = write(fd, p, n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		p += r;
		n -= (size_t)r;
	}
	return 0;
}

/* ---- files ---- */

static int sync_folder(const char *path)
{
	_cleanup_free_ char *folder = xstrdup(path);
	char *slash = strrchr(folder, '/');
	_cleanup_close_ int fd = -1;

	if (slash)
		slash[slash == folder] = '\0';
	fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* PATH.1 becomes PATH.2 and so on; the last one goes. */
static int make_way(const struct recording_writer *w)
{
	for (unsigned i = w->o.keep; i > 0; i--) {
		_cleanup_free_ char *to = xasprintf("%s.%u", w->path, i), *from = NULL;

		from = i > 1 ? xasprintf("%s.%u", w->path, i - 1) : xstrdup(w->path);
		if (rename(from, to) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

/* A new file in the place of PATH. It gets its name when it has its header and our lock. */
static int begin_file(struct recording_writer *w, int64_t now)
{
	_cleanup_free_ char *aside = xasprintf("%s.new", w->path);
	struct recording_header h = { w->o.redacted ? RECORDING_REDACTED : 0, now, w->id };
	uint8_t bytes[RECORDING_HEADER_SIZE];
	_cleanup_close_ int fd = -1;
	int r;

	if (unlink(aside) < 0 && errno != ENOENT)
		return -errno;
	/* Secrets' data goes in there. */
	fd = open(aside, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	recording_header_encode(&h, bytes);
	r = write_all(fd, bytes, sizeof(bytes));
	if (r >= 0)
		r = make_way(w);
	if (r >= 0 && rename(aside, w->path) < 0)
		r = -errno;
	if (r >= 0 && w->o.sync != RECORDING_SYNC_NEVER)
		r = sync_folder(w->path);
	if (r < 0)
		return r;
	closep(&w->fd);
	w->fd = TAKE_FD(fd);
	w->bytes = sizeof(bytes);
	w->snapshot_bytes = 0;
	w->begun_usec = w->last_usec = now;
	w->greeted = false;
	w->counters.files++;
	feed_peer_resync(&w->peer);
	return 0;
}

/* Walks over the blocks: 1 if the file ends with a whole one, 0 if not; where that is in w->bytes.
 */
static int walk(struct recording_writer *w, uint64_t size)
{
	_cleanup_strbuf_ struct strbuf records = STRBUF_INIT;
	uint8_t raw[BLOCK_HEADER_SIZE];
	struct block_header h;
	int r;

	while ((r = block_read_header(w->fd, &h, raw)) > 0) {
		uint64_t end = w->bytes + BLOCK_HEADER_SIZE + h.packed;

		if (end > size)
			return 0;
		if (end == size) {
			r = block_read(w->fd, &h, raw, &records);
			if (r < 0)
				return r == -EBADMSG ? 0 : r;
		} else if (lseek(w->fd, (off_t)end, SEEK_SET) < 0) {
			return -errno;
		}
		if (!w->snapshot_bytes)
			w->snapshot_bytes = h.packed;
		w->bytes = end;
		w->last_usec = h.last_usec;
	}
	return r == -EBADMSG ? 0 : r < 0 ? r : 1;
}

/* Continues the existing file: 1; 0 if another must be begun. */
static int take_up(struct recording_writer *w)
{
	uint8_t bytes[RECORDING_HEADER_SIZE];
	struct recording_header h;
	struct stat st;
	int r;

	w->fd = open(w->path, O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (w->fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (flock(w->fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	if (fstat(w->fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADMSG;
	r = recording_read(w->fd, bytes, sizeof(bytes));
	if (r <= 0)
		return r == -ENODATA ? -EBADMSG : r;
	r = recording_header_decode(bytes, &h);
	if (r < 0)
		return r;
	w->begun_usec = w->last_usec = h.begun_usec;
	w->bytes = sizeof(bytes);
	r = walk(w, (uint64_t)st.st_size);
	if (r <= 0)
		return r;
	return w->o.redacted == !!(h.flags & RECORDING_REDACTED);
}

int recording_writer_new(const struct recording_options *options, struct state *state,
			 struct recording_writer **ret)
{
	_cleanup_(recording_writer_freep) struct recording_writer *w =
		xnew(struct recording_writer, 1);
	int r;

	w->o = *options;
	w->path = xstrdup(options->path);
	w->fd = -1;
	w->frame = evbuffer_new();
	evutil_secure_rng_get_bytes(&w->id, sizeof(w->id));
	feed_init(&w->feed, state, NULL, NULL);
	feed_peer_init(&w->peer, &w->feed);
	w->peer.sorted = true;
	r = take_up(w);
	if (r < 0)
		return r;
	if (r == 0)
		closep(&w->fd);
	if (r == 0)
		w->fd = -1;
	*ret = TAKE_PTR(w);
	return 0;
}

void recording_writer_free(struct recording_writer *w)
{
	if (!w)
		return;
	feed_peer_done(&w->peer);
	feed_done(&w->feed);
	evbuffer_free(w->frame);
	strbuf_done(&w->records);
	closep(&w->fd);
	free(w->path);
	free(w);
}

/* ---- blocks ---- */

/* A failed write drops the whole transfer; the next one is a snapshot. */
static int give_up(struct recording_writer *w, int r)
{
	strbuf_clear(&w->records);
	feed_peer_resync(&w->peer);
	w->greeted = false;
	if (w->fd >= 0 && (ftruncate(w->fd, (off_t)w->bytes) < 0 ||
			   lseek(w->fd, (off_t)w->bytes, SEEK_SET) < 0)) {
		(void)close(w->fd);
		w->fd = -1;
	}
	return r;
}

int recording_writer_flush(struct recording_writer *w)
{
	_cleanup_strbuf_ struct strbuf block = STRBUF_INIT;
	int r;

	if (!w->records.len)
		return 0;
	block_encode(&w->records, w->first_usec, w->last_usec, &block);
	r = write_all(w->fd, block.s, block.len);
	if (r >= 0 && w->o.sync != RECORDING_SYNC_NEVER && fdatasync(w->fd) < 0)
		r = -errno;
	if (r < 0)
		return give_up(w, r);
	strbuf_clear(&w->records);
	w->bytes += block.len;
	w->counters.blocks++;
	w->counters.bytes_out += block.len;
	return 0;
}

bool recording_writer_pending(const struct recording_writer *w)
{
	return w->records.len > 0;
}

static int add_record(struct recording_writer *w, int64_t now, const void *frame, size_t n)
{
	uint8_t time[RECORD_TIME_SIZE];

	for (unsigned i = 0; i < sizeof(time); i++)
		time[i] = (uint8_t)((uint64_t)now >> (8 * i));
	if (!w->records.len)
		w->first_usec = now;
	strbuf_add(&w->records, time, sizeof(time));
	strbuf_add(&w->records, frame, n);
	w->counters.bytes_in += n;
	return w->records.len >= BLOCK_FULL ? recording_writer_flush(w) : 0;
}

static int greet(struct recording_writer *w, int64_t now)
{
	_cleanup_strbuf_ struct strbuf hello = STRBUF_INIT;

	if (w->greeted)
		return 0;
	w->greeted = true;
	hello_append(&hello, w->o.role, true);
	return add_record(w, now, hello.s, hello.len);
}

/* Whether to begin the next file: not before this one has twice the size of its snapshot. */
static bool is_full(const struct recording_writer *w, int64_t now)
{
	uint64_t bytes = w->bytes + w->records.len;

	if (!w->snapshot_bytes)
		return false;
	if (w->o.max_bytes && bytes >= MAX(w->o.max_bytes, 2 * w->snapshot_bytes))
		return true;
	return w->o.max_age_usec && now - w->begun_usec >= w->o.max_age_usec;
}

static int write_transfer(struct recording_writer *w, int64_t now)
{
	int type, r;

	while ((type = feed_peer_next(&w->peer, w->frame))) {
		size_t n = evbuffer_get_length(w->frame);

		r = add_record(w, now, evbuffer_pullup(w->frame, -1), n);
		(void)evbuffer_drain(w->frame, n);
		if (r < 0)
			return r;
		w->counters.snapshots += type == FRAME_SNAPSHOT_END;
	}
	w->counters.transfers++;
	return feed_peer_ack(&w->peer, w->peer.generation);
}

int recording_writer_write(struct recording_writer *w, int64_t now)
{
	bool snapshot;
	int r = 0;

	if (!state_complete(w->feed.state) || state_dirty(w->feed.state))
		return -EAGAIN;
	if (w->fd >= 0 && feed_peer_in_sync(&w->peer))
		return 0;
	if (w->fd >= 0 && is_full(w, now))
		r = recording_writer_flush(w);
	if (r >= 0 && (w->fd < 0 || is_full(w, now)))
		r = begin_file(w, now);
	if (r < 0)
		return r;
	now = MAX(now, w->last_usec);
	w->last_usec = now;
	snapshot = !w->peer.based;
	r = greet(w, now);
	if (r >= 0)
		r = write_transfer(w, now);
	if (r >= 0 && (snapshot || w->o.sync == RECORDING_SYNC_TRANSFER))
		r = recording_writer_flush(w);
	if (r < 0)
		return give_up(w, r);
	if (snapshot && !w->snapshot_bytes)
		w->snapshot_bytes = w->bytes;
	return 0;
}

const struct recording_counters *recording_writer_counters(const struct recording_writer *w)
{
	return &w->counters;
}
