/* Reads all objects of known kinds once from an API, to write them to a file. */
#pragma once

#include <json-c/json.h>

#include "common/base/event-loop.h"
#include "watcher/kube/kubeconfig.h"

struct kube_dump_config {
	/* For kinds with namespaces: only these are read. Empty: all. */
	const char *const *namespaces;
	size_t n_namespaces;
	/* An object as the API has it, with apiVersion and kind, without the fields that only the
	 * API server uses. Borrowed. In order of kinds; within a kind in the server's order. */
	void (*object)(void *ctx, unsigned kind, struct json_object *object);
	void *ctx;
};

/* Returns 0 when everything has been read. Kinds that we may not list are logged and counted in
 * *ret_denied; kinds that the API does not have are skipped. Negative, logged: the API cannot be
 * read. */
int kube_dump(struct event_loop *loop, struct kube_access *access,
	      const struct kube_dump_config *config, size_t *ret_denied);
