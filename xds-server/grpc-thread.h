/* gRPC's completion queue for libevent: one thread waits in grpc_completion_queue_next(). Its
 * completions are handled on the event loop's thread, which makes all other calls of gRPC. */
#pragma once

#include <grpc/grpc.h>
#include <stdbool.h>

#include "common/base/event-loop.h"

/* The tag of an operation; embedded in the operation's owner. */
struct grpc_tag {
	void (*done)(struct grpc_tag *tag, bool ok);
};

struct grpc_thread;

struct grpc_thread *grpc_thread_new(struct event_loop *loop);
grpc_completion_queue *grpc_thread_queue(struct grpc_thread *t);
/* Handles completions; waits for one if there is none. For shutting down, when the loop has
 * ended. */
void grpc_thread_wait(struct grpc_thread *t);
/* No operation may be pending. */
void grpc_thread_free(struct grpc_thread *t);
DEFINE_CLEANUP(struct grpc_thread *, grpc_thread_free)
