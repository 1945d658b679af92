/* common/recording-*.c: written transfers read back, whatever happened to the file's end or
 * middle. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/link/frame.h"
#include "common/recording/recording-block.h"
#include "common/recording/recording-moment.h"
#include "tests/lib/test.h"

static char folder[] = "/tmp/portolan-test-XXXXXX";
static char path[64];

static void begin(void)
{
	memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
	CHECK(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/r", folder);
}

static void end(void)
{
	char pattern[64];
	glob_t found;

	(void)snprintf(pattern, sizeof(pattern), "%s/*", folder);
	if (glob(pattern, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			CHECK_EQ(unlink(found.gl_pathv[i]), 0);
	globfree(&found);
	CHECK_EQ(rmdir(folder), 0);
}

static struct recording_writer *open_writer(struct recording_options o, struct state *s)
{
	struct recording_writer *w;

	o.path = path;
	o.role = "watcher";
	CHECK_EQ(recording_writer_new(&o, s, &w), 0);
	return w;
}

static void put(struct state *s, const char *key, const char *value, uint64_t source)
{
	(void)state_put(s, item_new(3, key, strlen(key), "m", 1, value, strlen(value)));
	state_commit(s, source);
}

#define WORLDS 20

/* World n has key k<n>, and "same" says n. Digests go to digests[n]. Each is a block of its own. */
static void write_worlds(uint64_t digests[WORLDS + 1], struct recording_options o)
{
	_cleanup_(state_freep) struct state *s = state_new();
	struct recording_writer *w = open_writer(o, s);
	char key[16];

	for (unsigned n = 1; n <= WORLDS; n++) {
		(void)snprintf(key, sizeof(key), "k%u", n);
		(void)state_put(s, item_new(3, "same", 4, NULL, 0, key, strlen(key)));
		put(s, key, "value", n);
		digests[n] = state_digest(s);
		CHECK_EQ(recording_writer_write(w, n * 1000), 0);
		CHECK_EQ(recording_writer_flush(w), 0);
	}
	recording_writer_free(w);
}

/* Reads all there is: every world must be whole. Returns how many came. */
static unsigned read_worlds(const uint64_t digests[WORLDS + 1], struct recording_damage *ret)
{
	_cleanup_(state_freep) struct state *s = state_new();
	struct recording_reader *r;
	char why[FRAME_REASON_MAX];
	unsigned n = 0;
	int64_t usec;
	int result;

	CHECK_EQ(recording_reader_new((const char *[]){ path }, 1, "watcher", s, &r, why), 0);
	while ((result = recording_reader_next(r, &usec)) > 0) {
		uint64_t world = state_source(s);

		CHECK(world >= 1 && world <= WORLDS);
		CHECK_EQ(state_digest(s), digests[world]);
		CHECK_EQ(usec, world * 1000);
		n++;
	}
	CHECK_EQ(result, 0);
	*ret = *recording_reader_damage(r);
	recording_reader_free(r);
	return n;
}

static char *load(size_t *ret_size)
{
	struct stat st;
	int fd = open(path, O_RDONLY);
	char *data;

	CHECK(fd >= 0 && fstat(fd, &st) == 0);
	data = xmalloc((size_t)st.st_size);
	CHECK_EQ(read(fd, data, (size_t)st.st_size), st.st_size);
	(void)close(fd);
	*ret_size = (size_t)st.st_size;
	return data;
}

static void store(const char *data, size_t size)
{
	int fd;

	CHECK_EQ(unlink(path), 0);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, data, size), (ssize_t)size);
	(void)close(fd);
}

TEST(worlds_read_back_with_their_times)
{
	struct recording_damage damage;
	uint64_t digests[WORLDS + 1];

	begin();
	write_worlds(digests, (struct recording_options){ 0 });
	CHECK_EQ(read_worlds(digests, &damage), WORLDS);
	CHECK_EQ(damage.bad_blocks + damage.lost_transfers + damage.torn_bytes, 0);
	end();
}

