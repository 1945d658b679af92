/* Writes the status of objects back to the API: the translator's verdicts and the published
 * address. It writes only as the leader, only differences, and at a bounded rate; of many changes
 * to one object, it writes the last. */
#pragma once

#include "common/base/event-loop.h"
#include "common/base/strbuf.h"
#include "common/link/state.h"
#include "watcher/kube/http.h"
#include "watcher/kube/kube-object.h"
#include "watcher/status/publish-address.h"

struct status_writer;

struct status_writer_config {
	struct event_loop *loop;
	struct http *http;
	struct kube_objects *objects;
	const struct publish_address *address; /* NULL: no addresses are written */
	unsigned writes_per_second;
	unsigned in_flight_max;
};

struct status_writer *status_writer_new(const struct status_writer_config *config);
void status_writer_free(struct status_writer *w);
DEFINE_CLEANUP(struct status_writer *, status_writer_free)

/* Whether objects of this kind have a status that we write. */
bool status_writer_wants(unsigned kind);
/* Our status of the object (an ObjectStatus) has changed; NULL: it has no status any more. */
void status_writer_set(struct status_writer *w, unsigned kind, const char *key, size_t len,
		       struct item *status);
/* The object has come, or is another version now. */
void status_writer_object(struct status_writer *w, const struct kube_object *object);
/* Where we are reached has changed, or is known now. */
void status_writer_address(struct status_writer *w);
void status_writer_leader(struct status_writer *w, bool leader);

struct status_writer_counters {
	uint64_t written, unchanged, conflicts, failures;
	uint64_t waiting; /* objects that have their turn next, or again later */
};
const struct status_writer_counters *status_writer_counters(const struct status_writer *w);
