/* common/link/link.c against peers that do not play by the rules. The link under test listens; it
 * sends objects and mirrors statuses. */
#include "common/base/alloc.h"
#include "common/link/feed.h"
#include "tests/lib/link-ends.h"

static void listen_alone(struct ends *e)
{
	ends_init(e);
	put_number(e->objects, 1, "x");
	state_commit(e->objects, 1);
	ends_listen(e);
}

/* A peer that has said HELLO and acknowledged the snapshot. */
static struct raw good_peer(struct ends *e)
{
	Portolan__Ipc__Ack ack = PORTOLAN__IPC__ACK__INIT;
	struct raw r = raw_connect(e);
	struct frame f;

	raw_hello(&r, "translator");
	f = raw_expect(e, &r, FRAME_SNAPSHOT_END);
	raw_frame(&r, FRAME_ACK, f.header.generation, &ack.base);
	UNTIL(e, link_in_sync(e->l));
	return r;
}

/* Frames of a state, as its owner would send them. */
struct source {
	struct state *state;
	struct feed feed;
	struct feed_peer peer;
	struct evbuffer *out;
};

static void source_init(struct source *s, const char *value)
{
	s->state = state_new();
	put(s->state, 1, "a", value);
	put(s->state, 2, "b", value);
	put(s->state, 2, "c", value);
	state_commit(s->state, 5);
	feed_init(&s->feed, s->state, NULL, NULL);
	feed_peer_init(&s->peer, &s->feed);
	s->out = evbuffer_new();
}

static void source_done(struct source *s)
{
	feed_peer_done(&s->peer);
	feed_done(&s->feed);
	state_free(s->state);
	evbuffer_free(s->out);
}

/* All of the next transfer, with `damage` done to the frame of that type. */
static void source_send(struct source *s, struct raw *r, int type,
			void (*damage)(uint8_t *frame, size_t len))
{
	int next;

	while ((next = feed_peer_next(&s->peer, s->out))) {
		size_t len = evbuffer_get_length(s->out);
		uint8_t *frame = evbuffer_pullup(s->out, -1);

		if (next == type)
			damage(frame, len);
		raw_send(r, frame, len);
		(void)evbuffer_drain(s->out, len);
	}
}

static void last_byte(uint8_t *frame, size_t len)
{
	frame[len - 1] ^= 1;
}

/* SNAPSHOT_END's bytes: tag, count, tag, digest. */
static void count_byte(uint8_t *frame, size_t len)
{
	(void)len;
	CHECK_EQ(frame[FRAME_HEADER_SIZE], 1 << 3);
	frame[FRAME_HEADER_SIZE + 1] += 1;
}

static void generation_byte(uint8_t *frame, size_t len)
{
	(void)len;
	frame[16] ^= 1;
}

static void item_tag(uint8_t *frame, size_t len)
{
	(void)len;
	frame[FRAME_HEADER_SIZE + 1] = 0x7f; /* length of the first item */
}

static void drop_items(uint8_t *frame, size_t len)
{
	(void)len;
	CHECK_EQ(frame[FRAME_HEADER_SIZE], 1 << 3 | 2);
	frame[FRAME_HEADER_SIZE] = 9 << 3 | 2; /* an unknown field */
}

static void kind_byte(uint8_t *frame, size_t len)
{
	(void)len;
	CHECK_EQ(frame[FRAME_HEADER_SIZE + 2], 1 << 3);
	frame[FRAME_HEADER_SIZE + 3] = STATE_KIND_MAX;
}

static void since_byte(uint8_t *frame, size_t len)
{
	(void)len;
	frame[FRAME_HEADER_SIZE + 1] ^= 1;
}

