/* The inside of kube-source.h, shared by the code that reads the API and the code that reports on
 * it. */
#pragma once

#include "common/base/arena.h"
#include "common/base/document.h"
#include "common/base/event-loop.h"
#include "common/base/strbuf.h"
#include "common/decode/decode.h"
#include "watcher/kube/bundle-version.h"
#include "watcher/kube/discovery.h"
#include "watcher/kube/http.h"
#include "watcher/kube/kube-configuration.h"
#include "watcher/kube/kube-object.h"
#include "watcher/kube/readiness.h"
#include "watcher/kube/reflector.h"
#include "watcher/source.h"
#include "watcher/status/kube-writers.h"
#include "watcher/store.h"

struct kube_source;

/* A kind, in one namespace or in all. */
struct collection {
	struct kube_source *source;
	struct reflector *reflector; /* NULL: no version is known, nothing to read */
	unsigned kind;
	uint16_t index;
	uint32_t epoch;
	char *name;
	char *namespace; /* NULL: all */
	/* NULL: not known yet, or the API does not have the kind. Static. */
	const char *version;
	bool asked;       /* it is known whether the API has the kind */
	bool dispensable; /* if we are not allowed to read it, we do without */
};

struct kube_source {
	struct source source;
	struct event_loop *loop;
	struct store *store;
	struct kube_access *access;
	struct http *http;
	struct decoder *decoder;
	struct arena *arena;
	struct kube_objects *objects;
	struct kube_writers *writers;
	struct kube_configuration *configuration; /* NULL: no such option */
	bool whole_config_maps;
	struct readiness *readiness; /* custom resources wait for it */
	struct discovery *discovery; /* NULL until then */
	struct bundle_version *bundle;
	struct collection *collections;
	size_t n_collections;
	struct event *commit;
	int64_t began;
	bool complete;
};

/* Its content is the API's, or was lately; or the API does not have the collection. */
bool collection_synced(const struct collection *c);

/* struct source_ops */
void kube_source_why(const struct source *source, struct strbuf *out);
void kube_source_metrics(const struct source *source, struct strbuf *out);
void kube_source_debug(const struct source *source, struct document *d);