TEST(a_torn_end_costs_no_more_than_its_last_block)
{
	struct recording_damage damage;
	uint64_t digests[WORLDS + 1];
	unsigned before = 0;
	size_t size;
	char *data;

	begin();
	write_worlds(digests, (struct recording_options){ 0 });
	data = load(&size);
	for (size_t cut = RECORDING_HEADER_SIZE; cut <= size; cut++) {
		unsigned n;

		store(data, cut);
		n = read_worlds(digests, &damage);
		CHECK(n == before || n == before + 1);
		CHECK_EQ(damage.bad_blocks + damage.lost_transfers, 0);
		before = n;
	}
	CHECK_EQ(before, WORLDS);
	free(data);
	end();
}

TEST(no_changed_byte_makes_a_wrong_world)
{
	struct recording_damage damage;
	uint64_t digests[WORLDS + 1];
	size_t size;
	char *data;

	begin();
	write_worlds(digests, (struct recording_options){ 0 });
	data = load(&size);
	for (size_t at = RECORDING_HEADER_SIZE; at < size; at++) {
		data[at] ^= 0x55;
		store(data, size);
		CHECK(read_worlds(digests, &damage) < WORLDS);
		CHECK(damage.bad_blocks + damage.torn_bytes > 0);
		data[at] ^= 0x55;
	}
	free(data);
	end();
}

TEST(what_comes_after_damage_is_found_again_at_the_next_snapshot)
{
	struct recording_damage damage;
	uint64_t digests[WORLDS + 1];
	size_t first, size;
	char *data;

	begin();
	write_worlds(digests, (struct recording_options){ 0 });
	free(load(&first));
	/* A second run goes on in the same file, with a snapshot. */
	write_worlds(digests, (struct recording_options){ 0 });
	data = load(&size);
	CHECK(size > first);
	/* After the first run's snapshot: in the packed bytes of its second block. */
	for (size_t at = RECORDING_HEADER_SIZE + 1, blocks = 0; at < first; at++)
		if (memcmp(data + at, "PTLB", 4) == 0 && ++blocks == 1) {
			data[at + BLOCK_HEADER_SIZE + 3] ^= 1;
			break;
		}
	store(data, size);
	{
		_cleanup_(state_freep) struct state *s = state_new();
		struct recording_reader *r;
		char why[FRAME_REASON_MAX];
		unsigned n = 0;
		int64_t usec;

		CHECK_EQ(recording_reader_new((const char *[]){ path }, 1, NULL, s, &r, why), 0);
		while (recording_reader_next(r, &usec) > 0)
			n++;
		damage = *recording_reader_damage(r);
		CHECK_EQ(recording_reader_snapshots(r), 2);
		CHECK_EQ(state_digest(s), digests[WORLDS]);
		recording_reader_free(r);
		CHECK_EQ(n, 1 + WORLDS);
	}
	CHECK_EQ(damage.bad_blocks, 1);
	CHECK_EQ(damage.lost_transfers, WORLDS - 2);
	free(data);
	end();
}

static unsigned count_files(void)
{
	unsigned n = 0;
	char name[80];

	for (unsigned i = 1;; i++, n++) {
		(void)snprintf(name, sizeof(name), "%s.%u", path, i);
		if (access(name, F_OK) < 0)
			return n;
	}
}

TEST(each_file_of_a_rotation_can_be_read_alone)
{
	_cleanup_(state_freep) struct state *s = state_new();
	struct recording_options o = { .sync = RECORDING_SYNC_TRANSFER,
				       .max_age_usec = 5000,
				       .keep = 3 };
	struct recording_writer *w;
	struct recording_damage damage;
	uint64_t digests[WORLDS + 1];
	unsigned n;

	begin();
	write_worlds(digests, o);
	CHECK_EQ(count_files(), 3);
	n = read_worlds(digests, &damage);
	CHECK(n >= 1 && n < WORLDS);
	CHECK_EQ(damage.torn_bytes + damage.lost_transfers, 0);

	/* By size: never less than twice the snapshot's. */
	o = (struct recording_options){ .max_bytes = 1,
					.keep = 1,
					.sync = RECORDING_SYNC_TRANSFER };
	w = open_writer(o, s);
	for (unsigned i = 0; i < 50; i++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "k%u", i);
		put(s, key, "value", 100 + i);
		CHECK_EQ(recording_writer_write(w, i), 0);
	}
	CHECK(recording_writer_counters(w)->files > 2);
	CHECK(recording_writer_counters(w)->snapshots < 25);
	recording_writer_free(w);
	end();
}

