/* Source: a Kubernetes API server. Follows every kind that we know with a reflector each, keeps
 * their objects in the store, and (as leader) writes statuses and events back. */
#pragma once

#include "common/base/event-loop.h"
#include "common/base/options.h"
#include "watcher/source.h"
#include "watcher/status/kube-writers.h"
#include "watcher/store.h"

/* All as on the command line; strings are borrowed. */
struct kube_source_config {
	const char *kubeconfig; /* NULL: $KUBECONFIG, ~/.kube/config */
	const char *context;    /* NULL: current-context */
	bool in_cluster;
	struct option_list watch_namespaces; /* each may be a list with commas; none: all */
	struct option_list root_namespaces;
	struct kube_writers_config writers;
	const char *config_name;      /* NULL: no such option */
	const char *config_namespace; /* NULL: as writers.lease_namespace */
	const char *config_saved;     /* the file that keeps it */
	bool whole_config_maps;       /* kube/kube-object.h */
};

/* The server's URL; borrowed. */
const char *kube_source_server(const struct source *source);
/* Never fails for the server's absence. -EINVAL (and others): the configuration, logged. */
int kube_source_new(struct event_loop *loop, struct store *store,
		    const struct kube_source_config *config, struct source **ret);
