/* Source: a Kubernetes API server. Follows every kind that we know with a reflector each, keeps their
 * objects in the store, and (as leader) writes statuses and events back. */
#pragma once

#include "common/event-loop.h"
#include "common/options.h"
#include "watcher/source.h"
#include "watcher/store.h"

/* All as on the command line; strings are borrowed. */
struct kube_source_config {
	const char *kubeconfig; /* NULL: $KUBECONFIG, ~/.kube/config */
	const char *context;	/* NULL: current-context */
	bool in_cluster;
	struct option_list watch_namespaces; /* each may be a list, separated by commas; none: all */
	struct option_list root_namespaces;
	const char *publish_service; /* "namespace/name" */
	const char *publish_address; /* addresses, separated by commas */
	bool no_leader_election;
	const char *lease_name;	     /* NULL: "portolan" */
	const char *lease_namespace; /* NULL: $POD_NAMESPACE, or that of the context */
	const char *config_name;     /* NULL: none */
	const char *config_namespace; /* NULL: as lease_namespace */
	const char *config_saved;     /* the file that keeps it */
};

/* Never fails for the server's absence. -EINVAL (and others): the configuration, logged. */
int kube_source_new(struct event_loop *loop, struct store *store,
		    const struct kube_source_config *config, struct source **ret);
