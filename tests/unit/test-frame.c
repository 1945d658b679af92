/* common/link/frame.c, frame-item.c, frame-input.c, wire.c and frame-stream.c. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/wire.h"
#include "common/link/frame-input.h"
#include "common/link/frame-item.h"
#include "common/link/frame-stream.h"
#include "ipc.pb-c.h"
#include "tests/lib/test.h"

/* ---- headers ---- */

TEST(a_header_stands_on_the_wire_as_documented)
{
	static const uint8_t expected[FRAME_HEADER_SIZE] = {
		'P',         'T',         'L',  'N',                          /* magic */
		0x04,        0x03,        0x02, 0x01,                         /* length */
		0x05,        0x00,                                            /* type: DELTA */
		FRAME_MAJOR, FRAME_MINOR,                                     /* version */
		0,           0,           0,    0,                            /* reserved */
		0x18,        0x17,        0x16, 0x15, 0x14, 0x13, 0x12, 0x11, /* generation */
	};
	struct frame_header h = {
		.length = 0x01020304,
		.type = FRAME_DELTA,
		.major = FRAME_MAJOR,
		.minor = FRAME_MINOR,
		.generation = 0x1112131415161718,
	}, back;
	uint8_t out[FRAME_HEADER_SIZE];

	frame_header_encode(&h, out);
	CHECK(memcmp(out, expected, sizeof(out)) == 0);
	CHECK_EQ(frame_header_decode(out, &back), 0);
	CHECK_EQ(back.length, h.length);
	CHECK_EQ(back.type, h.type);
	CHECK_EQ(back.major, h.major);
	CHECK_EQ(back.minor, h.minor);
	CHECK(back.generation == h.generation);
}

