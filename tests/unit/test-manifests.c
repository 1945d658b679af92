/* The manifests source on real files with real inotify, driven by the event loop:
 * watcher/manifests/manifests.c and its parts. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/decode/object-kind.h"
#include "tests/lib/test.h"
#include "watcher/manifests/manifests.h"

/* ---- a place, a store and a source ---- */

struct place {
	char dir[64]; /* temporary; files are in dir/m */
	struct event_loop *loop;
	struct store *store;
	struct source *source;
	const char *paths[4];
	size_t n_paths;
	size_t file_max;
};

static char *in(const struct place *p, const char *name)
{
	static char path[4][512];
	static unsigned turn;
	char *at = path[turn++ % 4];

	(void)snprintf(at, sizeof(path[0]), "%s/%s", p->dir, name);
	return at;
}

static void write_text(const struct place *p, const char *name, const char *text)
{
	FILE *f = fopen(in(p, name), "w");

	CHECK(f);
	(void)fputs(text, f);
	CHECK_EQ(fclose(f), 0);
}

/* Written aside and renamed. */
static void put_text(const struct place *p, const char *name, const char *text)
{
	write_text(p, "aside", text);
	CHECK_EQ(rename(in(p, "aside"), in(p, name)), 0);
}

static const char *config_map(const char *name, const char *value)
{
	static char text[4][512];
	static unsigned turn;
	char *at = text[turn++ % 4];

	(void)snprintf(at, sizeof(text[0]),
		       "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata: {v: '%s'}\n",
		       name, value);
	return at;
}

static int remove_one(const char *path, const struct stat *st _unused_, int flag _unused_,
		      struct FTW *ftw _unused_)
{
	return remove(path);
}

