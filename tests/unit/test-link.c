/* common/link/link.c with common/link/feed.c and common/link/mirror.c: two ends that both play by
 * the rules. */
#include "common/base/alloc.h"
#include "common/link/frame-item.h"
#include "tests/lib/link-ends.h"

TEST(a_state_arrives_as_a_snapshot_and_follows_by_deltas)
{
	struct ends e;

	ends_start(&e, 1000);
	CHECK_EQ(link_counters(e.l)->snapshots_out, 1);
	CHECK_EQ(link_counters(e.c)->snapshots_in, 1);
	CHECK_EQ(e.commits, 1);
	put_number(e.objects, 7, "second");
	put_number(e.objects, 5000, "new");
	CHECK(state_remove(e.objects, 3, "namespace/name-3", 16));
	state_commit(e.objects, 2);
	UNTIL(&e, IN_SYNC(&e));
	CHECK(same(e.objects, e.objects_mirror));
	CHECK_EQ(link_counters(e.l)->deltas_out, 1);
	CHECK_EQ(link_counters(e.c)->deltas_in, 1);
	CHECK_EQ(e.changes, 1000 + 3);
	put(e.statuses, 1, "a", "accepted");
	state_commit(e.statuses, 2);
	UNTIL(&e, IN_SYNC(&e));
	CHECK(same(e.statuses, e.statuses_mirror));
	CHECK_EQ(e.ups, 1);
	CHECK_STR(link_last_error(e.l), "");
	ends_done(&e);
}

TEST(nothing_is_sent_before_the_first_commit)
{
	struct ends e;

	ends_init(&e);
	put_number(e.objects, 1, "x");
	ends_listen(&e);
	ends_connect(&e);
	UNTIL(&e, link_connected(e.l) && link_connected(e.c));
	put(e.statuses, 1, "a", "b");
	state_commit(e.statuses, 1);
	UNTIL(&e, state_complete(e.statuses_mirror));
	CHECK(!state_complete(e.objects_mirror));
	CHECK_EQ(link_counters(e.l)->snapshots_out, 0);
	state_commit(e.objects, 1);
	UNTIL(&e, state_complete(e.objects_mirror));
	CHECK(same(e.objects, e.objects_mirror));
	ends_done(&e);
}

TEST(an_empty_world_is_a_complete_one)
{
	struct ends e;

	ends_start(&e, 0);
	CHECK(state_complete(e.objects_mirror));
	CHECK_EQ(e.commits, 1);
	ends_done(&e);
}

TEST(what_is_not_committed_is_not_sent)
{
	struct ends e;

	ends_start(&e, 10);
	put_number(e.objects, 1, "half");
	/* A new peer's snapshot waits for the commit. */
	link_free(e.c);
	ends_connect(&e);
	UNTIL(&e, link_connected(e.l) && link_connected(e.c));
	put(e.statuses, 1, "a", "b");
	state_commit(e.statuses, 2);
	UNTIL(&e, state_source(e.statuses_mirror) == 2);
	CHECK_EQ(link_counters(e.l)->snapshots_out, 1);
	put_number(e.objects, 2, "whole");
	state_commit(e.objects, 2);
	UNTIL(&e, IN_SYNC(&e));
	CHECK_EQ(link_counters(e.l)->snapshots_out, 2);
	CHECK(same(e.objects, e.objects_mirror));
	ends_done(&e);
}

TEST(a_source_that_moves_alone_is_told)
{
	struct ends e;

	ends_start(&e, 10);
	state_commit(e.objects, 77);
	UNTIL(&e, IN_SYNC(&e));
	CHECK_EQ(state_source(e.objects_mirror), 77);
	CHECK_EQ(e.changes, 10);
	CHECK_EQ(e.commits, 2);
	ends_done(&e);
}

TEST(a_commit_that_changes_nothing_sends_nothing)
{
	struct ends e;
	uint64_t frames;

	ends_start(&e, 10);
	frames = link_counters(e.l)->frames_out;
	put_number(e.objects, 1, "first");
	state_commit(e.objects, 1);
	CHECK_EQ(link_counters(e.l)->frames_out, frames);
	CHECK(IN_SYNC(&e));
	ends_done(&e);
}

