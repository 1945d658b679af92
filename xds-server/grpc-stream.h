/* One call of a discovery service, between gRPC and struct stream. */
#pragma once

#include <grpc/grpc.h>

#include "common/event-loop.h"
#include "xds-server/client.h"
#include "xds-server/grpc-thread.h"

struct grpc_stream_owner {
	struct event_loop *loop;
	struct resource_store *store;
	struct stream_stats *stats;
	const struct client_ops *ops;
	void *ctx;
	size_t n; /* streams that are not over; kept by the streams */
	uint64_t opened;
};

/* Takes over the call and answers it until it ends. protocol is borrowed; only: see stream_config. */
void grpc_stream_open(struct grpc_stream_owner *owner, grpc_call *call, const char *protocol, bool delta,
		      enum resource_kind only);
/* Takes over the call and ends it with an error. */
void grpc_stream_refuse(struct grpc_stream_owner *owner, grpc_call *call, grpc_status_code code,
			const char *why);