TEST(headers_are_refused_for_what_is_wrong_with_them)
{
	static const struct {
		const char *what;
		size_t byte;
		uint8_t value;
		struct frame_header h;
		int result;
	} rows[] = {
		{ "as it should be", 0, 'P', { 0, FRAME_ACK, 1, 0, 1 }, 0 },
		{ "magic", 0, 'p', { 0, FRAME_ACK, 1, 0, 1 }, -EBADMSG },
		{ "reserved", 12, 1, { 0, FRAME_ACK, 1, 0, 1 }, -EBADMSG },
		{ "reserved", 15, 0x80, { 0, FRAME_ACK, 1, 0, 1 }, -EBADMSG },
		{ "other major", 10, 2, { 0, FRAME_ACK, 1, 0, 1 }, -EPROTONOSUPPORT },
		{ "other major, all else", 12, 9, { 1 << 30, 900, 0, 7, 1 }, -EPROTONOSUPPORT },
		{ "newer minor", 11, 9, { 0, FRAME_ACK, 1, 0, 1 }, 0 },
		{ "type 0", 8, 0, { 0, FRAME_ACK, 1, 0, 1 }, -EBADMSG },
		{ "type 0, newer", 8, 0, { 0, FRAME_ACK, 1, 1, 1 }, -EBADMSG },
		{ "unknown type", 8, FRAME_TYPE_MAX_, { 0, 0, 1, 0, 1 }, -EBADMSG },
		{ "unknown type, newer", 8, FRAME_TYPE_MAX_, { 0, 0, 1, 1, 1 }, -ENOMSG },
		{ "type 0xffff, newer", 9, 0xff, { 0, 0xffff, 1, 1, 1 }, -ENOMSG },
		{ "unknown type, newer, long", 7, 0x7f, { 0, 999, 1, 1, 1 }, -EMSGSIZE },
		{ "long", 5, 0x01, { 1, FRAME_ACK, 1, 0, 1 }, -EMSGSIZE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t bytes[FRAME_HEADER_SIZE];
		struct frame_header h;

		fprintf(stderr, "  %s\n", rows[i].what);
		frame_header_encode(&rows[i].h, bytes);
		bytes[rows[i].byte] = rows[i].value;
		CHECK_EQ(frame_header_decode(bytes, &h), rows[i].result);
	}
}

TEST(a_length_is_checked_against_the_table)
{
	CHECK(!frame_type(0));
	CHECK(!frame_type(FRAME_TYPE_MAX_));
	CHECK(!frame_type(0xffff));
	for (uint16_t type = 1; type < FRAME_TYPE_MAX_; type++) {
		const struct frame_type_row *row = frame_type(type);
		struct frame_header h = { .type = type, .major = FRAME_MAJOR }, back;
		uint8_t bytes[FRAME_HEADER_SIZE];

		CHECK(row && row->name && row->sender && row->descriptor && row->max_length);
		h.length = row->max_length;
		frame_header_encode(&h, bytes);
		CHECK_EQ(frame_header_decode(bytes, &back), 0);
		h.length++;
		frame_header_encode(&h, bytes);
		CHECK_EQ(frame_header_decode(bytes, &back), -EMSGSIZE);
		h.length = 0xffffffff;
		frame_header_encode(&h, bytes);
		CHECK_EQ(frame_header_decode(bytes, &back), -EMSGSIZE);
	}
}

/* protobuf-c follows a peer's nesting to any depth. */
static void check_depth(const ProtobufCMessageDescriptor *d, int depth)
{
	CHECK(depth < 8);
	for (unsigned i = 0; i < d->n_fields; i++)
		if (d->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
			check_depth(d->fields[i].descriptor, depth + 1);
}

TEST(no_message_of_a_link_contains_itself)
{
	for (uint16_t type = 1; type < FRAME_TYPE_MAX_; type++)
		check_depth(frame_type(type)->descriptor, 0);
	check_depth(&portolan__ipc__object_status__descriptor, 0);
	check_depth(&portolan__ipc__envoy_report__descriptor, 0);
	check_depth(&portolan__ipc__reject_report__descriptor, 0);
}

/* ---- items ---- */

static struct item *some_item(unsigned i)
{
	static const size_t lengths[] = { 0, 1, 2, 127, 128, 300, 1024, 16384, 70000 };
	static char bytes[70000];
	size_t key = lengths[i % 7], meta = lengths[i / 2 % 8], value = lengths[i % 9];

	memset(bytes, (int)('a' + i % 26), sizeof(bytes));
	return item_new(i % STATE_KIND_MAX, bytes, key, bytes, meta, bytes, value);
}

TEST(items_are_encoded_as_protobuf_does_it)
{
	for (unsigned n = 0; n < 500; n++) {
		_cleanup_(item_unrefp) struct item *i = some_item(n);
		_cleanup_free_ uint8_t *ours = xmalloc(frame_item_size(i) + 1);
		_cleanup_free_ uint8_t *theirs = NULL;
		Portolan__Ipc__Item m = PORTOLAN__IPC__ITEM__INIT, *back;
		struct frame_item read;
		uint8_t *end;

		end = frame_item_put_head(ours, i);
		CHECK_EQ(end - ours, frame_item_head_size(i));
		memcpy(end, item_value(i), i->value_len);
		m.kind = i->kind;
		m.key = (ProtobufCBinaryData){ i->key_len, (uint8_t *)item_key(i) };
		m.has_meta = i->meta_len;
		m.meta = (ProtobufCBinaryData){ i->meta_len, (uint8_t *)item_meta(i) };
		m.has_value = i->value_len;
		m.value = (ProtobufCBinaryData){ i->value_len, (uint8_t *)item_value(i) };
		theirs = xmalloc(portolan__ipc__item__get_packed_size(&m) + 1);
		CHECK_EQ(portolan__ipc__item__pack(&m, theirs), frame_item_size(i));
		CHECK(memcmp(ours, theirs, frame_item_size(i)) == 0);
		back = portolan__ipc__item__unpack(NULL, frame_item_size(i), ours);
		CHECK(back);
		portolan__ipc__item__free_unpacked(back, NULL);
		CHECK_EQ(frame_item_read(theirs, frame_item_size(i), &read), 0);
		CHECK_EQ(read.kind, i->kind);
		CHECK(read.key_len == i->key_len && read.meta_len == i->meta_len &&
		      read.value_len == i->value_len);
		CHECK(memcmp(read.key, item_key(i), read.key_len) == 0);
		CHECK(!read.value_len || memcmp(read.value, item_value(i), read.value_len) == 0);
		CHECK(frame_item_fits(i));
	}
}

#define BYTES(s) (const uint8_t *)(s), sizeof(s) - 1

TEST(items_that_cannot_be_taken_are_refused)
{
	static const struct {
		const char *what;
		const uint8_t *bytes;
		size_t len;
		int result;
	} rows[] = {
		{ "kind and key", BYTES("\x08\x03\x12\x01k"), 0 },
		{ "the other order", BYTES("\x12\x01k\x08\x03"), 0 },
		{ "an empty key", BYTES("\x08\x03\x12\x00"), 0 },
		{ "fields of a newer version",
		  BYTES("\x08\x03\x12\x01k\x50\x01\x5a\x02xx\x65"
			"1234\x69"
			"12345678"),
		  0 },
		{ "nothing", BYTES(""), -EBADMSG },
		{ "no key", BYTES("\x08\x03"), -EBADMSG },
		{ "no kind", BYTES("\x12\x01k"), -EBADMSG },
		{ "kind as bytes", BYTES("\x0a\x01\x03\x12\x01k"), -EBADMSG },
		{ "kind 64", BYTES("\x08\x40\x12\x01k"), -ERANGE },
		{ "kind 2^32", BYTES("\x08\x80\x80\x80\x80\x10\x12\x01k"), -ERANGE },
		{ "key beyond the end", BYTES("\x08\x03\x12\x02k"), -EBADMSG },
		{ "key of 2^63", BYTES("\x08\x03\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7fk"),
		  -EBADMSG },
		{ "varint without end", BYTES("\x08\x83"), -EBADMSG },
		{ "varint of 11 bytes",
		  BYTES("\x12\x01k\x08\x80\x80\x80\x80\x80\x80\x80\x80"
			"\x80\x80\x01"),
		  -EBADMSG },
		{ "varint above 2^64",
		  BYTES("\x12\x01k\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80"
			"\x02"),
		  -EBADMSG },
		{ "field 0", BYTES("\x08\x03\x12\x01k\x00\x01"), -EBADMSG },
		{ "a group", BYTES("\x08\x03\x12\x01k\x23\x24"), -EBADMSG },
		{ "short fixed32",
		  BYTES("\x08\x03\x12\x01k\x65"
			"123"),
		  -EBADMSG },
		{ "short fixed64",
		  BYTES("\x08\x03\x12\x01k\x69"
			"1234567"),
		  -EBADMSG },
	};
	_cleanup_free_ uint8_t *bytes = xcalloc(1, FRAME_ITEM_MAX + 1);
	struct frame_item i;

	for (size_t n = 0; n < ARRAY_SIZE(rows); n++) {
		fprintf(stderr, "  %s\n", rows[n].what);
		CHECK_EQ(frame_item_read(rows[n].bytes, rows[n].len, &i), rows[n].result);
	}
	memcpy(bytes, "\x08\x03\x12\x81\x08", 5);
	CHECK_EQ(frame_item_read(bytes, 5 + 1025, &i), -ERANGE);
	bytes[3] = 0x80;
	CHECK_EQ(frame_item_read(bytes, 5 + 1024, &i), 0);
	CHECK_EQ(frame_item_read(bytes, FRAME_ITEM_MAX + 1, &i), -ERANGE);
}

TEST(what_fits_a_frame_is_known_before)
{
	_cleanup_free_ char *value = xcalloc(1, FRAME_ITEM_MAX);
	char key[FRAME_KEY_MAX + 1] = { 0 };
	static const struct {
		size_t key, value;
		bool fits;
	} rows[] = {
		{ FRAME_KEY_MAX, 1, true },
		{ FRAME_KEY_MAX + 1, 1, false },
		{ 1, FRAME_ITEM_MAX - 10, true },
		{ 1, FRAME_ITEM_MAX - 9, false },
	};

	for (size_t n = 0; n < ARRAY_SIZE(rows); n++) {
		_cleanup_(item_unrefp) struct item *i =
			item_new(1, key, rows[n].key, NULL, 0, value, rows[n].value);

		CHECK_EQ(frame_item_fits(i), rows[n].fits);
	}
}

/* ---- input ---- */

TEST(frames_are_cut_out_wherever_the_reads_end)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	Portolan__Ipc__Resync resync = PORTOLAN__IPC__RESYNC__INIT;
	Portolan__Ipc__Ack ack = PORTOLAN__IPC__ACK__INIT;
	struct frame_header unknown = { 3, 999, FRAME_MAJOR, FRAME_MINOR + 1, 0 };

	resync.reason = (char *)"because";
	frame_append(&b, FRAME_ACK, 1, &ack.base);
	frame_append(&b, FRAME_RESYNC, 2, &resync.base);
	frame_header_encode(&unknown, (uint8_t *)strbuf_room(&b, FRAME_HEADER_SIZE));
	b.len += FRAME_HEADER_SIZE;
	strbuf_puts(&b, "xyz");
	frame_append(&b, FRAME_ACK, 3, &ack.base);
	for (size_t piece = 1; piece <= b.len; piece++) {
		struct frame_input in = { 0 };
		uint64_t generation = 0;
		struct frame f;
		int fds[2];

		CHECK_EQ(pipe(fds), 0);
		for (size_t at = 0; at < b.len; at += piece) {
			size_t n = MIN(piece, b.len - at);

			CHECK_EQ(write(fds[1], b.s + at, n), (ssize_t)n);
			CHECK_EQ(frame_input_fill(&in, fds[0]), (ssize_t)n);
			while (frame_input_next(&in, &f) > 0)
				CHECK_EQ(f.header.generation, ++generation);
		}
		CHECK_EQ(generation, 3);
		CHECK_EQ(in.skipped, 1);
		CHECK(frame_input_empty(&in));
		frame_input_done(&in);
		(void)close(fds[0]);
		(void)close(fds[1]);
	}
}

/* ---- streams ---- */

static int temp_file(void)
{
	char path[] = "/tmp/portolan-test-frame-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);

	CHECK(fd >= 0);
	CHECK_EQ(unlink(path), 0);
	return fd;
}

static void put(struct state *s, uint32_t kind, const char *key, const char *value)
{
	(void)state_put(s, item_new(kind, key, strlen(key), "m", 1, value, strlen(value)));
}

static char *contents(int fd, size_t *ret_len)
{
	off_t len = lseek(fd, 0, SEEK_END);
	char *bytes = xmalloc((size_t)len);

	CHECK_EQ(pread(fd, bytes, (size_t)len, 0), len);
	*ret_len = (size_t)len;
	return bytes;
}

TEST(a_stream_holds_a_snapshot_and_deltas_and_is_read_back)
{
	_cleanup_(state_freep) struct state *s = state_new(), *mirror = state_new();
	_cleanup_(frame_writer_freep) struct frame_writer *w = NULL;
	_cleanup_(frame_reader_freep) struct frame_reader *r = NULL;
	_cleanup_close_ int fd = temp_file();
	char key[32];

	CHECK_EQ(frame_writer_new(fd, "watcher", s, &w), 0);
	CHECK_EQ(frame_writer_write(w), -EAGAIN);
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(key, sizeof(key), "key-%d", i);
		put(s, (uint32_t)i % 7, key, "a value of some bytes, repeated again and again");
	}
	state_commit(s, 10);
	CHECK_EQ(frame_writer_write(w), 0);
	CHECK_EQ(frame_writer_write(w), 0);
	put(s, 1, "key-1", "second");
	(void)state_remove(s, 2, "key-2", 5);
	CHECK_EQ(frame_writer_write(w), -EAGAIN);
	state_commit(s, 11);
	CHECK_EQ(frame_writer_write(w), 0);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	r = frame_reader_new(fd, "watcher", mirror);
	CHECK_EQ(frame_reader_next(r), 1);
	CHECK_EQ(state_source(mirror), 10);
	CHECK_EQ(state_count(mirror), 5000);
	CHECK_EQ(frame_reader_next(r), 1);
	CHECK_EQ(state_source(mirror), 11);
	CHECK_EQ(state_count(mirror), 4999);
	CHECK(state_digest(mirror) == state_digest(s));
	CHECK_EQ(frame_reader_next(r), 0);
}

