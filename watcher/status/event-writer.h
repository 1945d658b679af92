/* Events (core/v1) on objects whose author must act, so that `kubectl describe` shows it. One event
 * for each problem of an object, under a name that follows from both: repeated (after a restart, by
 * another leader) it gets a higher count, and no second event is made. The leader writes them, and
 * each replica those of what its own Envoys refuse. Rate-limited and bounded: events beyond the
 * limits are dropped, as the status reports the problem anyway. */
#pragma once

#include "common/base/event-loop.h"
#include "common/link/state.h"
#include "watcher/kube/http.h"
#include "watcher/kube/kube-object.h"

struct event_writer;

struct event_writer_config {
	struct event_loop *loop;
	struct http *http;
	struct kube_objects *objects;
	const char *identity; /* of this process */
	unsigned events_per_second;
	size_t queue_max;
};

struct event_writer *event_writer_new(const struct event_writer_config *config);
void event_writer_free(struct event_writer *w);
DEFINE_CLEANUP(struct event_writer *, event_writer_free)

/* Reports the problems of after (an ObjectStatus) that before did not have. Either may be NULL. */
void event_writer_status(struct event_writer *w, const struct item *before,
			 const struct item *after);
void event_writer_leader(struct event_writer *w, bool leader);

struct event_writer_counters {
	uint64_t written, repeated, dropped, failures;
};
const struct event_writer_counters *event_writer_counters(const struct event_writer *w);
