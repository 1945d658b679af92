/* Calls: messages in, segments out, one of each at a time, and the end. Used by xds-server, on the
 * loop's thread only.
 *
 * gRPC allows one pending RECV_MESSAGE and one pending SEND_MESSAGE a call; a send is done when flow
 * control has let it pass, so a slow client holds up only itself. A call is freed when it is over and
 * no operation is pending. */
#include <assert.h>
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/slice.h>
#include <grpc/support/alloc.h>
#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/log.h"
#include "xds-server/grpc-stream.h"

#define SLICES_ON_STACK 16

struct grpc_stream {
	struct client client;
	struct grpc_stream_owner *owner;
	grpc_call *call;
	struct grpc_tag on_receive, on_send, on_status, on_close, on_metadata;
	grpc_byte_buffer *received;
	struct event *timer;
	unsigned pending; /* operations */
	int cancelled;
	bool over; /* the client's side is closed, or a status was sent */
};

static const struct stream_ops stream_ops;

static void begin(struct grpc_stream *g, const grpc_op *op, struct grpc_tag *tag)
{
	grpc_call_error e = grpc_call_start_batch(g->call, op, 1, tag, NULL);

	/* Only ever a fault of ours. */
	assert(e == GRPC_CALL_OK);
	(void)e;
	g->pending++;
}

static void close_client(struct grpc_stream *g)
{
	if (!g->client.stream)
		return;
	g->owner->ops->closed(g->owner->ctx, &g->client);
	stream_free(TAKE_PTR(g->client.stream));
	if (g->timer)
		event_free(TAKE_PTR(g->timer));
}

static void free_later(void *ctx)
{
	struct grpc_stream *g = ctx;

	grpc_call_unref(g->call);
	free(g);
}

/* To be called at the end of each completion. */
static void settle(struct grpc_stream *g)
{
	assert(g->pending > 0);
	if (--g->pending)
		return;
	close_client(g);
	g->owner->n--;
	free_later(g);
}

static void finish(struct grpc_stream *g, grpc_status_code code, const char *why)
{
	grpc_slice details = grpc_slice_from_copied_string(why);
	grpc_op op = { .op = GRPC_OP_SEND_STATUS_FROM_SERVER };

	if (!g->over) {
		g->over = true;
		op.data.send_status_from_server.status = code;
		op.data.send_status_from_server.status_details = &details;
		begin(g, &op, &g->on_status);
	}
	grpc_slice_unref(details);
}

static void receive(struct grpc_stream *g)
{
	grpc_op op = { .op = GRPC_OP_RECV_MESSAGE };

	op.data.recv_message.recv_message = &g->received;
	begin(g, &op, &g->on_receive);
}

/* ---- completions ---- */

static void take_message(struct grpc_stream *g)
{
	grpc_byte_buffer_reader reader;
	grpc_slice all;
	int r;

	if (!grpc_byte_buffer_reader_init(&reader, g->received)) {
		finish(g, GRPC_STATUS_INVALID_ARGUMENT, "the message cannot be read");
		return;
	}
	all = grpc_byte_buffer_reader_readall(&reader);
	grpc_byte_buffer_reader_destroy(&reader);
	r = stream_request(g->client.stream, GRPC_SLICE_START_PTR(all), GRPC_SLICE_LENGTH(all));
	grpc_slice_unref(all);
	if (r == -E2BIG)
		finish(g, GRPC_STATUS_RESOURCE_EXHAUSTED, "more names than this server takes");
	else if (r < 0)
		finish(g, GRPC_STATUS_INVALID_ARGUMENT,
		       "not a discovery request, or one for another type than this service's");
}

static void on_receive(struct grpc_tag *tag, bool ok)
{
	struct grpc_stream *g = container_of(tag, struct grpc_stream, on_receive);

	/* No message: the client has nothing more to say, or is gone. */
	if (ok && g->received && g->client.stream && !g->over)
		take_message(g);
	else
		finish(g, GRPC_STATUS_OK, "");
	if (g->received)
		grpc_byte_buffer_destroy(TAKE_PTR(g->received));
	if (!g->over)
		receive(g);
	settle(g);
}

static void on_send(struct grpc_tag *tag, bool ok)
{
	struct grpc_stream *g = container_of(tag, struct grpc_stream, on_send);

	if (ok && g->client.stream && !g->over)
		stream_sent(g->client.stream);
	settle(g);
}