TEST(equal_states_give_equal_streams)
{
	char *bytes[2];
	size_t len[2];

	for (int round = 0; round < 2; round++) {
		_cleanup_(state_freep) struct state *s = state_new();
		_cleanup_(frame_writer_freep) struct frame_writer *w = NULL;
		_cleanup_close_ int fd = temp_file();
		char key[32];

		/* Other order, other history. */
		for (int i = 0; i < 1000; i++) {
			(void)snprintf(key, sizeof(key), "key-%d", round ? 999 - i : i);
			put(s, 3, key, round ? "first" : "final");
			put(s, 3, key, "final");
		}
		state_commit(s, 10);
		CHECK_EQ(frame_writer_new(fd, "watcher", s, &w), 0);
		CHECK_EQ(frame_writer_write(w), 0);
		for (int i = 0; i < 1000; i += 2) {
			(void)snprintf(key, sizeof(key), "key-%d", round ? 998 - i : i);
			if (i % 3)
				put(s, 3, key, "changed");
			else
				(void)state_remove(s, 3, key, strlen(key));
		}
		for (int i = 0; i < 1000; i++) {
			(void)snprintf(key, sizeof(key), "key-%d", round ? 999 - i : i);
			(void)state_remove(s, 3, key, strlen(key));
		}
		state_commit(s, 11);
		CHECK_EQ(frame_writer_write(w), 0);
		bytes[round] = contents(fd, &len[round]);
	}
	CHECK_EQ(len[0], len[1]);
	CHECK(memcmp(bytes[0], bytes[1], len[0]) == 0);
	free(bytes[0]);
	free(bytes[1]);
}

