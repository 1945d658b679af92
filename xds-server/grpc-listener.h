/* The gRPC server: listens, and gives every discovery call a struct client. */
#pragma once

#include <stddef.h>

#include "common/event-loop.h"
#include "xds-server/client.h"

#define GRPC_LISTENER_STREAMS_MAX 4096       /* of all clients together */
#define GRPC_LISTENER_REQUEST_MAX (4u << 20) /* bytes of one request */

struct grpc_listener;

struct grpc_listener_config {
	struct event_loop *loop;
	const char *address;         /* HOST:PORT, HOST in brackets for IPv6; port 0 for any */
	const char *cert, *key, *ca; /* PEM files; all NULL: no TLS */
	struct resource_store *store;
	struct stream_stats *stats;
	const struct client_ops *ops;
	/* No descriptor was left to accept an Envoy with, and this gRPC then never accepts again: what is
	 * connected goes on, others need another listener. */
	void (*deaf)(void *ctx);
	void *ctx;
};

/* Listens and answers from here on. Starts gRPC's threads: the process must not fork any more. Failures
 * are logged: -EADDRINUSE and others. */
int grpc_listener_new(const struct grpc_listener_config *config, struct grpc_listener **ret);
/* Cancels all calls and waits for their end. */
void grpc_listener_free(struct grpc_listener *l);
DEFINE_CLEANUP(struct grpc_listener *, grpc_listener_free)
/* With the port that was taken. */
const char *grpc_listener_address(const struct grpc_listener *l);
size_t grpc_listener_streams(const struct grpc_listener *l);
void grpc_listener_metrics(const struct grpc_listener *l, struct strbuf *b);

/* HOST:PORT or [HOST]:PORT, whatever HOST is. */
bool grpc_listener_is_address(const char *address);
/* Whether nobody but this machine can reach the address. */
bool grpc_listener_is_local(const char *address);
