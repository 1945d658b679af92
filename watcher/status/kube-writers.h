/* Writes statuses of objects, and events on them, to the Kubernetes API; only the leader does. */
#pragma once

#include "common/base/document.h"
#include "common/base/event-loop.h"
#include "common/base/strbuf.h"
#include "common/link/state.h"
#include "watcher/kube/http.h"
#include "watcher/kube/kube-object.h"

struct kube_writers;

/* The command line's options; strings are borrowed. */
struct kube_writers_config {
	const char *publish_service; /* "namespace/name" */
	const char *publish_address; /* addresses, separated by commas */
	bool no_leader_election;
	const char *lease_name;      /* NULL: "portolan" */
	const char *lease_namespace; /* NULL: $POD_NAMESPACE, or the context's */
};

/* The writers' calls to their owner. */
struct kube_writers_ops {
	/* An object of ours for the translator; NULL: it goes. Takes the reference. */
	void (*tell)(void *ctx, unsigned kind, const char *key, size_t len, struct item *item);
	/* Called when kube_writers_complete() may have become true. */
	void (*complete)(void *ctx);
};

/* All are borrowed. store_objects: the store's objects, the configuration among them. -EINVAL,
 * logged: bad options. */
int kube_writers_new(struct event_loop *loop, struct http *http, const struct kube_access *access,
		     struct kube_objects *objects, struct state *store_objects,
		     const struct kube_writers_config *config, const struct kube_writers_ops *ops,
		     void *ctx, struct kube_writers **ret);
/* The writers' data for the translator is complete; call it when all objects have been read. */
bool kube_writers_complete(struct kube_writers *w);
/* Gives the lease back, waiting up to a second. */
void kube_writers_free(struct kube_writers *w);
/* Whether to keep version and status of objects of this kind. */
bool kube_writers_wants(unsigned kind);
/* Whether that status is kept as JSON rather than in its proto/k8s schema. */
bool kube_writers_want_json(unsigned kind);
/* The object has come, or has changed at the API. */
void kube_writers_object(struct kube_writers *w, const struct kube_object *object);
/* The translator's status of an object has changed: struct source_ops, status. */
void kube_writers_status(struct kube_writers *w, const struct item *before,
			 const struct item *after);
void kube_writers_metrics(const struct kube_writers *w, struct strbuf *out);
/* A line for each reason why writing is degraded. */
void kube_writers_why(const struct kube_writers *w, struct strbuf *out);
void kube_writers_debug(const struct kube_writers *w, struct document *d);
