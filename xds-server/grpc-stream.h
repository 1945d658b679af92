/* One call of a discovery service, between gRPC and struct stream. */
#pragma once

#include <grpc/grpc.h>

#include "common/base/event-loop.h"
#include "xds-server/client.h"
#include "xds-server/connection.h"
#include "xds-server/grpc-thread.h"
#include "xds-server/turn.h"
#include "xds-server/unix-listener.h"

struct grpc_stream_owner {
	struct event_loop *loop;
	struct connections connections;
	struct unix_listener *unix_socket; /* source of the calls with peer "fd:N"; or NULL */
	struct turn turn;           /* requests that have arrived, and answers that are due */
	struct event *on_turn;      /* goes on with the turn; NULL when all ends */
	int64_t first_request_usec; /* a stream must send its first request within this time */
	int64_t age_usec; /* after which a stream ends, and up to a fifth more; 0: never */
	struct resource_store *store;
	struct stream_stats *stats;
	const struct client_ops *ops;
	void *ctx;
	struct stream *ending; /* that are over */
	unsigned n_ending;
	struct turn_job end; /* takes them apart */
	struct turn_account end_account;
	size_t n; /* streams that are not over; kept by the streams */
	uint64_t opened, ended_silent, ended_old, ended_for_others;
};

void grpc_stream_owner_init(struct grpc_stream_owner *owner);
void grpc_stream_owner_done(struct grpc_stream_owner *owner);
/* Works on what is waiting, for a while or until no work waits. */
void grpc_stream_turn(struct grpc_stream_owner *owner, bool all);
/* The client's stream sends, when its turn comes. */
void grpc_stream_pump(struct client *client);

/* Takes over the call and answers it until it ends, if its connection may have another stream.
 * protocol is borrowed; only: see stream_config. */
bool grpc_stream_open(struct grpc_stream_owner *owner, grpc_call *call, const char *protocol,
		      bool delta, enum resource_kind only);
/* Takes over the call and ends it with an error. */
void grpc_stream_refuse(struct grpc_stream_owner *owner, grpc_call *call, grpc_status_code code,
			const char *why);