TEST(reconnecting_over_an_unchanged_world_changes_nothing)
{
	struct ends e;
	uint64_t generation;

	ends_start(&e, 500);
	generation = state_generation(e.objects_mirror);
	link_free(e.l);
	UNTIL(&e, !link_connected(e.c));
	CHECK(same(e.objects, e.objects_mirror));
	CHECK_EQ(e.downs, 0); /* our own doing: not reported */
	ends_listen(&e);
	UNTIL(&e, link_connected(e.l) && link_connected(e.c) && IN_SYNC(&e));
	CHECK_EQ(link_counters(e.c)->snapshots_in, 2);
	CHECK_EQ(e.changes, 500);
	CHECK_EQ(e.commits, 1);
	CHECK(state_generation(e.objects_mirror) == generation);
	ends_done(&e);
}

TEST(a_producer_that_comes_back_with_another_world_causes_only_the_differences)
{
	struct ends e;

	ends_start(&e, 500);
	link_free(e.l);
	put_number(e.objects, 3, "second");
	(void)state_remove(e.objects, 4, "namespace/name-4", 16);
	put_number(e.objects, 999, "new");
	state_commit(e.objects, 9);
	ends_listen(&e);
	UNTIL(&e, link_connected(e.l) && link_connected(e.c) && IN_SYNC(&e));
	CHECK(same(e.objects, e.objects_mirror));
	CHECK_EQ(e.changes, 500 + 3);
	CHECK_EQ(e.commits, 2);
	ends_done(&e);
}

TEST(the_mirror_of_a_lost_peer_stands)
{
	struct ends e;

	ends_start(&e, 1);
	put(e.statuses, 1, "a", "b");
	state_commit(e.statuses, 2);
	UNTIL(&e, IN_SYNC(&e));
	link_free(TAKE_PTR(e.c));
	UNTIL(&e, !link_connected(e.l) && e.downs == 1);
	CHECK_EQ(state_count(e.statuses_mirror), 1);
	CHECK_STR(link_last_error(e.l),
		  "the translator closed the connection: the translator is stopping");
	ends_done(&e);
}

TEST(changes_to_one_key_meanwhile_are_sent_once_and_the_latest_wins)
{
	struct ends e;
	char value[32];

	ends_start(&e, 10);
	/* The peer does not read: its turn does not come. */
	for (int i = 0; i < 100000; i++) {
		(void)snprintf(value, sizeof(value), "%d", i);
		put_number(e.objects, 1, value);
		state_commit(e.objects, 2 + (uint64_t)i);
	}
	CHECK_EQ(link_counters(e.l)->pending_keys, 1);
	CHECK_EQ(link_counters(e.l)->deltas_out, 1);
	UNTIL(&e, IN_SYNC(&e));
	CHECK(same(e.objects, e.objects_mirror));
	CHECK_EQ(link_counters(e.l)->deltas_out, 2);
	CHECK_EQ(link_counters(e.l)->pending_keys, 0);
	CHECK_EQ(e.commits, 3);
	ends_done(&e);
}

TEST(keys_that_come_and_go_meanwhile_leave_nothing_behind)
{
	struct ends e;
	char key[32];

	ends_start(&e, 10);
	put_number(e.objects, 1, "second");
	state_commit(e.objects, 2);
	for (int i = 0; i < 100000; i++) {
		(void)snprintf(key, sizeof(key), "passing-%d", i);
		put(e.objects, 2, key, "x");
		state_commit(e.objects, 3);
		(void)state_remove(e.objects, 2, key, strlen(key));
		state_commit(e.objects, 4);
	}
	CHECK_EQ(link_counters(e.l)->pending_keys, 0);
	/* One that the peer has, gone and back. */
	(void)state_remove(e.objects, 3, "namespace/name-3", 16);
	CHECK_EQ(link_counters(e.l)->pending_keys, 1);
	put_number(e.objects, 3, "third");
	state_commit(e.objects, 5);
	UNTIL(&e, IN_SYNC(&e));
	CHECK(same(e.objects, e.objects_mirror));
	CHECK_EQ(link_counters(e.c)->resyncs_asked, 0);
	ends_done(&e);
}

