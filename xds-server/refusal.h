/* Refused versions and the Envoys that refused them: a refusal counts while such an Envoy is
 * connected, or was a moment ago. Part of the reports for the translator. */
#pragma once

#include <stdbool.h>

#include "common/link/state.h"
#include "xds-server/client.h"

/* Refused resources, and Envoys that refuse, that are remembered. */
#define REFUSALS_MAX 4096
#define REFUSERS_MAX 1024
/* An Envoy that connects again within this time has not left. */
#define REFUSER_GRACE_USEC (10 * USEC_PER_SEC)
/* An Envoy that has lost its stream connects again within this time: it tries after at most half a
 * second, then after at most one, and so on. */
#define RETURN_USEC (3 * USEC_PER_SEC)

struct refusals;

/* reports is written; clients: the head of the list of all. */
struct refusals *refusals_new(struct resource_store *store, struct state *reports,
			      struct client *const *clients);
void refusals_free(struct refusals *f);
DEFINE_CLEANUP(struct refusals *, refusals_free)

/* message is scrubbed here. */
void refusals_add(struct refusals *f, const struct client *c, const struct item *item,
		  const char *message);
/* Something that the translator holds back names this Envoy: it may come back. */
void refusals_expect(struct refusals *f, const char *node_id);
/* An Envoy has left. For a moment, "all connected Envoys refuse" counts as undecided. */
void refusals_gone(struct refusals *f);
/* The resource does not exist any more. */
void refusals_forget(struct refusals *f, const struct resource *r);
/* Counts again who accepts and who has still to answer: of some refusals, as there can be many, and
 * many clients. True while there are more, in which calls go on. */
bool refusals_count(struct refusals *f);
/* In the middle of it: some reports are older than others. */
bool refusals_counting(const struct refusals *f);
/* Forgets Envoys that left, and refusals without an Envoy. True while a refusal is left. */
bool refusals_tick(struct refusals *f);
uint64_t refusals_dropped(const struct refusals *f);

/* "KIND", a NUL, the name: the key of reports on resources. Returns the length; the caller frees
 * it.
 */
size_t refusals_key(char **ret, unsigned kind, const char *name, size_t name_len);
