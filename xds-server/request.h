/* A discovery request of either protocol, read from the wire in place: its names, of which there
 * may be very many, stay where they are and are read one by one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/wire.h"

/* The limit for all repeated fields of a request together: resource names, versions and others. */
#define REQUEST_FIELDS_MAX 400000
#define REQUEST_ERROR_MAX  4096
/* Size of a type URL or nonce; ours are shorter. */
#define REQUEST_TEXT_MAX 256

struct request_node {
	const char *id, *cluster;
	const char *agent; /* "envoy/1.40.0", or "" */
	bool newer;        /* the Envoy can use replacements for newer Envoys */
};

enum request_list {
	REQUEST_NAMES, /* to subscribe; in state of the world, all */
	REQUEST_UNSUBSCRIBE,
	REQUEST_INITIAL, /* with the version that the client has */
	REQUEST_LIST_MAX_,
};

struct request {
	const struct request_node *node; /* NULL if absent */
	const char *type_url;
	const char *nonce;   /* "": this is not an answer to anything */
	const char *version; /* state of the world: last accepted */
	size_t n[REQUEST_LIST_MAX_];
	bool star, unsubscribes_star; /* "*" is in that list */
	bool rejects;                 /* carries an error_detail */
	const char *error;            /* its first REQUEST_ERROR_MAX bytes */
	const uint8_t *data;          /* of the message, borrowed */
	size_t len;
	bool delta;
};

/* Everything but names is allocated in the arena. -EBADMSG: not such a message; -E2BIG: more fields
 * than REQUEST_FIELDS_MAX. */
int request_read(struct arena *a, bool delta, const uint8_t *data, size_t len, struct request *ret);

/* Where one is in a list. */
struct request_cursor {
	struct wire w;
	uint32_t number;
	bool pairs;
};

struct request_name {
	const char *name; /* not terminated */
	size_t len;
	const char *version; /* only of REQUEST_INITIAL */
	size_t version_len;
};

struct request_cursor request_begin(const struct request *q, enum request_list list);
/* The next name of the list. Reads at most *left fields of the message, and subtracts their number.
 * 1; 0 at the end; -EAGAIN if *left is used up; -EBADMSG. */
int request_next(struct request_cursor *c, size_t *left, struct request_name *ret);
