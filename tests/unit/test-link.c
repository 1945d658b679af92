/* common/link.c: both ends in one event loop, over real sockets in a directory of their own. */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/frame-item.h"
#include "common/frame.h"
#include "common/link.h"
#include "common/unix-socket.h"
#include "ipc.pb-c.h"
#include "tests/lib/test.h"

/* ---- two ends ---- */

#define PATIENCE_USEC (60 * USEC_PER_SEC) /* of a test that has failed */

struct ends {
	struct event_loop *loop;
	struct event *guard;
	char dir[64], path[96];
	struct state *objects, *objects_mirror;   /* of the listener, at the connector */
	struct state *statuses, *statuses_mirror; /* of the connector, at the listener */
	struct link_config listener, connector;
	struct link *l, *c;
	int ups, downs, faults;
	int changes, commits; /* of objects_mirror */
	struct state_observer observer;
};

static void on_guard(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd, (void)what, (void)ctx;
	fprintf(stderr, "nothing happens any more\n");
	abort();
}

static void on_status(void *ctx, bool connected)
{
	struct ends *e = ctx;

	e->ups += connected;
	e->downs += !connected;
}

static void on_faulty(void *ctx, const char *what)
{
	(void)what;
	((struct ends *)ctx)->faults++;
}

static void on_change(void *ctx, struct item *before, struct item *after)
{
	(void)before, (void)after;
	((struct ends *)ctx)->changes++;
}

static void on_commit(void *ctx)
{
	((struct ends *)ctx)->commits++;
}

static void ends_init(struct ends *e)
{
	*e = (struct ends){ .observer = { on_change, on_commit, e, NULL } };
	strcpy(e->dir, "/tmp/portolan-test-link-XXXXXX");
	CHECK(mkdtemp(e->dir));
	(void)snprintf(e->path, sizeof(e->path), "%s/objects.sock", e->dir);
	e->loop = event_loop_new();
	e->guard = event_loop_timer(e->loop, on_guard, NULL);
	e->objects = state_new();
	e->objects_mirror = state_new();
	e->statuses = state_new();
	e->statuses_mirror = state_new();
	state_observe(e->objects_mirror, &e->observer);
	e->listener = (struct link_config){
		.name = "objects", .path = e->path, .role = "watcher", .peer_role = "translator",
		.send = e->objects, .mirror = e->statuses_mirror,
		.status = on_status, .faulty = on_faulty, .ctx = e,
	};
	e->connector = (struct link_config){
		.name = "objects", .path = e->path, .role = "translator", .peer_role = "watcher",
		.send = e->statuses, .mirror = e->objects_mirror, .ctx = e,
	};
}

static void ends_listen(struct ends *e)
{
	CHECK_EQ(link_listen(e->loop, &e->listener, &e->l), 0);
}

static void ends_connect(struct ends *e)
{
	CHECK_EQ(link_connect(e->loop, &e->connector, &e->c), 0);
}

static void ends_done(struct ends *e)
{
	link_free(e->c);
	link_free(e->l);
	state_unobserve(e->objects_mirror, &e->observer);
	state_free(e->objects);
	state_free(e->objects_mirror);
	state_free(e->statuses);
	state_free(e->statuses_mirror);
	event_free(e->guard);
	event_loop_free(e->loop);
	CHECK_EQ(rmdir(e->dir), 0);
}

static void turn(struct ends *e)
{
	event_loop_arm(e->guard, PATIENCE_USEC);
	(void)event_base_loop(event_loop_base(e->loop), EVLOOP_ONCE);
}

#define UNTIL(e, condition)                                                                        \
	do                                                                                         \
		turn(e);                                                                           \
	while (!(condition))

static void put(struct state *s, uint32_t kind, const char *key, const char *value)
{
	(void)state_put(s, item_new(kind, key, strlen(key), "m", 1, value, strlen(value)));
}

static void put_number(struct state *s, unsigned n, const char *value)
{
	char key[32];

	(void)snprintf(key, sizeof(key), "namespace/name-%u", n);
	put(s, n % 5, key, value);
}

static bool same(const struct state *a, const struct state *b)
{
	struct item *i, *k;

	if (state_count(a) != state_count(b) || state_digest(a) != state_digest(b) ||
	    state_source(a) != state_source(b))
		return false;
	for (size_t pos = 0; (i = state_next(a, &pos));) {
		k = state_get(b, i->kind, item_key(i), i->key_len);
		if (!k || !item_equal(i, k))
			return false;
	}
	return true;
}

#define IN_SYNC(e) (link_in_sync((e)->l) && link_in_sync((e)->c))

/* Both ends up, with n objects. */
static void ends_start(struct ends *e, unsigned n)
{
	ends_init(e);
	for (unsigned i = 0; i < n; i++)
		put_number(e->objects, i, "first");
	state_commit(e->objects, 1);
	state_commit(e->statuses, 1);
	ends_listen(e);
	ends_connect(e);
	UNTIL(e, link_connected(e->l) && link_connected(e->c) && IN_SYNC(e));
	CHECK(same(e->objects, e->objects_mirror));
}

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
	ends_done(&e);
}
