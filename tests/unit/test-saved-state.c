/* xds-server/saved-state.c: the committed state is there after a kill, and no other file is taken
 * for it. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/link/frame-stream.h"
#include "tests/lib/test.h"
#include "xds-server/saved-state.h"

static char dir[] = "/tmp/portolan-saved-state-XXXXXX";
static char path[64];
static char error[SAVED_STATE_ERROR_MAX];
static struct event_loop *loop;

__attribute__((constructor)) static void set_up(void)
{
	if (!mkdtemp(dir))
		abort();
	(void)snprintf(path, sizeof(path), "%s/x.state", dir);
	loop = event_loop_new();
}

__attribute__((destructor)) static void clean_up(void)
{
	(void)unlink(path);
	(void)rmdir(dir);
	event_loop_free(loop);
}

static void put(struct state *s, const char *key, const char *value, size_t n)
{
	(void)state_put(s, item_new(1, key, strlen(key), "v", 1, value, n));
}

/* n items of some size. */
static struct state *world(unsigned n, size_t size)
{
	_cleanup_free_ char *value = xcalloc(1, size);
	struct state *s = state_new();
	char key[16];

	for (unsigned i = 0; i < n; i++) {
		(void)snprintf(key, sizeof(key), "%u", i);
		memcpy(value, key, MIN(size, strlen(key)));
		put(s, key, value, size);
	}
	state_commit(s, 100);
	return s;
}

static void run(struct saved_state *s)
{
	while (!saved_state_current(s))
		CHECK_EQ(event_base_loop(event_loop_base(loop), EVLOOP_ONCE), 0);
}

static void check_holds(const struct state *expected)
{
	_cleanup_(state_freep) struct state *s = NULL;
	int r = saved_state_load(path, error, &s);

	if (r < 0)
		fprintf(stderr, "%s\n", error);
	CHECK_EQ(r, 0);
	CHECK_EQ(state_count(s), state_count(expected));
	CHECK(state_digest(s) == state_digest(expected));
	CHECK(state_source(s) == state_source(expected));
}

static void check_refused(const char *why)
{
	struct state *s = NULL;

	CHECK(saved_state_load(path, error, &s) < 0);
	CHECK(!s);
	if (!strstr(error, why))
		fprintf(stderr, "\"%s\" has no \"%s\"\n", error, why);
	CHECK(strstr(error, why) != NULL);
}

static off_t file_size(void)
{
	struct stat st;

	CHECK_EQ(stat(path, &st), 0);
	CHECK_EQ(st.st_mode & 07777, 0600);
	return st.st_size;
}

static void keep(struct state *state)
{
	struct saved_state *s = saved_state_new(loop, path, state);

	run(s);
	saved_state_free(s);
}

TEST(there_is_nothing_before_anything_was_complete)
{
	_cleanup_(state_freep) struct state *state = state_new();
	struct saved_state *s = saved_state_new(loop, path, state);
	struct state *loaded = NULL;

	put(state, "a", "1", 1);
	saved_state_free(s);
	CHECK_EQ(saved_state_load(path, error, &loaded), -ENOENT);
	CHECK(!loaded);
}

TEST(every_commit_is_in_the_file_soon_and_survives_a_kill)
{
	_cleanup_(state_freep) struct state *state = world(100, 100);
	struct saved_state *s = saved_state_new(loop, path, state);
	off_t before;

	run(s);
	check_holds(state);
	before = file_size();
	put(state, "7", "changed", 7);
	state_remove(state, 1, "8", 1);
	state_commit(state, 101);
	CHECK(!saved_state_current(s));
	run(s);
	check_holds(state);
	/* By appending, not by writing everything again. */
	CHECK(file_size() > before && file_size() < before + 200);
	state_commit(state, 102);
	run(s);
	check_holds(state);
	saved_state_free(s);
	check_holds(state);
}

TEST(what_is_left_to_write_is_written_at_the_end)
{
	_cleanup_(state_freep) struct state *state = world(3000, 1000);
	struct saved_state *s = saved_state_new(loop, path, state);

	put(state, "x", "y", 1);
	state_commit(state, 200);
	saved_state_free(s);
	check_holds(state);
}

TEST(a_large_world_is_written_in_steps_and_the_old_file_stays_until_then)
{
	_cleanup_(state_freep) struct state *old = world(5, 5), *state = world(8000, 1000);
	struct saved_state *s;
	unsigned turns = 0;

	keep(old);
	s = saved_state_new(loop, path, state);
	while (!saved_state_current(s)) {
		check_holds(old);
		CHECK_EQ(event_base_loop(event_loop_base(loop), EVLOOP_ONCE), 0);
		turns++;
	}
	CHECK(turns > 10);
	check_holds(state);
	saved_state_free(s);
}