static char *small_stream(size_t *ret_len, size_t *ret_snapshot_end)
{
	_cleanup_(state_freep) struct state *s = state_new();
	_cleanup_(frame_writer_freep) struct frame_writer *w = NULL;
	_cleanup_close_ int fd = temp_file();

	put(s, 1, "a", "1");
	put(s, 2, "b", "2");
	state_commit(s, 10);
	CHECK_EQ(frame_writer_new(fd, "watcher", s, &w), 0);
	CHECK_EQ(frame_writer_write(w), 0);
	free(contents(fd, ret_snapshot_end));
	put(s, 2, "b", "3");
	state_commit(s, 11);
	CHECK_EQ(frame_writer_write(w), 0);
	return contents(fd, ret_len);
}

/* Reads these bytes; returns the number of transfers taken, or the error. */
static int read_back(const char *bytes, size_t len, struct state *mirror)
{
	_cleanup_close_ int fd = temp_file();
	_cleanup_(frame_reader_freep) struct frame_reader *r = NULL;
	int result, n = 0;

	CHECK_EQ(write(fd, bytes, len), (ssize_t)len);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	r = frame_reader_new(fd, "watcher", mirror);
	while ((result = frame_reader_next(r)) > 0)
		n++;
	CHECK(result == 0 || *frame_reader_error(r));
	return result < 0 ? result : n;
}

