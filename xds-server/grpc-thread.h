/* gRPC's completion queue for libevent: one thread waits in grpc_completion_queue_next(), and what
 * it gets is handled on the event loop's thread, which makes all other calls of gRPC. */
#pragma once

#include <grpc/grpc.h>
#include <stdbool.h>

#include "common/event-loop.h"

/* The tag of an operation; embedded in what the operation belongs to. */
struct grpc_tag {
	void (*done)(struct grpc_tag *tag, bool ok);
};

struct grpc_thread;

struct grpc_thread *grpc_thread_new(struct event_loop *loop);
grpc_completion_queue *grpc_thread_queue(struct grpc_thread *t);
/* Handles what has completed; waits for something if nothing has. For shutting down, when the loop
 * does not run any more. */
void grpc_thread_wait(struct grpc_thread *t);
/* Nothing may be pending any more. */
void grpc_thread_free(struct grpc_thread *t);
DEFINE_CLEANUP(struct grpc_thread *, grpc_thread_free)