static const struct fault_row {
	const char *what;
	int type;
	void (*damage)(uint8_t *frame, size_t len);
	const char *reason;
} snapshot_faults[] = {
	{ "wrong digest", FRAME_SNAPSHOT_END, last_byte, "the digest of generation 1 is wrong" },
	{ "wrong count", FRAME_SNAPSHOT_END, count_byte, "generation 1 has 4 items, 3 came" },
	{ "items of another generation", FRAME_SNAPSHOT_ITEMS, generation_byte,
	  "items outside their snapshot" },
	{ "end of another generation", FRAME_SNAPSHOT_END, generation_byte,
	  "the end of a snapshot that never began" },
	{ "an item longer than its frame", FRAME_SNAPSHOT_ITEMS, item_tag, NULL },
	{ "an item missing", FRAME_SNAPSHOT_ITEMS, drop_items, "generation 1 has 3 items, 2 came" },
	{ "a kind out of range", FRAME_SNAPSHOT_ITEMS, kind_byte, "an item of a kind or size" },
	{ "a changed item", FRAME_SNAPSHOT_ITEMS, last_byte,
	  "the digest of generation 1 is wrong" },
}, delta_faults[] = {
	{ "wrong digest", FRAME_DELTA, last_byte, "the digest of generation 2 is wrong" },
	{ "a gap", FRAME_DELTA, since_byte, "a delta from generation 0, which is not held" },
};

/* The frame that says RESYNC comes, and gives this reason. */
static void expect_resync(struct ends *e, struct raw *r, const char *reason)
{
	struct frame f = raw_expect(e, r, FRAME_RESYNC);
	Portolan__Ipc__Resync *m;

	m = portolan__ipc__resync__unpack(NULL, f.header.length, f.payload);
	CHECK(m && m->reason);
	if (reason && !strstr(m->reason, reason)) {
		fprintf(stderr, "  reason: %s\n", m->reason);
		CHECK(!"as expected");
	}
	portolan__ipc__resync__free_unpacked(m, NULL);
}

TEST(a_faulty_snapshot_changes_nothing_and_another_is_asked_for)
{
	for (size_t i = 0; i < ARRAY_SIZE(snapshot_faults); i++) {
		const struct fault_row *row = &snapshot_faults[i];
		struct source s;
		struct ends e;
		struct raw r;

		fprintf(stderr, "  %s\n", row->what);
		listen_alone(&e);
		put(e.statuses_mirror, 7, "kept", "from an earlier connection");
		state_commit(e.statuses_mirror, 3);
		r = good_peer(&e);
		source_init(&s, "v");
		s.peer.sorted = true;
		source_send(&s, &r, row->type, row->damage);
		expect_resync(&e, &r, row->reason);
		CHECK_EQ(state_count(e.statuses_mirror), 1);
		CHECK_EQ(state_source(e.statuses_mirror), 3);
		CHECK_EQ(link_counters(e.l)->resyncs_asked, 1);
		/* The next one is taken, and a delta on it. */
		feed_peer_resync(&s.peer);
		source_send(&s, &r, 0, NULL);
		CHECK_EQ(raw_expect(&e, &r, FRAME_ACK).header.generation, 1);
		CHECK(same(s.state, e.statuses_mirror));
		CHECK(link_connected(e.l));
		CHECK_EQ(e.faults, 0);
		raw_close(&r);
		source_done(&s);
		ends_done(&e);
	}
}

TEST(a_faulty_delta_changes_nothing_and_a_snapshot_is_asked_for)
{
	for (size_t i = 0; i < ARRAY_SIZE(delta_faults); i++) {
		const struct fault_row *row = &delta_faults[i];
		struct source s;
		struct ends e;
		struct raw r;

		fprintf(stderr, "  %s\n", row->what);
		listen_alone(&e);
		r = good_peer(&e);
		source_init(&s, "v");
		source_send(&s, &r, 0, NULL);
		CHECK_EQ(raw_expect(&e, &r, FRAME_ACK).header.generation, 1);
		CHECK_EQ(feed_peer_ack(&s.peer, 1), 0);
		put(s.state, 1, "a", "second");
		(void)state_remove(s.state, 2, "b", 1);
		state_commit(s.state, 6);
		source_send(&s, &r, row->type, row->damage);
		expect_resync(&e, &r, row->reason);
		CHECK_EQ(state_source(e.statuses_mirror), 5);
		CHECK_EQ(state_count(e.statuses_mirror), 3);
		feed_peer_resync(&s.peer);
		source_send(&s, &r, 0, NULL);
		CHECK_EQ(raw_expect(&e, &r, FRAME_ACK).header.generation, 2);
		CHECK(same(s.state, e.statuses_mirror));
		raw_close(&r);
		source_done(&s);
		ends_done(&e);
	}
}