TEST(a_stream_that_is_cut_off_is_an_error_and_what_was_whole_stands)
{
	size_t len, snapshot;
	_cleanup_free_ char *bytes = small_stream(&len, &snapshot);

	for (size_t cut = 0; cut <= len; cut++) {
		_cleanup_(state_freep) struct state *mirror = state_new();
		int r = read_back(bytes, cut, mirror);

		if (cut == len)
			CHECK_EQ(r, 2);
		else if (cut == snapshot)
			CHECK_EQ(r, 1);
		else if (state_complete(mirror) || cut < 40)
			CHECK_EQ(r, -EBADMSG);
		CHECK_EQ(state_source(mirror), cut == len ? 11 : cut >= snapshot ? 10 : 0);
	}
}

TEST(a_damaged_stream_never_gives_another_content)
{
	size_t len, snapshot;
	_cleanup_free_ char *bytes = small_stream(&len, &snapshot);
	unsigned refused = 0;

	for (size_t bit = 0; bit < snapshot * 8; bit++) {
		_cleanup_(state_freep) struct state *mirror = state_new();
		struct item *a, *b;
		int r;

		bytes[bit / 8] ^= (char)(1 << bit % 8);
		r = read_back(bytes, snapshot, mirror);
		bytes[bit / 8] ^= (char)(1 << bit % 8);
		refused += r < 0;
		CHECK(r < 0 || r == 1);
		CHECK_EQ(state_count(mirror), r < 0 ? 0 : 2);
		if (r < 0)
			continue;
		a = state_get(mirror, 1, "a", 1);
		b = state_get(mirror, 2, "b", 1);
		CHECK(a && b);
		CHECK_STR((const char *)item_value(a), "1");
		CHECK_STR((const char *)item_value(b), "2");
	}
	CHECK(refused > snapshot * 4);
}