static void remove_tree(const char *path)
{
	CHECK_EQ(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void place_new(struct place *p)
{
	*p = (struct place){ .dir = "/tmp/portolan-manifests-XXXXXX" };
	CHECK(mkdtemp(p->dir));
	CHECK_EQ(mkdir(in(p, "m"), 0700), 0);
	p->loop = event_loop_new();
	p->store = store_new();
	p->paths[0] = xstrdup(in(p, "m"));
	p->n_paths = 1;
}

static void place_start(struct place *p)
{
	const struct manifests_config config = { .paths = p->paths,
						 .n_paths = p->n_paths,
						 .file_max = p->file_max,
						 .poll_usec = 20 * USEC_PER_MSEC };

	CHECK_EQ(manifests_new(p->loop, p->store, &config, &p->source), 0);
}

static void place_free(struct place *p)
{
	if (p->source)
		p->source->ops->free(p->source);
	store_free(p->store);
	event_loop_free(p->loop);
	for (size_t i = 0; i < p->n_paths; i++)
		free((char *)(uintptr_t)p->paths[i]);
	remove_tree(p->dir);
}
#define _cleanup_place_ _cleanup_(place_free)

/* ---- its content ---- */

static const struct item *object(const struct place *p, const char *name)
{
	char key[128];
	int n = snprintf(key, sizeof(key), "default/%s", name);

	return state_get(store_objects(p->store), OBJECT_CONFIG_MAP, key, (size_t)n);
}

/* data.v, or NULL if there is no such object. */
static const char *value(const struct place *p, const char *name)
{
	static char text[64];
	const struct item *i = object(p, name);
	const uint8_t *end;
	size_t n;

	if (!i)
		return NULL;
	/* The last field of the encoding is the only value of data. */
	end = item_value(i) + i->value_len;
	for (n = 0; n < i->value_len && end[-(ptrdiff_t)n - 1] != n; n++)
		;
	(void)snprintf(text, sizeof(text), "%.*s", (int)n, (const char *)end - n);
	return text;
}

static const char *origin(const struct place *p, const char *name)
{
	const struct item *i = object(p, name);

	return i ? item_meta(i) + strlen(p->dir) + 1 : NULL;
}

/* All problems of a note, a line each. */
static const char *note(const struct place *p, unsigned kind, const char *key)
{
	static char text[2048];
	const struct item *i = state_get(store_notes(p->store), kind, key, strlen(key));
	Portolan__Ipc__ObjectStatus *s;
	size_t n = 0;

	if (!i)
		return NULL;
	s = portolan__ipc__object_status__unpack(NULL, i->value_len, item_value(i));
	CHECK(s);
	for (size_t k = 0; k < s->n_problems; k++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s: %s", k ? "\n" : "",
				      s->problems[k]->reason, s->problems[k]->message);
	portolan__ipc__object_status__free_unpacked(s, NULL);
	return text;
}

static bool has_note(const struct place *p, const char *name, const char *words)
{
	char key[128];
	const char *text;

	(void)snprintf(key, sizeof(key), "default/%s", name);
	text = note(p, OBJECT_CONFIG_MAP, key);
	return text && strstr(text, words);
}

/* ---- waiting ---- */

static void too_late(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	*(bool *)ctx = true;
}

/* Runs the loop until the condition holds. */
#define WAIT(p, condition)                                                              \
	do {                                                                            \
		bool _late = false;                                                     \
		struct event *_timer = event_loop_timer((p)->loop, too_late, &_late);   \
		event_loop_arm(_timer, 20 * USEC_PER_SEC);                              \
		while (!(condition) && !_late)                                          \
			(void)event_base_loop(event_loop_base((p)->loop), EVLOOP_ONCE); \
		event_free(_timer);                                                     \
		CHECK(condition);                                                       \
	} while (0)

static void sync_now(struct place *p)
{
	p->source->ops->sync(p->source);
}

static bool is(const char *a, const char *b)
{
	return a && strcmp(a, b) == 0;
}

/* ---- the tests ---- */

TEST(nothing_is_committed_before_the_first_scan_is_complete)
{
	_cleanup_place_ struct place p;

	place_new(&p);
	CHECK_EQ(mkdir(in(&p, "m/sub"), 0700), 0);
	write_text(&p, "m/a.yaml", config_map("a", "1"));
	write_text(&p, "m/sub/b.yml", config_map("b", "2"));
	write_text(&p, "m/c.json",
		   "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\"},"
		   "\"data\":{\"v\":\"3\"}}");
	write_text(&p, "m/.hidden.yaml", config_map("hidden", "x"));
	write_text(&p, "m/notes.txt", config_map("notes", "x"));
	place_start(&p);
	CHECK_EQ(store_commits(p.store), 1);
	CHECK_EQ(state_count(store_objects(p.store)), 3);
	CHECK_STR(value(&p, "a"), "1");
	CHECK_STR(value(&p, "b"), "2");
	CHECK_STR(value(&p, "c"), "3");
	CHECK_STR(origin(&p, "b"), "m/sub/b.yml:1");
	CHECK(p.source->ops->complete(p.source));
}

TEST(a_path_that_is_not_there_is_waited_for)
{
	_cleanup_place_ struct place p;
	_cleanup_strbuf_ struct strbuf why = STRBUF_INIT;

	place_new(&p);
	free((char *)(uintptr_t)p.paths[0]);
	p.paths[0] = xstrdup(in(&p, "not/yet/there"));
	place_start(&p);
	CHECK(!p.source->ops->complete(p.source));
	CHECK_EQ(store_commits(p.store), 0);
	p.source->ops->why(p.source, &why);
	CHECK(strstr(strbuf_str(&why), "not/yet/there is not there\n"));
	CHECK_EQ(mkdir(in(&p, "not"), 0700), 0);
	CHECK_EQ(mkdir(in(&p, "not/yet"), 0700), 0);
	CHECK_EQ(mkdir(in(&p, "other"), 0700), 0);
	write_text(&p, "other/a.yaml", config_map("a", "1"));
	CHECK_EQ(rename(in(&p, "other"), in(&p, "not/yet/there")), 0);
	WAIT(&p, value(&p, "a"));
	CHECK_EQ(store_commits(p.store), 1);
}

TEST(a_file_renamed_into_place_is_read_at_once)
{
	_cleanup_place_ struct place p;
	uint64_t world;

	place_new(&p);
	write_text(&p, "m/a.yaml", config_map("a", "1"));
	place_start(&p);
	world = store_world(p.store);
	put_text(&p, "m/a.yaml", config_map("a", "2"));
	WAIT(&p, is(value(&p, "a"), "2"));
	CHECK(store_world(p.store) > world);
	CHECK_EQ(store_commits(p.store), 2);
	/* The same again is no change. */
	put_text(&p, "m/a.yaml", config_map("a", "2"));
	put_text(&p, "m/b.yaml", config_map("b", "3"));
	WAIT(&p, value(&p, "b"));
	CHECK_EQ(store_commits(p.store), 3);
}

TEST(a_file_is_read_when_its_writer_closes_it_and_not_before)
{
	_cleanup_place_ struct place p;
	FILE *f;

	place_new(&p);
	place_start(&p);
	f = fopen(in(&p, "m/a.yaml"), "w");
	CHECK(f);
	(void)fputs(config_map("a", "1"), f);
	CHECK_EQ(fflush(f), 0);
	write_text(&p, "m/b.yaml", config_map("b", "2"));
	WAIT(&p, value(&p, "b"));
	CHECK(!value(&p, "a"));
	/* Not even for a request that asks for it at once. */
	sync_now(&p);
	CHECK(!value(&p, "a"));
	(void)fputs("---\n", f);
	(void)fputs(config_map("c", "3"), f);
	CHECK_EQ(fclose(f), 0);
	WAIT(&p, value(&p, "c"));
	CHECK_STR(value(&p, "a"), "1");
	CHECK_STR(origin(&p, "c"), "m/a.yaml:6");
}

TEST(a_file_that_comes_with_all_its_content_by_a_link_is_read)
{
	_cleanup_place_ struct place p;
	char proc[64];
	int fd;

	place_new(&p);
	place_start(&p);
	write_text(&p, "elsewhere", config_map("a", "1"));
	CHECK_EQ(link(in(&p, "elsewhere"), in(&p, "m/a.yaml")), 0);
	WAIT(&p, value(&p, "a"));
	fd = open(in(&p, "m"), O_TMPFILE | O_WRONLY, 0600);
	CHECK(fd >= 0);
	CHECK(write(fd, config_map("b", "1"), strlen(config_map("b", "1"))) > 0);
	(void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	CHECK_EQ(linkat(AT_FDCWD, proc, AT_FDCWD, in(&p, "m/b.yaml"), AT_SYMLINK_FOLLOW), 0);
	CHECK_EQ(close(fd), 0);
	WAIT(&p, value(&p, "b"));
}

TEST(a_file_that_an_editor_moves_away_and_writes_anew_withdraws_nothing)
{
	_cleanup_place_ struct place p;
	uint64_t commits;

	place_new(&p);
	write_text(&p, "m/a.yaml", config_map("a", "1"));
	place_start(&p);
	commits = store_commits(p.store);
	CHECK_EQ(rename(in(&p, "m/a.yaml"), in(&p, "m/a.yaml~")), 0);
	(void)event_base_loop(event_loop_base(p.loop), EVLOOP_ONCE);
	CHECK_STR(value(&p, "a"), "1");
	write_text(&p, "m/a.yaml", config_map("a", "2"));
	CHECK_EQ(unlink(in(&p, "m/a.yaml~")), 0);
	WAIT(&p, is(value(&p, "a"), "2"));
	CHECK_EQ(store_commits(p.store), commits + 1);
}

TEST(a_deleted_file_takes_its_objects_along)
{
	_cleanup_place_ struct place p;

	place_new(&p);
	write_text(&p, "m/a.yaml", config_map("a", "1"));
	write_text(&p, "m/b.yaml", config_map("b", "1"));
	place_start(&p);
	CHECK_EQ(unlink(in(&p, "m/a.yaml")), 0);
	WAIT(&p, !value(&p, "a"));
	CHECK(value(&p, "b"));
	/* A request for the present state is not kept waiting. */
	CHECK_EQ(unlink(in(&p, "m/b.yaml")), 0);
	sync_now(&p);
	CHECK(!value(&p, "b"));
	CHECK_EQ(state_count(store_objects(p.store)), 0);
}

TEST(a_renamed_file_moves_its_objects_without_a_gap)
{
	_cleanup_place_ struct place p;

	place_new(&p);
	write_text(&p, "m/a.yaml", config_map("a", "1"));
	place_start(&p);
	CHECK_EQ(rename(in(&p, "m/a.yaml"), in(&p, "m/z.yaml")), 0);
	WAIT(&p, is(origin(&p, "a"), "m/z.yaml:1"));
	CHECK_EQ(state_count(store_notes(p.store)), 0);
	sync_now(&p);
	CHECK_STR(origin(&p, "a"), "m/z.yaml:1");
}

TEST(a_document_that_cannot_be_read_keeps_its_objects_last_good_version)
{
	_cleanup_place_ struct place p;
	char text[1024], key[128];

	place_new(&p);
	(void)snprintf(text, sizeof(text), "%s---\n%s", config_map("a", "1"), config_map("b", "1"));
	write_text(&p, "m/a.yaml", text);
	place_start(&p);
	/* Its object can be told. */
	(void)snprintf(text, sizeof(text), "%s---\n%s", config_map("a", "2"),
		       "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {v: 5}\n");
	put_text(&p, "m/a.yaml", text);
	WAIT(&p, is(value(&p, "a"), "2"));
	CHECK_STR(value(&p, "b"), "1");
	CHECK(has_note(&p, "b", "WrongType: must be a string, not a number: quote it ("));
	CHECK(has_note(&p, "b",
		       "m/a.yaml, document 2, line 9)\nKept: the last good version stays in use"));
	CHECK(!note(&p, OBJECT_CONFIG_MAP, "default/a"));
	/* Unreadable: the file's former objects may be in there. */
	(void)snprintf(text, sizeof(text), "%s---\nkind: [ConfigMap\n", config_map("a", "3"));
	put_text(&p, "m/a.yaml", text);
	WAIT(&p, is(value(&p, "a"), "3"));
	CHECK_STR(value(&p, "b"), "1");
	(void)snprintf(key, sizeof(key), "%s:2", in(&p, "m/a.yaml"));
	CHECK(strstr(note(&p, OBJECT_DOCUMENT, key), "Syntax: "));
	CHECK(strstr(note(&p, OBJECT_DOCUMENT, key), "document 2, line 7: not valid YAML: "));
	CHECK(has_note(&p, "b", "Kept: "));
	/* Repaired, without b: now it goes, and so do the notes. */
	put_text(&p, "m/a.yaml", config_map("a", "4"));
	WAIT(&p, is(value(&p, "a"), "4"));
	CHECK(!value(&p, "b"));
	CHECK_EQ(state_count(store_notes(p.store)), 0);
}

TEST(a_document_that_was_never_good_serves_nothing_and_is_noted)
{
	_cleanup_place_ struct place p;

	place_new(&p);
	write_text(&p, "m/a.yaml",
		   "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: 5\n---\n"
		   "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ntypo: 1\n");
	place_start(&p);
	CHECK(!value(&p, "a"));
	CHECK(object(&p, "b"));
	CHECK(has_note(&p, "a", "WrongType: must be a mapping, not a number"));
	CHECK(has_note(&p, "b", "UnknownField: unknown field, not read ("));
	CHECK_EQ(state_count(store_notes(p.store)), 2);
	CHECK_EQ(unlink(in(&p, "m/a.yaml")), 0);
	sync_now(&p);
	CHECK_EQ(state_count(store_notes(p.store)), 0);
}

TEST(of_two_files_with_one_object_the_first_is_used_and_both_are_named)
{
	_cleanup_place_ struct place p;

	place_new(&p);
	write_text(&p, "m/b.yaml", config_map("x", "b"));
	write_text(&p, "m/a.yaml", config_map("x", "a"));
	place_start(&p);
	CHECK_STR(value(&p, "x"), "a");
	CHECK(has_note(&p, "x", "Conflict: defined twice, in "));
	CHECK(has_note(&p, "x", "m/a.yaml:1 and in "));
	CHECK(has_note(&p, "x", "m/b.yaml:1: the first is used"));
	/* A claim that comes later does not displace it, whatever its name. */
	put_text(&p, "m/0.yaml", config_map("x", "0"));
	put_text(&p, "m/end.yaml", config_map("end", "1"));
	WAIT(&p, value(&p, "end"));
	CHECK_STR(value(&p, "x"), "a");
	CHECK(has_note(&p, "x", "m/0.yaml:1: the first is used"));
	/* The one in use may change. */
	put_text(&p, "m/a.yaml", config_map("x", "a2"));
	WAIT(&p, is(value(&p, "x"), "a2"));
	/* When it goes the next in the order of paths takes its place. */
	CHECK_EQ(unlink(in(&p, "m/a.yaml")), 0);
	WAIT(&p, is(value(&p, "x"), "0"));
	CHECK_EQ(unlink(in(&p, "m/0.yaml")), 0);
	sync_now(&p);
	CHECK_STR(value(&p, "x"), "b");
	CHECK_EQ(state_count(store_notes(p.store)), 0);
}

TEST(an_object_twice_in_one_file_is_a_conflict_too)
{
	_cleanup_place_ struct place p;
	char text[1024];

	place_new(&p);
	(void)snprintf(text, sizeof(text), "%s---\n%s", config_map("x", "1"), config_map("x", "2"));
	write_text(&p, "m/a.yaml", text);
	place_start(&p);
	CHECK_STR(value(&p, "x"), "1");
	CHECK(has_note(&p, "x", "m/a.yaml:1 and in "));
	CHECK(has_note(&p, "x", "m/a.yaml:6: the first is used"));
	(void)snprintf(text, sizeof(text), "%s---\n%s", config_map("x", "1"),
		       config_map("y1", "2"));
	put_text(&p, "m/a.yaml", text);
	WAIT(&p, value(&p, "y1"));
	CHECK_EQ(state_count(store_notes(p.store)), 0);
}

TEST(a_mounted_config_map_is_swapped_in_one_step)
{
	_cleanup_place_ struct place p;

	/* Like the kubelet: ..data is a link to the present version. */
	place_new(&p);
	CHECK_EQ(mkdir(in(&p, "m/..1"), 0700), 0);
	write_text(&p, "m/..1/a.yaml", config_map("a", "1"));
	write_text(&p, "m/..1/b.yaml", config_map("b", "1"));
	CHECK_EQ(symlink("..1", in(&p, "m/..data")), 0);
	CHECK_EQ(symlink("..data/a.yaml", in(&p, "m/a.yaml")), 0);
	CHECK_EQ(symlink("..data/b.yaml", in(&p, "m/b.yaml")), 0);
	place_start(&p);
	CHECK_STR(value(&p, "a"), "1");
	CHECK_STR(origin(&p, "a"), "m/a.yaml:1");
	CHECK_EQ(mkdir(in(&p, "m/..2"), 0700), 0);
	write_text(&p, "m/..2/a.yaml", config_map("a", "2"));
	write_text(&p, "m/..2/b.yaml", config_map("b", "2"));
	CHECK_EQ(symlink("..2", in(&p, "m/..data_tmp")), 0);
	CHECK_EQ(rename(in(&p, "m/..data_tmp"), in(&p, "m/..data")), 0);
	WAIT(&p, is(value(&p, "a"), "2"));
	CHECK_STR(value(&p, "b"), "2");
	CHECK_EQ(store_commits(p.store), 2);
}

TEST(a_path_that_is_a_link_follows_where_it_points)
{
	_cleanup_place_ struct place p;

	place_new(&p);
	CHECK_EQ(mkdir(in(&p, "v1"), 0700), 0);
	CHECK_EQ(mkdir(in(&p, "v2"), 0700), 0);
	write_text(&p, "v1/a.yaml", config_map("a", "1"));
	write_text(&p, "v1/old.yaml", config_map("old", "1"));
	write_text(&p, "v2/a.yaml", config_map("a", "2"));
	CHECK_EQ(symlink("v1", in(&p, "current")), 0);
	free((char *)(uintptr_t)p.paths[0]);
	p.paths[0] = xstrdup(in(&p, "current"));
	place_start(&p);
	CHECK_STR(value(&p, "old"), "1");
	CHECK_EQ(symlink("v2", in(&p, "next")), 0);
	CHECK_EQ(rename(in(&p, "next"), in(&p, "current")), 0);
	WAIT(&p, is(value(&p, "a"), "2"));
	WAIT(&p, !value(&p, "old"));
	/* And it is the new place that is watched now. */
	put_text(&p, "v2/b.yaml", config_map("b", "1"));
	WAIT(&p, value(&p, "b"));
	CHECK_STR(origin(&p, "b"), "current/b.yaml:1");
}

TEST(a_new_directory_is_read_with_all_that_is_below_it)
{
	_cleanup_place_ struct place p;

	place_new(&p);
	place_start(&p);
	/* Some files come before the watch exists, some after. */
	CHECK_EQ(mkdir(in(&p, "m/s"), 0700), 0);
	CHECK_EQ(mkdir(in(&p, "m/s/t"), 0700), 0);
	write_text(&p, "m/s/t/a.yaml", config_map("a", "1"));
	WAIT(&p, value(&p, "a"));
	write_text(&p, "m/s/t/b.yaml", config_map("b", "1"));
	WAIT(&p, value(&p, "b"));
	/* Renamed: the objects stay, with a new origin. */
	CHECK_EQ(rename(in(&p, "m/s"), in(&p, "m/r")), 0);
	WAIT(&p, is(origin(&p, "a"), "m/r/t/a.yaml:1"));
	sync_now(&p);
	CHECK_STR(origin(&p, "b"), "m/r/t/b.yaml:1");
	write_text(&p, "m/r/t/b.yaml", config_map("b", "2"));
	WAIT(&p, is(value(&p, "b"), "2"));
	remove_tree(in(&p, "m/r"));
	WAIT(&p, !value(&p, "a") && !value(&p, "b"));
	CHECK(p.source->ops->complete(p.source));
}

TEST(a_path_of_the_command_line_that_disappears_keeps_its_objects_until_it_returns)
{
	_cleanup_place_ struct place p;
	_cleanup_strbuf_ struct strbuf why = STRBUF_INIT;

	place_new(&p);
	write_text(&p, "m/a.yaml", config_map("a", "1"));
	write_text(&p, "m/b.yaml", config_map("b", "1"));
	place_start(&p);
	CHECK_EQ(rename(in(&p, "m"), in(&p, "away")), 0);
	sync_now(&p);
	p.source->ops->why(p.source, &why);
	CHECK(strstr(strbuf_str(&why), "is not there: what was read there stays in use\n"));
	CHECK_STR(value(&p, "a"), "1");
	/* Changes elsewhere do not matter meanwhile. */
	write_text(&p, "away/a.yaml", config_map("a", "elsewhere"));
	sync_now(&p);
	CHECK_STR(value(&p, "a"), "1");
	CHECK_EQ(mkdir(in(&p, "m"), 0700), 0);
	write_text(&p, "m/a.yaml", config_map("a", "2"));
	WAIT(&p, is(value(&p, "a"), "2"));
	WAIT(&p, !value(&p, "b"));
	strbuf_clear(&why);
	p.source->ops->why(p.source, &why);
	CHECK_EQ(why.len, 0);
	/* And once more, deleted from within. */
	remove_tree(in(&p, "m"));
	sync_now(&p);
	CHECK_STR(value(&p, "a"), "2");
}

TEST(single_files_can_be_named_and_are_followed_through_renames)
{
	_cleanup_place_ struct place p;

	place_new(&p);
	write_text(&p, "m/a", config_map("a", "1"));
	write_text(&p, "m/b.yaml", config_map("b", "1"));
	free((char *)(uintptr_t)p.paths[0]);
	p.paths[0] = xstrdup(in(&p, "m/a"));
	place_start(&p);
	CHECK_EQ(state_count(store_objects(p.store)), 1);
	put_text(&p, "m/a", config_map("a", "2"));
	WAIT(&p, is(value(&p, "a"), "2"));
	write_text(&p, "m/a", config_map("a", "3"));
	WAIT(&p, is(value(&p, "a"), "3"));
	CHECK_EQ(unlink(in(&p, "m/a")), 0);
	sync_now(&p);
	CHECK_STR(value(&p, "a"), "3");
	write_text(&p, "m/a", config_map("a", "4"));
	WAIT(&p, is(value(&p, "a"), "4"));
}

TEST(a_file_beyond_the_limit_is_refused_unread_and_keeps_what_it_had)
{
	_cleanup_place_ struct place p;
	char key[128];
	int fd;

	place_new(&p);
	p.file_max = 1 << 20;
	write_text(&p, "m/a.yaml", config_map("a", "1"));
	write_text(&p, "m/b.yaml", config_map("b", "1"));
	place_start(&p);
	/* Sparse: 100 MB of zeros. */
	write_text(&p, "big", "");
	CHECK_EQ(truncate(in(&p, "big"), 100000000), 0);
	CHECK_EQ(rename(in(&p, "big"), in(&p, "m/a.yaml")), 0);
	put_text(&p, "m/b.yaml", config_map("b", "2"));
	WAIT(&p, is(value(&p, "b"), "2"));
	CHECK_STR(value(&p, "a"), "1");
	(void)snprintf(key, sizeof(key), "%s:0", in(&p, "m/a.yaml"));
	CHECK(strstr(note(&p, OBJECT_DOCUMENT, key), "is larger than 1 MiB: not read"));
	/* A pipe is not waited on. */
	CHECK_EQ(unlink(in(&p, "m/a.yaml")), 0);
	CHECK_EQ(mkfifo(in(&p, "fifo"), 0600), 0);
	CHECK_EQ(rename(in(&p, "fifo"), in(&p, "m/a.yaml")), 0);
	sync_now(&p);
	CHECK(strstr(note(&p, OBJECT_DOCUMENT, key), "is not a regular file"));
	fd = open(in(&p, "m/a.yaml"), O_RDWR | O_NONBLOCK);
	CHECK(fd >= 0);
	CHECK_EQ(close(fd), 0);
}

TEST(directories_inside_themselves_and_twice_are_read_once)
{
	_cleanup_place_ struct place p;

	place_new(&p);
	CHECK_EQ(mkdir(in(&p, "m/s"), 0700), 0);
	write_text(&p, "m/s/a.yaml", config_map("a", "1"));
	CHECK_EQ(symlink("..", in(&p, "m/s/loop")), 0);
	CHECK_EQ(symlink("s", in(&p, "m/t")), 0);
	place_start(&p);
	CHECK_STR(value(&p, "a"), "1");
	CHECK_EQ(state_count(store_notes(p.store)), 0);
}

TEST(lost_events_are_made_up_for)
{
	_cleanup_place_ struct place p;
	FILE *f = fopen("/proc/sys/fs/inotify/max_queued_events", "r");
	int max = 0;

	CHECK(f && fscanf(f, "%d", &max) == 1);
	CHECK_EQ(fclose(f), 0);
	place_new(&p);
	write_text(&p, "m/a.yaml", config_map("a", "1"));
	write_text(&p, "m/gone.yaml", config_map("gone", "1"));
	place_start(&p);
	/* Alternating, since inotify folds an event into an equal one before it. */
	for (int i = 0; i <= max / 2; i++) {
		CHECK_EQ(chmod(in(&p, "m/a.yaml"), 0600 + (mode_t)(i & 1)), 0);
		CHECK_EQ(chmod(in(&p, "m/gone.yaml"), 0600), 0);
	}
	put_text(&p, "m/b.yaml", config_map("b", "1"));
	CHECK_EQ(unlink(in(&p, "m/gone.yaml")), 0);
	WAIT(&p, value(&p, "b") && !value(&p, "gone"));
	{
		_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

		p.source->ops->metrics(p.source, &out);
		CHECK(strstr(strbuf_str(&out), "portolan_manifests_lost_events_total 1\n"));
	}
}

TEST(without_inotify_everything_is_read_again_from_time_to_time)
{
	_cleanup_place_ struct place p;
	_cleanup_strbuf_ struct strbuf why = STRBUF_INIT;
	struct rlimit before, none;

	place_new(&p);
	write_text(&p, "m/a.yaml", config_map("a", "1"));
	/* No descriptor for inotify while it starts. */
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
	place_start(&p);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
	/* The directory could not be read either: it is not known to be empty. */
	CHECK_EQ(store_commits(p.store), 0);
	p.source->ops->why(p.source, &why);
	CHECK(strstr(strbuf_str(&why),
		     "1 files or directories could not be read: to be tried again"));
	CHECK(strstr(strbuf_str(&why), "cannot be watched: read again from time to time\n"));
	WAIT(&p, value(&p, "a"));
	CHECK_EQ(store_commits(p.store), 1);
	strbuf_clear(&why);
	p.source->ops->why(p.source, &why);
	CHECK(!strstr(strbuf_str(&why), "could not be read"));
	put_text(&p, "m/a.yaml", config_map("a", "2"));
	WAIT(&p, is(value(&p, "a"), "2"));
}

TEST(without_a_loop_everything_is_read_once)
{
	_cleanup_(store_freep) struct store *missing = store_new();
	_cleanup_place_ struct place p;
	struct manifests_config config = { .n_paths = 1 };
	struct source *source;

	place_new(&p);
	write_text(&p, "m/a.yaml", config_map("a", "1"));
	config.paths = p.paths;
	CHECK_EQ(manifests_new(NULL, p.store, &config, &p.source), 0);
	CHECK_STR(value(&p, "a"), "1");
	CHECK(state_complete(store_objects(p.store)));
	config.paths = (const char *const[]){ "/nowhere/at/all" };
	CHECK_EQ(manifests_new(NULL, missing, &config, &source), -ENOENT);
}

/* The same files after any history give the same state: that of a restart. */
TEST(what_is_held_depends_on_the_files_and_not_on_their_history)
{
	_cleanup_(store_freep) struct store *fresh = store_new();
	_cleanup_place_ struct place p;
	struct manifests_config config = { .n_paths = 1 };
	struct source *again;
	unsigned random = 7;

	place_new(&p);
	place_start(&p);
	for (int i = 0; i < 400; i++) {
		char name[32], to[32], object_name[16];

		random = random * 1103515245 + 12345;
		(void)snprintf(name, sizeof(name), "m/f%u.yaml", random >> 16 & 7);
		(void)snprintf(to, sizeof(to), "m/f%u.yaml", random >> 20 & 7);
		(void)snprintf(object_name, sizeof(object_name), "o%u", random >> 16 & 7);
		switch (random >> 24 & 7) {
		case 0:
			(void)unlink(in(&p, name));
			break;
		case 1:
			/* Object and file have the same number, so a rename has no conflicts. */
			(void)rename(in(&p, name), in(&p, "m/away.yaml"));
			(void)rename(in(&p, "m/away.yaml"), in(&p, name));
			break;
		case 2:
			write_text(&p, name, "");
			break;
		default:
			put_text(&p, name, config_map(object_name, random & 1 ? "1" : "2"));
		}
		if ((random >> 28 & 3) == 0)
			(void)event_base_loop(event_loop_base(p.loop), EVLOOP_NONBLOCK);
	}
	sync_now(&p);
	config.paths = p.paths;
	CHECK_EQ(manifests_new(NULL, fresh, &config, &again), 0);
	CHECK_EQ(state_count(store_objects(p.store)), state_count(store_objects(fresh)));
	CHECK(state_digest(store_objects(p.store)) == state_digest(store_objects(fresh)));
	CHECK_EQ(state_count(store_notes(p.store)), 0);
	again->ops->free(again);
}
