/* A source of objects: a directory of manifests, a Kubernetes API server, a recording. It puts
 * objects into the store (store.h) from the loop, calls store_commit() at the end of each batch,
 * and says when it has read all that existed at the start: nothing is served before. */
#pragma once

#include <stdbool.h>

#include "common/base/document.h"
#include "common/base/strbuf.h"
#include "common/link/state.h"

struct source;

struct source_ops {
	const char *name; /* "manifests" */
	/* Leaves the store unchanged. */
	void (*free)(struct source *s);
	/* Once true it stays so. */
	bool (*complete)(const struct source *s);
	/* Appends one line for each reason why it is incomplete or degraded. */
	void (*why)(const struct source *s, struct strbuf *out);

	/* The remaining functions may be NULL. */

	/* Families of metrics: common/base/metric.h. */
	void (*metrics)(const struct source *s, struct strbuf *out);
	/* Members of the map that /debug/status has for it. */
	void (*debug)(const struct source *s, struct document *d);
	/* Reads all changes made at its place up to now, and commits them, before it returns. For
	 * tests and scripts: "does it hold what I wrote?" */
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