TEST(a_file_that_has_grown_by_changes_is_written_anew)
{
	_cleanup_(state_freep) struct state *state = world(10, 100);
	struct saved_state *s = saved_state_new(loop, path, state);
	char *value = xcalloc(1, 100000);
	off_t most = 0;

	run(s);
	for (unsigned i = 0; i < 60; i++) {
		value[i] = 1;
		put(state, "0", value, 100000);
		state_commit(state, 1000 + i);
		run(s);
		(void)event_base_loop(event_loop_base(loop), EVLOOP_NONBLOCK);
		check_holds(state);
		most = MAX(most, file_size());
	}
	CHECK(most > (1 << 20) && most < (1 << 20) + 400000);
	CHECK(file_size() < most);
	free(value);
	saved_state_free(s);
}

/* Makes the file n bytes long. */
static void cut(off_t n)
{
	CHECK_EQ(truncate(path, n), 0);
}

TEST(a_torn_end_costs_only_what_was_being_written)
{
	_cleanup_(state_freep) struct state *before = world(10, 10), *after = world(10, 10);
	struct saved_state *s = saved_state_new(loop, path, after);
	off_t n, whole;

	run(s);
	n = file_size();
	put(after, "3", "changed", 7);
	state_commit(after, 101);
	run(s);
	saved_state_free(s);
	check_holds(after);
	whole = file_size();
	for (off_t at = whole - 1; at >= n; at--) {
		cut(at);
		check_holds(before);
	}
	cut(n - 1);
	check_refused("ends before its first complete state");
	cut(0);
	check_refused("ends before its first complete state");
}

/* Adds x to the byte at an offset. */
static void damage(off_t at)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	char c;

	CHECK_EQ(pread(fd, &c, 1, at), 1);
	c = (char)(c ^ 0x10);
	CHECK_EQ(pwrite(fd, &c, 1, at), 1);
	CHECK_EQ(close(fd), 0);
}

TEST(any_damaged_byte_is_noticed_or_harmless)
{
	_cleanup_(state_freep) struct state *state = world(20, 20);
	unsigned refused = 0, shorter = 0;
	off_t n;

	keep(state);
	n = file_size();
	for (off_t at = 0; at < n; at++) {
		struct state *s = NULL;

		damage(at);
		if (saved_state_load(path, error, &s) < 0) {
			CHECK(error[0] && !s);
			refused++;
		} else {
			/* Our own version string and similar fields: not part of the state. */
			CHECK_EQ(state_count(s), state_count(state));
			CHECK(state_digest(s) == state_digest(state));
			shorter++;
		}
		state_free(s);
		damage(at);
	}
	check_holds(state);
	CHECK(refused > (unsigned)n * 9 / 10);
}

static void write_file(const void *data, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK_EQ(write(fd, data, n), (long long)n);
	CHECK_EQ(close(fd), 0);
}

TEST(foreign_files_are_refused_with_a_reason)
{
	_cleanup_(state_freep) struct state *state = world(3, 3);
	struct frame_writer *w;
	char target[80];
	int fd;

	write_file("kind: Ingress\nmetadata: {}\n          ", 34);
	check_refused("");
	/* Frames, but another stage's. */
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	CHECK_EQ(frame_writer_new(fd, "watcher", state, &w), 0);
	CHECK_EQ(frame_writer_write(w), 0);
	frame_writer_free(w);
	CHECK_EQ(close(fd), 0);
	check_refused("it is the state of a watcher");
	keep(state);
	CHECK_EQ(chmod(path, 0640), 0);
	check_refused("nobody else may read");
	CHECK_EQ(chmod(path, 0600), 0);
	(void)snprintf(target, sizeof(target), "%s.moved", path);
	CHECK_EQ(rename(path, target), 0);
	CHECK_EQ(symlink(target, path), 0);
	check_refused("");
	CHECK_EQ(unlink(path), 0);
	CHECK_EQ(unlink(target), 0);
	CHECK_EQ(mkdir(path, 0700), 0);
	check_refused("");
	CHECK_EQ(rmdir(path), 0);
}

TEST(a_file_that_cannot_be_written_is_named_and_the_state_goes_on)
{
	_cleanup_(state_freep) struct state *state = world(3, 3);
	char blocked[80];
	struct saved_state *s;

	/* A directory, which unlink() does not remove, is at the new file's place. */
	(void)snprintf(blocked, sizeof(blocked), "%s.new", path);
	CHECK_EQ(mkdir(blocked, 0700), 0);
	s = saved_state_new(loop, path, state);
	while (!saved_state_error(s)[0])
		CHECK_EQ(event_base_loop(event_loop_base(loop), EVLOOP_ONCE), 0);
	put(state, "a", "b", 1);
	state_commit(state, 300);
	CHECK(!saved_state_current(s));
	CHECK_EQ(rmdir(blocked), 0);
	/* At the latest at the end. */
	saved_state_free(s);
	check_holds(state);
}
