/* The sending half of a link: a state as frames. A feed watches one state; each receiver is a
 * feed_peer with its own place in it: a snapshot first, then deltas, one unacknowledged transfer
 * at a time. Changes meanwhile are kept as a set of keys, so a slow receiver costs memory by the
 * number of keys, not of changes. No I/O: frames go to an evbuffer. */
#pragma once

#include <event2/buffer.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/hashmap.h"
#include "common/link/state.h"

struct feed_peer;

struct feed {
	struct state *state;
	struct state_observer observer;
	struct feed_peer *peers;
	/* Items that no frame can carry (frame_item_fits()) do not exist for receivers. */
	size_t unfit_count;
	uint64_t unfit_digest;
	void (*commit)(void *ctx);
	void *ctx;
};

/* commit(ctx) is called after each commit of the state; may be NULL. Peers go before the feed. */
void feed_init(struct feed *f, struct state *state, void (*commit)(void *ctx), void *ctx);
void feed_done(struct feed *f);

enum feed_transfer {
	FEED_IDLE,
	FEED_SNAPSHOT,
	FEED_DELTA,
};

struct feed_key;

struct feed_peer {
	struct feed *feed;
	struct feed_peer *next;
	bool based;           /* the receiver has, or is being sent, the base of `dirty` */
	struct hashmap dirty; /* of struct feed_key: changed since the present transfer was made */
	bool sorted;          /* items by kind and key: the bytes depend on the state alone */

	/* The transfer that is being sent or waits for its acknowledgement. */
	enum feed_transfer transfer;
	bool begun, ended; /* its first, its last frame was handed out */
	struct item **puts;
	size_t n_puts, cap_puts, next_put;
	struct feed_key **removes;
	size_t n_removes, cap_removes, next_remove;
	uint64_t generation, source, origin, count, digest;

	bool acked; /* a transfer has been acknowledged, acked_generation */
	uint64_t acked_generation;
};

void feed_peer_init(struct feed_peer *p, struct feed *f);
void feed_peer_done(struct feed_peer *p);

/* Adds the next frame to out, beginning a transfer if there is something to send and none waits for
 * its acknowledgement. Returns the frame's type, or 0 if there is nothing to send now. */
int feed_peer_next(struct feed_peer *p, struct evbuffer *out);
/* The receiver holds this generation. -EPROTO if that generation was not sent to it. */
int feed_peer_ack(struct feed_peer *p, uint64_t generation);
/* The receiver could not use the transfer: a snapshot is next. */
void feed_peer_resync(struct feed_peer *p);
/* A transfer is under way or waits for its acknowledgement. */
bool feed_peer_busy(const struct feed_peer *p);
/* The receiver has acknowledged all that was committed. */
bool feed_peer_in_sync(const struct feed_peer *p);