TEST(a_delta_without_a_snapshot_is_a_gap)
{
	Portolan__Ipc__Delta delta = PORTOLAN__IPC__DELTA__INIT;
	struct ends e;
	struct raw r;

	listen_alone(&e);
	r = good_peer(&e);
	raw_frame(&r, FRAME_DELTA, 1, &delta.base);
	expect_resync(&e, &r, "a delta from generation 0, which is not held");
	CHECK(!state_complete(e.statuses_mirror));
	raw_close(&r);
	ends_done(&e);
}

TEST(two_items_of_one_key_in_a_transfer_are_refused)
{
	Portolan__Ipc__SnapshotBegin begin = PORTOLAN__IPC__SNAPSHOT_BEGIN__INIT;
	Portolan__Ipc__SnapshotItems items = PORTOLAN__IPC__SNAPSHOT_ITEMS__INIT;
	Portolan__Ipc__Item item = PORTOLAN__IPC__ITEM__INIT;
	Portolan__Ipc__Item *both[] = { &item, &item };
	struct ends e;
	struct raw r;

	listen_alone(&e);
	r = good_peer(&e);
	item.key = (ProtobufCBinaryData){ 1, (uint8_t *)"k" };
	items.items = both;
	items.n_items = 2;
	raw_frame(&r, FRAME_SNAPSHOT_BEGIN, 1, &begin.base);
	raw_frame(&r, FRAME_SNAPSHOT_ITEMS, 1, &items.base);
	expect_resync(&e, &r, "two items of one key");
	raw_close(&r);
	ends_done(&e);
}

TEST(a_transfer_larger_than_the_limits_is_refused)
{
	Portolan__Ipc__SnapshotBegin begin = PORTOLAN__IPC__SNAPSHOT_BEGIN__INIT;
	struct source s;
	struct ends e;
	struct raw r;

	ends_init(&e);
	e.listener.limits.items_max = 2;
	state_commit(e.objects, 1);
	ends_listen(&e);
	r = good_peer(&e);
	begin.has_count = true;
	begin.count = 3;
	raw_frame(&r, FRAME_SNAPSHOT_BEGIN, 1, &begin.base);
	expect_resync(&e, &r, "a snapshot of 3 items; at most 2 are taken");
	begin.has_count = false;
	source_init(&s, "v");
	raw_frame(&r, FRAME_SNAPSHOT_BEGIN, 1, &begin.base);
	CHECK_EQ(feed_peer_next(&s.peer, s.out), FRAME_SNAPSHOT_BEGIN);
	(void)evbuffer_drain(s.out, evbuffer_get_length(s.out));
	source_send(&s, &r, 0, NULL);
	expect_resync(&e, &r, "more than 2 items");
	raw_close(&r);
	source_done(&s);
	ends_done(&e);
}

TEST(three_faults_in_a_minute_end_the_connection_and_the_stage_is_told)
{
	Portolan__Ipc__SnapshotBegin begin = PORTOLAN__IPC__SNAPSHOT_BEGIN__INIT;
	Portolan__Ipc__SnapshotEnd end = PORTOLAN__IPC__SNAPSHOT_END__INIT;
	struct ends e;
	struct raw r;

	listen_alone(&e);
	r = good_peer(&e);
	end.has_count = true;
	end.count = 9;
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(e.faults, 0);
		raw_frame(&r, FRAME_SNAPSHOT_BEGIN, 1, &begin.base);
		raw_frame(&r, FRAME_SNAPSHOT_END, 1, &end.base);
		if (i < 2)
			expect_resync(&e, &r, "generation 1 has 9 items, 0 came");
	}
	CHECK_STR(raw_bye(&e, &r), "generation 1 has 9 items, 0 came");
	CHECK_EQ(e.faults, 1);
	UNTIL(&e, e.downs == 1);
	CHECK_STR(link_last_error(e.l),
		  "the translator was refused: generation 1 has 9 items, 0 came");
	CHECK_EQ(link_counters(e.l)->rejected_frames, 3);
	raw_close(&r);
	ends_done(&e);
}

