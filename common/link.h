/* A link between two stages: a Unix stream socket on which each side may own a state that the other
 * mirrors. The producer listens, the consumer connects and retries for ever with jittered backoff.
 *
 * Each state is sent as a snapshot after HELLO and then as deltas, one unacknowledged transfer at a
 * time; what changes meanwhile is remembered as a set of keys and sent in its latest form, so
 * memory is bounded and the latest wins. The receiver builds aside, checks count and digest, and
 * only then changes its mirror (and only what differs, so a snapshot of an unchanged world changes
 * nothing); on any fault it keeps what it had and asks again.
 *
 * The peer is checked with SO_PEERCRED: our own user or root. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/event-loop.h"
#include "common/state.h"
#include "common/strbuf.h"

struct link_config {
	const char *name;      /* of the link, for logs and metrics: "objects", "resources" */
	const char *path;      /* of the socket */
	const char *role;      /* ours: "watcher" */
	const char *peer_role; /* expected: "translator" */
	struct state *send;    /* our state, mirrored by the peer; may be NULL */
	struct state *mirror;  /* the peer's state; may be NULL */
	/* Connected (HELLO exchanged) or not any more. May be NULL. */
	void (*status)(void *ctx, bool connected);
	void *ctx;
};

struct link;

/* Producer: listens at path (mode 0600, a stale socket is replaced). One peer of peer_role at a
 * time, a second one is told BYE and may try again; besides it up to LINK_READERS_MAX connections
 * of the role "reader", which get the state and whose own state is not read (record, debugging).
 * Strings in the config are borrowed for the life of the link. */
int link_listen(struct event_loop *loop, const struct link_config *config, struct link **ret);
/* Consumer: connects and reconnects; never fails for the peer's absence. */
int link_connect(struct event_loop *loop, const struct link_config *config, struct link **ret);
/* As a reader: mirrors the producer's state and sends nothing. */
int link_connect_reader(struct event_loop *loop, const struct link_config *config, struct link **ret);
void link_free(struct link *l);
DEFINE_CLEANUP(struct link *, link_free)

#define LINK_READERS_MAX 8

bool link_connected(const struct link *l);
/* The peer has acknowledged all that we committed. */
bool link_in_sync(const struct link *l);

struct link_counters {
	uint64_t connects, disconnects, resyncs_asked, resyncs_sent, rejected_frames;
	uint64_t frames_in, frames_out, bytes_in, bytes_out;
	uint64_t snapshots_in, snapshots_out, deltas_in, deltas_out;
	uint64_t pending_keys; /* changed and not yet sent */
};
const struct link_counters *link_counters(const struct link *l);
/* Prometheus lines portolan_link_…{link="name"}. */
void link_metrics(const struct link *l, struct strbuf *b);
