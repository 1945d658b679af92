/* The reports to the translator: the streams of Envoys, and the versions that they refused. */
#pragma once

#include "common/base/event-loop.h"
#include "common/link/state.h"
#include "xds-server/client.h"

struct report;

/* clients: the head of the list of all. */
struct report *report_new(struct event_loop *loop, struct resource_store *store,
			  struct client *const *clients);
void report_free(struct report *r);
DEFINE_CLEANUP(struct report *, report_free)
/* The state for the link. */
struct state *report_state(struct report *r);

/* A client's struct stream_info changed: reported later, together with the others'. If all clients
 * have accepted a resource with parts, that is reported at once: the translator may be waiting for
 * it. */
void report_client(struct report *r, struct client *c);
void report_gone(struct report *r, const struct client *c);
/* Reported in the same turn of the loop, when the client's struct stream_info has changed. message
 * is scrubbed. The report stays until the resource is gone, another version of it is refused, or no
 * Envoy that refused it is connected. */
void report_reject(struct report *r, const struct client *c, const struct item *item,
		   const char *message);
/* The store has committed: forgets refused versions of resources that do not exist any more. */
void report_world(struct report *r);
uint64_t report_dropped(const struct report *r);
