/* A link between two stages: a Unix stream socket on which each side may own a state that the other
 * mirrors. The producer listens; the consumer connects and retries for ever with jittered backoff.
 *
 * Each state is sent as a snapshot after HELLO and then as deltas, one unacknowledged transfer at a
 * time. Changes meanwhile are remembered as a set of keys and sent in their latest form, so memory
 * is bounded. The receiver builds a transfer aside, checks count and digest, and only then changes
 * its mirror, where it differs: a snapshot of an unchanged world changes nothing. After a fault the
 * receiver keeps its mirror and asks again.
 *
 * The peer is checked with SO_PEERCRED: our own user or root. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/event-loop.h"
#include "common/base/strbuf.h"
#include "common/link/state.h"

/* Zero means the default. */
struct link_limits {
	int64_t hello_usec; /* for the peer's HELLO: 5 s */
	int64_t stall_usec; /* a peer must read or acknowledge within this time: 30 s */
	uint64_t items_max; /* of a transfer that is being built aside: mirror.h */
	uint64_t bytes_max;
};

struct link_config {
	const char *name;      /* of the link, for logs and metrics: "objects", "resources" */
	const char *path;      /* of the socket */
	const char *role;      /* ours: "watcher" */
	const char *peer_role; /* expected: "translator" */
	/* Our state, mirrored by the peer; may be NULL. It is sent as last committed, not before
	 * its first commit. An item that frame_item_fits() refuses is counted and not sent. */
	struct state *send;
	/* The peer's state; if NULL, what the peer sends is dropped. Only the link changes it. It
	 * outlives the link's connections: the state of a lost peer stays until the peer sends
	 * another. */
	struct state *mirror;
	/* Connected (HELLO exchanged) or not any more: link_last_error() says why. May be NULL. */
	void (*status)(void *ctx, bool connected);
	/* The peer sent an unusable transfer for the third time in a minute and was disconnected;
	 * it may come back. The stage should log it as an error. May be NULL. */
	void (*faulty)(void *ctx, const char *what);
	void *ctx;
	struct link_limits limits;
};

struct link;

/* Producer: listens at path (mode 0600, a stale socket is replaced). It accepts one peer of
 * peer_role at a time; a second one is told BYE and may try again. It also accepts up to
 * LINK_READERS_MAX connections of the role "reader" (record, debugging), which get the state and
 * send none. Strings in the config are borrowed for the life of the link. -errno: the socket cannot
 * be made. */
int link_listen(struct event_loop *loop, const struct link_config *config, struct link **ret);
/* Consumer: connects and reconnects; never fails for the peer's absence. */
int link_connect(struct event_loop *loop, const struct link_config *config, struct link **ret);
/* As a reader: mirrors the producer's state and sends nothing. */
int link_connect_reader(struct event_loop *loop, const struct link_config *config,
			struct link **ret);
/* Says BYE and closes. Do not call it from the link's callbacks or the states' observers. */
void link_free(struct link *l);
DEFINE_CLEANUP(struct link *, link_free)

#define LINK_READERS_MAX 8

const char *link_name(const struct link *l);
bool link_connected(const struct link *l);
/* The peer has acknowledged all that we committed. */
bool link_in_sync(const struct link *l);
/* A sentence: why the last connection ended or could not be made. "" when connected. */
const char *link_last_error(const struct link *l);

struct link_counters {
	uint64_t connects, disconnects;
	uint64_t resyncs_asked; /* by us, of the peer */
	uint64_t resyncs_sent;  /* snapshots that the peer asked for */
	uint64_t rejected_frames;
	uint64_t frames_in, frames_out, bytes_in, bytes_out;
	uint64_t snapshots_in, snapshots_out, deltas_in, deltas_out;
	uint64_t pending_keys;     /* changed and not yet sent */
	uint64_t unsendable_items; /* too large for a frame */
};
const struct link_counters *link_counters(const struct link *l);
/* Prometheus lines portolan_link_…{link="name"}. For a process with one link; a process with
 * several calls link_metrics_all(), as a metric's lines must be adjacent. */
void link_metrics(const struct link *l, struct strbuf *b);
void link_metrics_all(struct link *const *links, size_t n, struct strbuf *b);