TEST(a_file_with_a_torn_end_is_kept_and_another_begun)
{
	struct recording_damage damage;
	uint64_t digests[WORLDS + 1];
	size_t size;
	char *data, name[80];

	begin();
	write_worlds(digests, (struct recording_options){ 0 });
	data = load(&size);
	store(data, size - 5);
	write_worlds(digests, (struct recording_options){ .keep = 2 });
	CHECK_EQ(count_files(), 1);
	CHECK_EQ(read_worlds(digests, &damage), WORLDS);
	(void)snprintf(name, sizeof(name), "%s.1", path);
	CHECK_EQ(rename(name, path), 0);
	CHECK_EQ(read_worlds(digests, &damage), WORLDS - 1);
	CHECK(damage.torn_bytes > 0);
	free(data);
	end();
}

TEST(what_is_no_recording_is_left_alone)
{
	struct recording_options o = { .path = path, .role = "watcher" };
	_cleanup_(state_freep) struct state *s = state_new();
	struct recording_writer *w, *second;
	struct recording_reader *r;
	char why[FRAME_REASON_MAX];
	int fd;

	begin();
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	CHECK_EQ(write(fd, "precious", 8), 8);
	(void)close(fd);
	CHECK_EQ(recording_writer_new(&o, s, &w), -EBADMSG);
	CHECK_EQ(recording_reader_new((const char *[]){ path }, 1, NULL, s, &r, why), -EBADMSG);
	CHECK_EQ(unlink(path), 0);
	w = open_writer(o, s);
	CHECK_EQ(recording_writer_write(w, 1), -EAGAIN);
	put(s, "a", "1", 1);
	CHECK_EQ(recording_writer_write(w, 1), 0);
	CHECK_EQ(recording_writer_new(&o, s, &second), -EBUSY);
	recording_writer_free(w);
	CHECK_EQ(recording_reader_new((const char *[]){ path }, 1, "translator", s, &r, why), 0);
	{
		int64_t usec;

		CHECK_EQ(recording_reader_next(r, &usec), 0);
		CHECK_EQ(recording_reader_damage(r)->bad_blocks, 1);
	}
	recording_reader_free(r);
	end();
}

TEST(moments_are_read_as_people_write_them)
{
	struct recording_moment m;
	char text[RECORDING_TIME_SIZE];

	CHECK_EQ(recording_moment_parse("2026-01-31T12:00:00.5Z", &m), 0);
	CHECK_EQ(m.kind, MOMENT_TIME);
	CHECK_STR(recording_time(m.usec, text), "2026-01-31T12:00:00.500000Z");
	CHECK_EQ(recording_moment_parse("+1.5m", &m), 0);
	CHECK_EQ(m.usec, 90000000);
	CHECK(recording_moment_before(&m, 10, 90000011, 1));
	CHECK(!recording_moment_before(&m, 10, 90000010, 1));
	CHECK_EQ(recording_moment_parse("+20ms", &m), 0);
	CHECK_EQ(m.usec, 20000);
	CHECK_EQ(recording_moment_parse("1790000000000000", &m), 0);
	CHECK_EQ(m.kind, MOMENT_SOURCE);
	CHECK(recording_moment_before(&m, 0, 0, 1790000000000001));
	CHECK_EQ(recording_moment_parse("start", &m), 0);
	CHECK_EQ(recording_moment_parse("end", &m), 0);
	CHECK_EQ(recording_moment_parse("", &m), -EINVAL);
	CHECK_EQ(recording_moment_parse("+5", &m), -EINVAL);
	CHECK_EQ(recording_moment_parse("+s", &m), -EINVAL);
	CHECK_EQ(recording_moment_parse("yesterday", &m), -EINVAL);
	CHECK_EQ(recording_moment_parse("2026-01-31T12:00:00", &m), -EINVAL);
	CHECK_EQ(recording_moment_parse("12345678901234567890", &m), -EINVAL);
}