static void on_close(struct grpc_tag *tag, bool ok _unused_)
{
	struct grpc_stream *g = container_of(tag, struct grpc_stream, on_close);

	/* The end is told of here, so that a gone Envoy is not listed until the last operation is back. */
	g->over = true;
	close_client(g);
	settle(g);
}

static void on_nothing(struct grpc_tag *tag, bool ok _unused_)
{
	settle(container_of(tag, struct grpc_stream, on_metadata));
}

static void on_status(struct grpc_tag *tag, bool ok _unused_)
{
	settle(container_of(tag, struct grpc_stream, on_status));
}

/* ---- what a stream asks for ---- */

static void unref_buffer(void *b)
{
	buffer_unref(b);
}

static void send_segments(void *ctx, const struct segment *segments, size_t n)
{
	struct grpc_stream *g = ctx;
	grpc_slice few[SLICES_ON_STACK], *slices = few;
	grpc_op op = { .op = GRPC_OP_SEND_MESSAGE };
	grpc_byte_buffer *message;

	if (n > SLICES_ON_STACK)
		slices = xreallocarray(NULL, n, sizeof(*slices));
	for (size_t i = 0; i < n; i++)
		slices[i] = grpc_slice_new_with_user_data(segments[i].buffer->data + segments[i].offset,
							  segments[i].len, unref_buffer,
							  segments[i].buffer);
	message = grpc_raw_byte_buffer_create(slices, n);
	for (size_t i = 0; i < n; i++)
		grpc_slice_unref(slices[i]);
	if (slices != few)
		free(slices);
	op.data.send_message.send_message = message;
	begin(g, &op, &g->on_send);
	grpc_byte_buffer_destroy(message);
}

static void on_timer(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct grpc_stream *g = ctx;

	if (g->client.stream && !g->over)
		stream_timer(g->client.stream);
}

static void set_timer(void *ctx, int64_t at)
{
	struct grpc_stream *g = ctx;

	if (!g->timer)
		g->timer = event_loop_timer(g->owner->loop, on_timer, g);
	event_loop_arm(g->timer, MAX(0, at - clock_monotonic()));
}

static void on_rejected(void *ctx, const struct item *item, const char *message)
{
	struct grpc_stream *g = ctx;

	g->owner->ops->rejected(g->owner->ctx, &g->client, item, message);
}

static void on_updated(void *ctx)
{
	struct grpc_stream *g = ctx;

	g->owner->ops->updated(g->owner->ctx, &g->client);
}

static const struct stream_ops stream_ops = {
	.send = send_segments,
	.timer = set_timer,
	.rejected = on_rejected,
	.updated = on_updated,
};

/* ---- begin ---- */

static struct grpc_stream *adopt(struct grpc_stream_owner *owner, grpc_call *call)
{
	struct grpc_stream *g = xnew(struct grpc_stream, 1);
	grpc_op op = { .op = GRPC_OP_SEND_INITIAL_METADATA };

	g->owner = owner;
	g->call = call;
	g->on_receive.done = on_receive;
	g->on_send.done = on_send;
	g->on_status.done = on_status;
	g->on_close.done = on_close;
	g->on_metadata.done = on_nothing;
	owner->n++;
	begin(g, &op, &g->on_metadata);
	/* The only notice of a client that goes away. */
	op = (grpc_op){ .op = GRPC_OP_RECV_CLOSE_ON_SERVER };
	op.data.recv_close_on_server.cancelled = &g->cancelled;
	begin(g, &op, &g->on_close);
	return g;
}

void grpc_stream_open(struct grpc_stream_owner *owner, grpc_call *call, const char *protocol, bool delta,
		      enum resource_kind only)
{
	struct grpc_stream *g = adopt(owner, call);
	struct stream_config config = {
		.store = owner->store,
		.stats = owner->stats,
		.ops = &stream_ops,
		.ctx = g,
		.delta = delta,
		.only = only,
		.clock = clock_monotonic,
	};
	char *peer = grpc_call_get_peer(call);

	(void)snprintf(g->client.peer, sizeof(g->client.peer), "%s", peer);
	gpr_free(peer);
	g->client.number = ++owner->opened;
	g->client.protocol = protocol;
	g->client.connected_usec = clock_realtime();
	g->client.stream = stream_new(&config);
	owner->ops->opened(owner->ctx, &g->client);
	receive(g);
}

void grpc_stream_refuse(struct grpc_stream_owner *owner, grpc_call *call, grpc_status_code code,
			const char *why)
{
	finish(adopt(owner, call), code, why);
}
