/* The receiving half of a link: frames that become a state. A transfer is built aside and checked
 * against its count and digest; only then is the mirror changed, where it differs, and committed.
 * Assumes that every byte may be hostile. No I/O. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/link/frame-input.h"
#include "common/link/state.h"

/* Limits of a transfer while it is built aside. */
#define MIRROR_ITEMS_MAX (4u * 1024 * 1024)
#define MIRROR_BYTES_MAX (4ull * 1024 * 1024 * 1024)

enum mirror_transfer {
	MIRROR_IDLE,
	MIRROR_SNAPSHOT,
	MIRROR_DELTA,
	MIRROR_LOST, /* a snapshot was requested: frames before it are skipped */
};

struct mirror {
	struct state *state; /* NULL: frames are skipped and acknowledged */
	uint64_t items_max, bytes_max;
	bool holds; /* holds the sender's generation `held` */
	uint64_t held;

	enum mirror_transfer transfer;
	uint64_t generation, source, origin;
	struct state *puts, *removes;
	char reason[FRAME_REASON_MAX]; /* after a failure */
};

/* A maximum of 0 means the default above. */
void mirror_init(struct mirror *m, struct state *state, uint64_t items_max, uint64_t bytes_max);
/* The sender is another now (a new connection): a snapshot must come first. The state stays. */
void mirror_restart(struct mirror *m);
void mirror_done(struct mirror *m);

/* Takes SNAPSHOT_* and DELTA. 1: the state holds frame->header.generation, say so; 0: go on;
 * -EBADMSG: ask for a snapshot and give m->reason; -EPROTO: not a frame for a mirror. */
int mirror_take(struct mirror *m, const struct frame *frame);