TEST(a_peer_that_asks_for_snapshots_again_and_again_is_thrown_out)
{
	Portolan__Ipc__Resync resync = PORTOLAN__IPC__RESYNC__INIT;
	struct ends e;
	struct raw r;

	listen_alone(&e);
	r = raw_connect(&e);
	raw_hello(&r, "translator");
	resync.reason = (char *)"I do\nnot like it";
	for (int i = 0; i < 3; i++) {
		(void)raw_expect(&e, &r, FRAME_SNAPSHOT_END);
		raw_frame(&r, FRAME_RESYNC, 1, &resync.base);
	}
	CHECK_STR(raw_bye(&e, &r), "too many snapshots were asked for");
	CHECK_EQ(link_counters(e.l)->resyncs_sent, 3);
	CHECK_EQ(e.faults, 1);
	raw_close(&r);
	ends_done(&e);
}

/* ---- faults that end a connection ---- */

static void say_garbage(struct raw *r)
{
	raw_hello(r, "translator");
	raw_send(r, "GET / HTTP/1.1\r\nHost: portolan\r\n\r\n", 34);
}

static void say_http_first(struct raw *r)
{
	raw_send(r, "GET / HTTP/1.1\r\nHost: portolan\r\n\r\n", 34);
}

static void send_header(struct raw *r, struct frame_header h)
{
	uint8_t bytes[FRAME_HEADER_SIZE];

	frame_header_encode(&h, bytes);
	raw_send(r, bytes, sizeof(bytes));
}

static void say_long_hello(struct raw *r)
{
	send_header(r, (struct frame_header){ 0xffffffff, FRAME_HELLO, FRAME_MAJOR, 0, 0 });
}

static void say_long_ack(struct raw *r)
{
	raw_hello(r, "translator");
	send_header(r, (struct frame_header){ 4096, FRAME_ACK, FRAME_MAJOR, 0, 0 });
}

static void say_unknown_type(struct raw *r)
{
	raw_hello(r, "translator");
	send_header(r, (struct frame_header){ 0, 999, FRAME_MAJOR, FRAME_MINOR, 0 });
}

static void say_other_major(struct raw *r)
{
	send_header(r, (struct frame_header){ 10, FRAME_HELLO, FRAME_MAJOR + 1, 0, 0 });
}

static void say_other_major_inside(struct raw *r)
{
	Portolan__Ipc__Hello m = PORTOLAN__IPC__HELLO__INIT;

	m.product = (char *)"portolan";
	m.role = (char *)"translator";
	m.has_major = true;
	m.major = 7;
	raw_frame(r, FRAME_HELLO, 0, &m.base);
}

static void say_other_product(struct raw *r)
{
	Portolan__Ipc__Hello m = PORTOLAN__IPC__HELLO__INIT;

	m.product = (char *)"almanac";
	raw_frame(r, FRAME_HELLO, 0, &m.base);
}

static void say_undecodable_hello(struct raw *r)
{
	send_header(r, (struct frame_header){ 3, FRAME_HELLO, FRAME_MAJOR, 0, 0 });
	raw_send(r, "\xff\xff\xff", 3);
}

static void say_other_role(struct raw *r)
{
	raw_hello(r, "xds-\033server");
}

static void say_no_hello(struct raw *r)
{
	Portolan__Ipc__Ack m = PORTOLAN__IPC__ACK__INIT;

	raw_frame(r, FRAME_ACK, 1, &m.base);
}

static void say_hello_twice(struct raw *r)
{
	raw_hello(r, "translator");
	raw_hello(r, "translator");
}

static void say_ack_of_nothing(struct raw *r)
{
	Portolan__Ipc__Ack m = PORTOLAN__IPC__ACK__INIT;

	raw_hello(r, "translator");
	raw_frame(r, FRAME_ACK, 4711, &m.base);
}

static void say_bye(struct raw *r)
{
	Portolan__Ipc__Bye m = PORTOLAN__IPC__BYE__INIT;

	raw_hello(r, "translator");
	m.reason = (char *)"good\nnight";
	raw_frame(r, FRAME_BYE, 0, &m.base);
}