TEST(a_large_delta_travels_in_parts_and_is_committed_once)
{
	_cleanup_free_ char *value = xmalloc(2001);
	struct ends e;

	memset(value, 'v', 2000);
	value[2000] = '\0';
	ends_start(&e, 3000);
	for (unsigned i = 0; i < 2000; i++)
		put_number(e.objects, 1000 + i, value);
	for (unsigned i = 0; i < 1000; i++) {
		char key[32];

		(void)snprintf(key, sizeof(key), "namespace/name-%u", i);
		CHECK(state_remove(e.objects, i % 5, key, strlen(key)));
	}
	state_commit(e.objects, 2);
	UNTIL(&e, IN_SYNC(&e));
	CHECK(same(e.objects, e.objects_mirror));
	CHECK_EQ(e.commits, 2);
	CHECK_EQ(link_counters(e.l)->deltas_out, 1);
	CHECK(link_counters(e.l)->frames_out > 1 + 3 + 4000000 / FRAME_BATCH_BYTES);
	ends_done(&e);
}

TEST(an_item_of_30_MiB_arrives)
{
	size_t size = 30u * 1024 * 1024;
	_cleanup_free_ char *value = xmalloc(size);
	struct ends e;

	for (size_t i = 0; i < size; i++)
		value[i] = (char)(i * 7 + i / 4096);
	ends_start(&e, 100);
	(void)state_put(e.objects, item_new(1, "big", 3, NULL, 0, value, size));
	state_commit(e.objects, 2);
	UNTIL(&e, IN_SYNC(&e));
	CHECK(same(e.objects, e.objects_mirror));
	link_free(e.c);
	ends_connect(&e);
	UNTIL(&e, link_connected(e.l) && link_connected(e.c) && IN_SYNC(&e));
	CHECK(same(e.objects, e.objects_mirror));
	CHECK_EQ(link_counters(e.c)->resyncs_asked, 0);
	ends_done(&e);
}

TEST(an_item_too_large_for_a_frame_is_counted_and_the_others_arrive)
{
	_cleanup_free_ char *value = xcalloc(1, FRAME_ITEM_MAX + 1);
	struct ends e;

	ends_start(&e, 100);
	(void)state_put(e.objects, item_new(1, "big", 3, NULL, 0, value, FRAME_ITEM_MAX + 1));
	put_number(e.objects, 1, "second");
	state_commit(e.objects, 2);
	UNTIL(&e, IN_SYNC(&e));
	CHECK_EQ(link_counters(e.l)->unsendable_items, 1);
	CHECK_EQ(state_count(e.objects_mirror), 100);
	link_free(e.c);
	ends_connect(&e);
	UNTIL(&e, link_connected(e.l) && link_connected(e.c) && IN_SYNC(&e));
	CHECK_EQ(state_count(e.objects_mirror), 100);
	put(e.objects, 1, "big", "small");
	state_commit(e.objects, 3);
	UNTIL(&e, IN_SYNC(&e));
	CHECK_EQ(link_counters(e.l)->unsendable_items, 0);
	CHECK(same(e.objects, e.objects_mirror));
	CHECK_EQ(link_counters(e.c)->resyncs_asked, 0);
	ends_done(&e);
}

TEST(a_second_consumer_is_told_who_has_its_place_and_gets_it_afterwards)
{
	_cleanup_(state_freep) struct state *mirror = state_new();
	struct link_config config;
	struct link *second;
	struct ends e;

	ends_start(&e, 10);
	config = e.connector;
	config.send = NULL;
	config.mirror = mirror;
	CHECK_EQ(link_connect(e.loop, &config, &second), 0);
	UNTIL(&e, strstr(link_last_error(second), "another translator is connected already"));
	CHECK(!link_connected(second));
	CHECK(link_connected(e.c));
	CHECK_EQ(e.ups, 1);
	link_free(TAKE_PTR(e.c));
	UNTIL(&e, link_connected(second) && state_complete(mirror));
	CHECK(same(e.objects, mirror));
	link_free(second);
	ends_done(&e);
}

