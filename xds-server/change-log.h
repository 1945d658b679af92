/* The history of the last worlds: when the event happened at the watcher, when its resources
 * arrived here, when each Envoy had accepted all of them. A world's number is the time of its
 * event, in microseconds since 1970 (watcher/store.h). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/document.h"
#include "common/base/metric.h"

#define CHANGE_LOG_MAX 64

struct change {
	uint64_t world;
	int64_t arrived_usec;   /* realtime */
	int64_t first_ack_usec; /* 0: no Envoy has accepted it yet */
	int64_t last_ack_usec;
	unsigned envoys; /* that have accepted it */
};

struct change_log {
	struct change all[CHANGE_LOG_MAX]; /* a ring */
	size_t n;                          /* that ever were */
	struct metric_histogram event_to_ack;
};

void change_log_arrived(struct change_log *l, uint64_t world, int64_t now);
/* An Envoy had accepted everything up to the world `before`, and now up to `world`. Only worlds
 * that arrived while it was connected count. */
void change_log_acked(struct change_log *l, uint64_t before, uint64_t world, int64_t connected_usec,
		      int64_t now);
/* A list, the newest first. */
void change_log_document(const struct change_log *l, struct document *d);
