/* What goes back to the translator: the streams of Envoys, and the versions that they refused. */
#pragma once

#include "common/event-loop.h"
#include "common/state.h"
#include "xds-server/client.h"

/* Refused versions that are remembered. */
#define REPORT_REJECTS_MAX 4096

struct report;

/* clients: the head of the list of all. */
struct report *report_new(struct event_loop *loop, struct resource_store *store,
			  struct client *const *clients);
void report_free(struct report *r);
DEFINE_CLEANUP(struct report *, report_free)
/* The state for the link. */
struct state *report_state(struct report *r);

/* A client's struct stream_info changed: told in a while, with the others'. That all clients have
 * accepted a resource with parts is told at once: the translator may be waiting for it. */
void report_client(struct report *r, struct client *c);
void report_gone(struct report *r, const struct client *c);
/* Told at once. message is scrubbed. It stands until the resource is gone or another version of it is
 * refused: that the version is bad does not become wrong when it is replaced. */
void report_reject(struct report *r, const struct client *c, const struct item *item,
		   const char *message);
/* The store has committed: forgets refused versions of resources that do not exist any more. */
void report_world(struct report *r);
uint64_t report_dropped(const struct report *r);
