/* A discovery request, either protocol's, read from the wire. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"

/* Resource names, versions and whatever else a request can repeat, together. */
#define REQUEST_FIELDS_MAX 400000
#define REQUEST_ERROR_MAX 4096

struct request_node {
	const char *id, *cluster;
	const char *agent; /* "envoy/1.40.0", or "" */
	bool newer;	   /* an Envoy that can take what replaces resources for newer ones */
};

struct request {
	const struct request_node *node; /* NULL if it carries none */
	const char *type_url;
	const char *nonce;   /* "": this is not an answer to anything */
	const char *version; /* state of the world: last accepted */
	char **names;        /* to subscribe; in state of the world, all */
	size_t n_names;
	char **unsubscribe;
	size_t n_unsubscribe;
	struct request_version {
		const char *name, *version;
	} *initial;
	size_t n_initial;
	bool rejects; /* carries an error_detail */
	const char *error; /* at most REQUEST_ERROR_MAX bytes of it */
};

/* Everything is allocated in the arena. -EBADMSG: not such a message; -E2BIG: more fields than
 * REQUEST_FIELDS_MAX. */
int request_read(struct arena *a, bool delta, const uint8_t *data, size_t len, struct request *ret);