TEST(readers_follow_the_state_and_are_nobodys_peer)
{
	_cleanup_(state_freep) struct state *mirror = state_new();
	struct link *readers[LINK_READERS_MAX + 1];
	struct link_config config;
	struct ends e;

	ends_start(&e, 10);
	config = e.connector;
	config.role = "recorder";
	config.mirror = mirror;
	CHECK_EQ(link_connect_reader(e.loop, &config, &readers[0]), 0);
	UNTIL(&e, state_complete(mirror));
	put_number(e.objects, 1, "second");
	state_commit(e.objects, 2);
	UNTIL(&e, state_source(mirror) == 2 && IN_SYNC(&e));
	CHECK(same(e.objects, mirror));
	CHECK_EQ(e.ups, 1);
	CHECK(state_source(e.statuses_mirror) == 1);
	config.mirror = NULL;
	for (int i = 1; i < LINK_READERS_MAX; i++) {
		CHECK_EQ(link_connect_reader(e.loop, &config, &readers[i]), 0);
		UNTIL(&e, link_connected(readers[i]));
	}
	CHECK_EQ(link_connect_reader(e.loop, &config, &readers[LINK_READERS_MAX]), 0);
	UNTIL(&e, strstr(link_last_error(readers[LINK_READERS_MAX]), "8 readers are connected"));
	link_free(readers[1]);
	UNTIL(&e, link_connected(readers[LINK_READERS_MAX]));
	for (int i = 0; i <= LINK_READERS_MAX; i++)
		if (i != 1)
			link_free(readers[i]);
	CHECK(link_connected(e.l));
	ends_done(&e);
}

TEST(a_connector_says_what_is_missing_and_connects_when_it_is_there)
{
	struct ends e;

	ends_init(&e);
	ends_connect(&e);
	UNTIL(&e, strstr(link_last_error(e.c), "is the watcher running"));
	put_number(e.objects, 1, "x");
	state_commit(e.objects, 1);
	ends_listen(&e);
	UNTIL(&e, state_complete(e.objects_mirror));
	CHECK_STR(link_last_error(e.c), "");
	ends_done(&e);
}

TEST(a_stale_socket_is_replaced_and_a_successors_socket_is_left_alone)
{
	struct link *successor;
	struct ends e;

	ends_init(&e);
	state_commit(e.objects, 1);
	ends_listen(&e);
	CHECK_EQ(link_listen(e.loop, &e.listener, &successor), 0);
	link_free(e.l);
	e.l = successor;
	ends_connect(&e);
	UNTIL(&e, link_connected(e.c));
	ends_done(&e);
}

/* ---- random histories ---- */

static unsigned long long seed;

static unsigned pick(unsigned n)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)(seed >> 33) % n;
}

static void random_change(struct state *s)
{
	char key[32], value[64];
	unsigned n = pick(300);

	(void)snprintf(key, sizeof(key), "k%u", n);
	if (pick(3) == 0) {
		(void)state_remove(s, n % 3, key, strlen(key));
		return;
	}
	(void)snprintf(value, sizeof(value), "%u", pick(4));
	put(s, n % 3, key, value);
}

static void random_step(struct ends *e, uint64_t *source)
{
	struct state *s = pick(3) ? e->objects : e->statuses;

	switch (pick(12)) {
	case 0:
	case 1:
		state_commit(s, *source += pick(2));
		break;
	case 2:
	case 3:
	case 4:
		(void)event_base_loop(event_loop_base(e->loop), EVLOOP_NONBLOCK);
		break;
	case 5:
		if (pick(40) == 0) {
			link_free(TAKE_PTR(e->l));
			ends_listen(e);
		}
		break;
	case 6:
		if (pick(40) == 0) {
			link_free(TAKE_PTR(e->c));
			ends_connect(e);
		}
		break;
	default:
		for (unsigned i = pick(10); i; i--)
			random_change(s);
	}
}

TEST(mirrors_converge_whatever_happened)
{
	uint64_t changes = 0, resyncs = 0;

	for (seed = 1; seed < 40;) {
		unsigned long long next = seed + 1;
		uint64_t source = 1;
		struct ends e;

		ends_start(&e, 0);
		for (int i = 0; i < 4000; i++)
			random_step(&e, &source);
		state_commit(e.objects, ++source);
		state_commit(e.statuses, source);
		UNTIL(&e, link_connected(e.l) && link_connected(e.c) && IN_SYNC(&e));
		CHECK(same(e.objects, e.objects_mirror));
		CHECK(same(e.statuses, e.statuses_mirror));
		changes += (uint64_t)e.changes;
		resyncs += link_counters(e.c)->resyncs_asked + link_counters(e.l)->resyncs_asked;
		ends_done(&e);
		seed = next;
	}
	CHECK(changes > 10000);
	CHECK_EQ(resyncs, 0);
}

