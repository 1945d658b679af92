/* Where objects come from: a directory of manifests, a Kubernetes API server, a recording. A source
 * puts objects into the store (store.h) from the loop, calls store_commit() at the end of each batch,
 * and says when what there was at the start is complete: nothing is served before that. */
#pragma once

#include <stdbool.h>

#include "common/state.h"
#include "common/strbuf.h"

struct source;

struct source_ops {
	const char *name; /* "manifests" */
	/* Leaves the store as it is. */
	void (*free)(struct source *s);
	/* Once true it stays so. */
	bool (*complete)(const struct source *s);
	/* Appends one line a reason why it is not complete, or what is degraded. */
	void (*why)(const struct source *s, struct strbuf *out);

	/* The rest may be NULL. */

	/* Prometheus lines. */
	void (*metrics)(const struct source *s, struct strbuf *out);
	/* Members of a JSON object, without braces. */
	void (*debug)(const struct source *s, struct strbuf *out);
	/* Takes in, before it returns, what has changed by now at the place that it watches, and
	 * commits it. For tests and scripts: "does it hold what I wrote?" */
	void (*sync)(struct source *s);
	/* SIGHUP: read configuration and credentials again. */
	void (*reload)(struct source *s);
	/* The translator's status of an object changed: before is NULL for a new one, after for one
	 * that went. Values are ObjectStatus (proto/ipc.proto). Borrowed. */
	void (*status)(struct source *s, const struct item *before, const struct item *after);
};

/* The first member of a source's own struct. */
struct source {
	const struct source_ops *ops;
};
