/* The gRPC server: listens, and gives every discovery call a struct client. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "common/base/event-loop.h"
#include "xds-server/client.h"

#define GRPC_LISTENER_REQUEST_MAX (4u << 20) /* bytes of one request */

struct grpc_listener;

struct grpc_listener_config {
	struct event_loop *loop;
	const char *address; /* HOST:PORT, HOST in brackets for IPv6; port 0 for any */
	const char *path;    /* of a Unix socket, instead of the address */
	gid_t group;         /* its members may use that socket; or UNIX_LISTENER_NO_GROUP */
	const char *cert, *key, *ca; /* PEM files; all NULL: no TLS */
	size_t streams_max;          /* of all clients together */
	int64_t first_request_usec;  /* a stream without a request for this long ends */
	int64_t age_usec; /* a stream ends after that, or up to a fifth later; 0: never */
	struct resource_store *store;
	struct stream_stats *stats;
	const struct client_ops *ops;
	/* No descriptor was left to accept an Envoy, and this gRPC server then never accepts again:
	 * existing connections go on, new ones need another listener. */
	void (*deaf)(void *ctx);
	void *ctx;
};

/* Listens and answers from here on. Starts gRPC's threads: the process must not fork any more.
 * Failures are logged: -EADDRINUSE and others. */
int grpc_listener_new(const struct grpc_listener_config *config, struct grpc_listener **ret);
/* Cancels all calls and waits for their end. */
void grpc_listener_free(struct grpc_listener *l);
DEFINE_CLEANUP(struct grpc_listener *, grpc_listener_free)
/* HOST:PORT with the port that was taken, or "unix:" and the path. */
const char *grpc_listener_address(const struct grpc_listener *l);
/* Sends what can be sent to clients, in turns: some of it when the loop comes back. */
void grpc_listener_pump(struct grpc_listener *l, struct client *clients);
size_t grpc_listener_streams(const struct grpc_listener *l);
void grpc_listener_metrics(const struct grpc_listener *l, struct strbuf *b);

/* Whether it is HOST:PORT or [HOST]:PORT, with any HOST. */
bool grpc_listener_is_address(const char *address);
