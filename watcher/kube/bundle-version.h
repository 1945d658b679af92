/* Which version of Gateway API the cluster's definitions are of: an annotation of the definition
 * of GatewayClass, followed. Where a role does not let us read it, it is not known. */
#pragma once

#include <stdbool.h>

#include "common/base/event-loop.h"
#include "watcher/kube/http.h"

struct bundle_version;

/* version: as the annotation has it; "": the definition has no such annotation; NULL: not known.
 * Called whenever that changes, and once when it is settled that it is not known. */
typedef void (*bundle_version_fn)(void *ctx, const char *version);

struct bundle_version *bundle_version_new(struct event_loop *loop, struct http *http,
					  bundle_version_fn fn, void *ctx);
void bundle_version_free(struct bundle_version *b);
DEFINE_CLEANUP(struct bundle_version *, bundle_version_free)
/* The cluster has the definition: asks from now on. */
void bundle_version_follow(struct bundle_version *b);
/* Whether the wait is over. */
bool bundle_version_settled(const struct bundle_version *b);
/* Asks at once instead of waiting on. */
void bundle_version_hurry(struct bundle_version *b);