TEST(a_stream_of_another_role_is_refused)
{
	_cleanup_(state_freep) struct state *mirror = state_new();
	_cleanup_close_ int fd = temp_file();
	_cleanup_(frame_reader_freep) struct frame_reader *r = NULL;
	size_t len, snapshot;
	_cleanup_free_ char *bytes = small_stream(&len, &snapshot);

	CHECK_EQ(write(fd, bytes, len), (ssize_t)len);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	r = frame_reader_new(fd, "translator", mirror);
	CHECK_EQ(frame_reader_next(r), -EBADMSG);
	CHECK_STR(frame_reader_error(r),
		  "this is the state of a watcher, that of a translator was expected");
}

TEST(a_text_file_is_no_stream)
{
	_cleanup_(state_freep) struct state *mirror = state_new();

	CHECK_EQ(read_back("apiVersion: v1\nkind: Service\n", 29, mirror), -EBADMSG);
	CHECK_EQ(read_back("", 0, mirror), -EBADMSG);
}

/* ---- documentation ---- */

TEST(the_protocols_page_lists_the_frames_as_they_are)
{
	const char *top = getenv("top_srcdir");
	_cleanup_free_ char *path =
		xasprintf("%s/docs/understand/ipc-protocol.md", top ? top : ".");
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	char row[128];
	size_t len;

	CHECK(fd >= 0);
	text = contents(fd, &len);
	for (uint16_t type = 1; type < FRAME_TYPE_MAX_; type++) {
		(void)snprintf(row, sizeof(row), "\n| %u | %s | %s | %u | ", type,
			       frame_type(type)->name, frame_type(type)->sender,
			       frame_type(type)->max_length);
		if (!memmem(text, len, row, strlen(row))) {
			fprintf(stderr, "  missing:%s\n", row);
			CHECK(!"in docs/understand/ipc-protocol.md");
		}
	}
}
