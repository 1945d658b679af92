/* Events (core/v1) on objects whose author has something to do, so that `kubectl describe` says it.
 * One event a problem of an object, under a name that follows from both: told again (after a restart,
 * by another leader) it becomes a higher count and not another event. Rate-limited and bounded: what
 * does not fit is dropped, as the status says it anyway. */
#pragma once

#include "common/event-loop.h"
#include "common/state.h"
#include "watcher/http.h"
#include "watcher/kube-object.h"

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

/* Says what after (an ObjectStatus) has that before had not. Either may be NULL. */
void event_writer_status(struct event_writer *w, const struct item *before, const struct item *after);
void event_writer_leader(struct event_writer *w, bool leader);

struct event_writer_counters {
	uint64_t written, repeated, dropped, failures;
};
const struct event_writer_counters *event_writer_counters(const struct event_writer *w);