/* ---- numbers for people ---- */

TEST(a_snapshot_of_30000_items_is_timed)
{
	char value[1025];
	int64_t began;
	struct ends e;

	memset(value, 'v', 1024);
	value[1024] = '\0';
	ends_init(&e);
	for (unsigned i = 0; i < 30000; i++)
		put_number(e.objects, i, value);
	state_commit(e.objects, 1);
	ends_listen(&e);
	ends_connect(&e);
	began = clock_monotonic();
	UNTIL(&e, state_complete(e.objects_mirror));
	began = clock_monotonic() - began;
	fprintf(stderr, "  30,000 items of 1 KiB: %.1f ms", (double)began / 1000);
	CHECK(same(e.objects, e.objects_mirror));
	link_free(e.c);
	ends_connect(&e);
	began = clock_monotonic();
	UNTIL(&e, link_connected(e.l) && link_connected(e.c) && IN_SYNC(&e));
	began = clock_monotonic() - began;
	fprintf(stderr, ", unchanged again: %.1f ms\n", (double)began / 1000);
	ends_done(&e);
}

TEST(a_small_delta_is_timed)
{
	enum { N = 2000 };
	int64_t began, total = 0;
	struct ends e;
	char value[32];

	ends_start(&e, 30000);
	for (int i = 0; i < N; i++) {
		(void)snprintf(value, sizeof(value), "%d", i);
		began = clock_monotonic();
		put_number(e.objects, 17, value);
		state_commit(e.objects, 2 + (uint64_t)i);
		UNTIL(&e, state_source(e.objects_mirror) == 2 + (uint64_t)i);
		total += clock_monotonic() - began;
		UNTIL(&e, IN_SYNC(&e));
	}
	fprintf(stderr, "  commit to commit: %.1f µs\n", (double)total / N);
	ends_done(&e);
}

TEST(a_restarted_producer_is_found_soon)
{
	int64_t began, worst = 0;
	struct ends e;

	ends_start(&e, 10);
	for (int i = 0; i < 10; i++) {
		/* Away for some turns of the connector's retries. */
		link_free(TAKE_PTR(e.l));
		for (int k = 0; k < i; k++)
			turn(&e);
		ends_listen(&e);
		began = clock_monotonic();
		UNTIL(&e, link_connected(e.l) && link_connected(e.c) && IN_SYNC(&e));
		began = clock_monotonic() - began;
		worst = MAX(worst, began);
	}
	fprintf(stderr, "  at worst after %.1f ms\n", (double)worst / 1000);
	CHECK(worst < 5 * USEC_PER_SEC);
	ends_done(&e);
}

/* ---- metrics ---- */

static unsigned count(const char *text, const char *word)
{
	unsigned n = 0;

	for (; (text = strstr(text, word)); text++)
		n++;
	return n;
}

TEST(metrics_of_two_links_have_one_head_a_name)
{
	_cleanup_strbuf_ struct strbuf one = STRBUF_INIT, two = STRBUF_INIT;
	struct link *links[2];
	struct ends e;

	ends_start(&e, 3);
	e.connector.name = "other";
	link_free(e.c);
	ends_connect(&e);
	UNTIL(&e, link_connected(e.c) && IN_SYNC(&e));
	link_metrics(e.l, &one);
	CHECK(strstr(one.s, "# TYPE portolan_link_connected gauge\n"
			    "portolan_link_connected{link=\"objects\"} 1\n"));
	CHECK(strstr(one.s, "portolan_link_snapshots_out_total{link=\"objects\"} 2\n"));
	links[0] = e.l;
	links[1] = e.c;
	link_metrics_all(links, 2, &two);
	CHECK_EQ(count(two.s, "# HELP "), count(one.s, "# HELP "));
	CHECK_EQ(count(two.s, "# TYPE portolan_link_in_sync gauge\n"), 1);
	CHECK_EQ(count(two.s, "{link=\"objects\"}"), count(one.s, "{link=\"objects\"}"));
	CHECK(strstr(two.s, "# TYPE portolan_link_connects_total counter\n"
			    "portolan_link_connects_total{link=\"objects\"} 2\n"
			    "portolan_link_connects_total{link=\"other\"} 1\n# HELP "));
	ends_done(&e);
}