static const struct {
	void (*say)(struct raw *r);
	const char *bye, *error; /* the message to the peer, and our own */
} refused[] = {
	{ say_garbage, "bytes that are not a frame: is this Portolan?", NULL },
	{ say_http_first, "bytes that are not a frame: is this Portolan?", NULL },
	{ say_long_hello, "a frame longer than its type may be", NULL },
	{ say_long_ack, "a frame longer than its type may be", NULL },
	{ say_unknown_type, "bytes that are not a frame: is this Portolan?", NULL },
	{ say_other_major, "protocol version 2 came, this side speaks 1: are both of one release?",
	  NULL },
	{ say_other_major_inside,
	  "protocol version 7 came, this side speaks 1: are both of one release?", NULL },
	{ say_other_product, "HELLO is not from Portolan: is something else here?", NULL },
	{ say_undecodable_hello, "something undecodable came where a HELLO was due", NULL },
	{ say_other_role,
	  "objects links watcher and translator, and xds-?server came: is this the right path?",
	  NULL },
	{ say_no_hello, "ACK came where a HELLO was due", NULL },
	{ say_hello_twice, "a second HELLO", NULL },
	{ say_ack_of_nothing, "an ACK of generation 4711, which was not sent", NULL },
	{ say_bye, "", "the translator closed the connection: good?night" },
};

TEST(a_peer_that_breaks_the_rules_is_told_which_and_the_next_one_is_served)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		char error[FRAME_REASON_MAX + 64];
		struct ends e;
		struct raw r;

		listen_alone(&e);
		r = raw_connect(&e);
		refused[i].say(&r);
		CHECK_STR(raw_bye(&e, &r), refused[i].bye);
		(void)snprintf(error, sizeof(error), "the translator was refused: %s",
			       refused[i].bye);
		UNTIL(&e, *link_last_error(e.l));
		CHECK_STR(link_last_error(e.l), refused[i].error ? refused[i].error : error);
		CHECK_EQ(e.ups, e.downs);
		raw_close(&r);
		state_commit(e.statuses, 1);
		ends_connect(&e);
		UNTIL(&e, link_connected(e.l) && link_connected(e.c) && IN_SYNC(&e));
		CHECK(same(e.objects, e.objects_mirror));
		ends_done(&e);
	}
}

TEST(frames_of_a_newer_minor_version_are_skipped)
{
	struct frame_header h = { 5, 999, FRAME_MAJOR, FRAME_MINOR + 1, 0 };
	struct source s;
	struct ends e;
	struct raw r;

	listen_alone(&e);
	r = good_peer(&e);
	source_init(&s, "v");
	send_header(&r, h);
	raw_send(&r, "12345", 5);
	source_send(&s, &r, 0, NULL);
	CHECK_EQ(raw_expect(&e, &r, FRAME_ACK).header.generation, 1);
	CHECK(same(s.state, e.statuses_mirror));
	raw_close(&r);
	source_done(&s);
	ends_done(&e);
}

TEST(a_peer_that_dies_inside_a_snapshot_leaves_the_mirror_as_it_was)
{
	struct source s;
	struct ends e;
	struct raw r;
	size_t len;

	source_init(&s, "v");
	while (feed_peer_next(&s.peer, s.out))
		;
	len = evbuffer_get_length(s.out);
	for (size_t cut = 0; cut < len; cut++) {
		listen_alone(&e);
		put(e.statuses_mirror, 7, "kept", "x");
		state_commit(e.statuses_mirror, 3);
		r = good_peer(&e);
		raw_send(&r, evbuffer_pullup(s.out, -1), cut);
		raw_close(&r);
		UNTIL(&e, e.downs == 1);
		CHECK_STR(link_last_error(e.l),
			  "the translator has gone: the connection was closed");
		CHECK_EQ(state_count(e.statuses_mirror), 1);
		CHECK_EQ(state_source(e.statuses_mirror), 3);
		ends_done(&e);
	}
	source_done(&s);
}

