/* Leader election by a Lease (coordination.k8s.io/v1), with client-go's rules and timings: valid
 * for 15 s, renewed every 2 s, given up when 10 s have passed without. Every replica runs one. */
#pragma once

#include "common/base/event-loop.h"
#include "watcher/kube/http.h"

struct lease;

struct lease_config {
	struct event_loop *loop;
	struct http *http;
	const char *namespace, *name; /* copied */
	const char *identity;         /* of this process: differs from all others' */
	void (*changed)(void *ctx, bool leader);
	void *ctx;
};

struct lease *lease_new(const struct lease_config *config);
/* Gives the lease back if we hold it, and runs the loop for up to a second until that is done. */
void lease_free(struct lease *l);
DEFINE_CLEANUP(struct lease *, lease_free)
