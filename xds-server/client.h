/* An Envoy's stream as the rest of xds-server sees it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "xds-server/stream.h"

#define CLIENT_PEER_MAX 96

struct client {
	struct client *next, **link; /* in the server's list */
	uint64_t number;
	char peer[CLIENT_PEER_MAX]; /* "ipv4:127.0.0.1:40000", "unix:uid 998, pid 4711" */
	const char *protocol;       /* "delta ads" */
	int64_t connected_usec;     /* realtime */
	struct stream *stream;
	uint64_t counted_world; /* accepted, and in the change log */
	bool unreported;        /* changed since the last report */
	bool stalled;           /* as it was reported last */
	bool greeted;           /* its beginning was logged */
};

struct client_ops {
	void (*opened)(void *ctx, struct client *c);
	/* The stream is freed after this. */
	void (*closed)(void *ctx, struct client *c);
	/* item: the resource's version that it refused. message: its words, as they came. */
	void (*rejected)(void *ctx, struct client *c, const struct item *item, const char *message);
	/* Its struct stream_info changed. */
	void (*updated)(void *ctx, struct client *c);
};