TEST(a_length_that_is_only_claimed_costs_nothing)
{
	struct frame_input in = { 0 };
	struct frame_header h = { FRAME_ITEM_MAX, FRAME_SNAPSHOT_ITEMS, FRAME_MAJOR, 0, 1 };
	uint8_t bytes[FRAME_HEADER_SIZE];
	struct frame f;
	int fds[2];

	CHECK_EQ(pipe(fds), 0);
	frame_header_encode(&h, bytes);
	CHECK_EQ(write(fds[1], bytes, sizeof(bytes)), (ssize_t)sizeof(bytes));
	CHECK_EQ(frame_input_fill(&in, fds[0]), (ssize_t)sizeof(bytes));
	CHECK_EQ(frame_input_next(&in, &f), 0);
	CHECK_EQ(write(fds[1], bytes, sizeof(bytes)), (ssize_t)sizeof(bytes));
	CHECK_EQ(frame_input_fill(&in, fds[0]), (ssize_t)sizeof(bytes));
	CHECK(in.cap <= 64 * 1024);
	frame_input_done(&in);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

TEST(a_peer_killed_and_back_at_once_is_not_held_for_a_second_one)
{
	struct ends e;
	struct raw old, new;

	listen_alone(&e);
	old = good_peer(&e);
	/* Both are there when the listener gets its turn. */
	raw_close(&old);
	new = raw_connect(&e);
	raw_hello(&new, "translator");
	(void)raw_expect(&e, &new, FRAME_SNAPSHOT_END);
	CHECK_EQ(e.ups, 2);
	CHECK_EQ(e.downs, 1);
	raw_close(&new);
	ends_done(&e);
}

TEST(what_a_peer_without_a_mirror_here_sends_is_acknowledged)
{
	struct source s;
	struct ends e;
	struct raw r;

	ends_init(&e);
	e.listener.mirror = NULL;
	state_commit(e.objects, 1);
	ends_listen(&e);
	r = good_peer(&e);
	source_init(&s, "v");
	source_send(&s, &r, 0, NULL);
	CHECK_EQ(raw_expect(&e, &r, FRAME_ACK).header.generation, 1);
	raw_close(&r);
	source_done(&s);
	ends_done(&e);
}

/* ---- time ---- */

TEST(a_peer_that_does_not_say_hello_is_dropped)
{
	struct ends e;
	struct raw r;

	ends_init(&e);
	e.listener.limits.hello_usec = 20 * USEC_PER_MSEC;
	ends_listen(&e);
	r = raw_connect(&e);
	CHECK_STR(raw_bye(&e, &r), "no HELLO in 20 ms: is something else using this socket?");
	raw_close(&r);
	ends_done(&e);
}

TEST(a_peer_that_does_not_acknowledge_is_dropped)
{
	struct ends e;
	struct raw r;

	ends_init(&e);
	e.listener.limits.stall_usec = 20 * USEC_PER_MSEC;
	state_commit(e.objects, 1);
	ends_listen(&e);
	r = raw_connect(&e);
	raw_hello(&r, "translator");
	CHECK_STR(raw_bye(&e, &r), "nothing was read or acknowledged for 20 ms");
	raw_close(&r);
	ends_done(&e);
}

TEST(a_reader_that_does_not_read_is_dropped_and_holds_nobody_up)
{
	_cleanup_free_ char *value = xcalloc(1, 1024 * 1024);
	struct ends e;
	struct raw r;

	ends_init(&e);
	e.listener.limits.stall_usec = 300 * USEC_PER_MSEC;
	memset(value, 'v', 1024 * 1024 - 1);
	for (unsigned i = 0; i < 20; i++)
		put_number(e.objects, i, value);
	state_commit(e.objects, 1);
	state_commit(e.statuses, 1);
	ends_listen(&e);
	r = raw_connect(&e);
	raw_hello(&r, "reader");
	UNTIL(&e, link_counters(e.l)->bytes_out > 1000);
	ends_connect(&e);
	UNTIL(&e, link_connected(e.l) && link_connected(e.c) && IN_SYNC(&e));
	CHECK(same(e.objects, e.objects_mirror));
	/* Its connection ends; frames sent before can still be read. */
	(void)raw_bye(&e, &r);
	CHECK(link_connected(e.l));
	raw_close(&r);
	ends_done(&e);
}

TEST(other_users_are_turned_away)
{
	struct frame f;
	struct ends e;
	struct raw r;

	if (geteuid() != 0) {
		fprintf(stderr, "  not tried: this takes root\n");
		return;
	}
	listen_alone(&e);
	CHECK_EQ(chmod(e.dir, 0755), 0);
	CHECK_EQ(chmod(e.path, 0666), 0);
	CHECK_EQ(seteuid(65534), 0);
	r = raw_connect(&e);
	CHECK_EQ(seteuid(0), 0);
	CHECK(!raw_next(&e, &r, &f));
	raw_close(&r);
	ends_done(&e);
}
