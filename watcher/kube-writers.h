/* What goes back to the Kubernetes API, by the leader only: statuses of objects and events on them. */
#pragma once

#include "common/event-loop.h"
#include "common/strbuf.h"
#include "watcher/http.h"
#include "watcher/kube-object.h"
#include "watcher/kube-source.h"

struct kube_writers;

/* All are borrowed; store_objects: those of the store, of which one is the configuration. -EINVAL: the options,
 * logged. */
int kube_writers_new(struct event_loop *loop, struct http *http, const struct kube_access *access,
		     struct kube_objects *objects, struct state *store_objects,
		     const struct kube_source_config *config,
		     struct kube_writers **ret);
/* Gives the lease back, for which it waits up to a second. */
void kube_writers_free(struct kube_writers *w);
bool kube_writers_leader(const struct kube_writers *w);
/* Whether version and status of objects of this kind are to be kept. */
bool kube_writers_wants(unsigned kind);
/* The object has come, or has changed at the API. */
void kube_writers_object(struct kube_writers *w, const struct kube_object *object);
/* The translator's status of an object has changed: struct source_ops, status. */
void kube_writers_status(struct kube_writers *w, const struct item *before, const struct item *after);
void kube_writers_metrics(const struct kube_writers *w, struct strbuf *out);
