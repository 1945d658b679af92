/* Both ends of a link in one event loop, over real sockets in a directory of their own; and a raw
 * peer that sends the test's bytes. */
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/link/frame-input.h"
#include "common/link/hello.h"
#include "common/link/link.h"
#include "common/link/unix-socket.h"
#include "ipc.pb-c.h"
#include "tests/lib/test.h"

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

static inline void on_guard(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd, (void)what, (void)ctx;
	fprintf(stderr, "nothing happens any more\n");
	abort();
}

static inline void on_status(void *ctx, bool connected)
{
	struct ends *e = ctx;

	e->ups += connected;
	e->downs += !connected;
}

static inline void on_faulty(void *ctx, const char *what)
{
	(void)what;
	((struct ends *)ctx)->faults++;
}

static inline void on_change(void *ctx, struct item *before, struct item *after)
{
	(void)before, (void)after;
	((struct ends *)ctx)->changes++;
}

static inline void on_commit(void *ctx)
{
	((struct ends *)ctx)->commits++;
}

static inline void ends_init(struct ends *e)
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
		.name = "objects",
		.path = e->path,
		.role = "watcher",
		.peer_role = "translator",
		.send = e->objects,
		.mirror = e->statuses_mirror,
		.status = on_status,
		.faulty = on_faulty,
		.ctx = e,
	};
	e->connector = (struct link_config){
		.name = "objects",
		.path = e->path,
		.role = "translator",
		.peer_role = "watcher",
		.send = e->statuses,
		.mirror = e->objects_mirror,
		.ctx = e,
	};
}

static inline void ends_listen(struct ends *e)
{
	CHECK_EQ(link_listen(e->loop, &e->listener, &e->l), 0);
}

static inline void ends_connect(struct ends *e)
{
	CHECK_EQ(link_connect(e->loop, &e->connector, &e->c), 0);
}

static inline void ends_done(struct ends *e)
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

static inline void turn(struct ends *e)
{
	event_loop_arm(e->guard, PATIENCE_USEC);
	(void)event_base_loop(event_loop_base(e->loop), EVLOOP_ONCE);
}

#define UNTIL(e, condition)  \
	while (!(condition)) \
	turn(e)

static inline void put(struct state *s, uint32_t kind, const char *key, const char *value)
{
	(void)state_put(s, item_new(kind, key, strlen(key), "m", 1, value, strlen(value)));
}

static inline void put_number(struct state *s, unsigned n, const char *value)
{
	char key[32];

	(void)snprintf(key, sizeof(key), "namespace/name-%u", n);
	put(s, n % 5, key, value);
}

static inline bool same(const struct state *a, const struct state *b)
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
static inline void ends_start(struct ends *e, unsigned n)
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

/* ---- a raw peer ---- */

struct raw {
	int fd;
	struct frame_input in;
	bool ended; /* the other side has closed */
};

static inline void raw_send(struct raw *r, const void *data, size_t n)
{
	CHECK_EQ(write(r->fd, data, n), (ssize_t)n);
}

static inline void raw_frame(struct raw *r, enum frame_type type, uint64_t generation,
			     const ProtobufCMessage *m)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	frame_append(&b, type, generation, m);
	raw_send(r, b.s, b.len);
}

static inline struct raw raw_connect(struct ends *e)
{
	struct raw r = { .fd = unix_socket_connect(e->path) };

	CHECK(r.fd >= 0);
	return r;
}

static inline void raw_hello(struct raw *r, const char *role)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	hello_append(&b, role, false);
	raw_send(r, b.s, b.len);
}

static inline void raw_close(struct raw *r)
{
	(void)close(r->fd);
	frame_input_done(&r->in);
}

/* The next frame that the link sends; false when it has closed the connection. */
static inline bool raw_next(struct ends *e, struct raw *r, struct frame *ret)
{
	event_loop_arm(e->guard, PATIENCE_USEC);
	while (!r->ended && frame_input_next(&r->in, ret) == 0) {
		ssize_t n;

		(void)event_base_loop(event_loop_base(e->loop), EVLOOP_NONBLOCK);
		n = frame_input_fill(&r->in, r->fd);
		r->ended = n == 0 || n == -ECONNRESET;
	}
	return !r->ended;
}

/* Reads frames until one of this type comes. */
static inline struct frame raw_expect(struct ends *e, struct raw *r, enum frame_type type)
{
	struct frame f;

	do
		CHECK(raw_next(e, r, &f));
	while (f.header.type != type);
	return f;
}

/* Reads until the connection is closed, and returns the reason in BYE. */
static inline const char *raw_bye(struct ends *e, struct raw *r)
{
	static char reason[FRAME_REASON_MAX];
	struct frame f;

	reason[0] = '\0';
	while (raw_next(e, r, &f))
		if (f.header.type == FRAME_BYE) {
			Portolan__Ipc__Bye *m;

			m = portolan__ipc__bye__unpack(NULL, f.header.length, f.payload);
			CHECK(m && m->reason);
			(void)snprintf(reason, sizeof(reason), "%s", m->reason);
			portolan__ipc__bye__free_unpacked(m, NULL);
		}
	return reason;
}
