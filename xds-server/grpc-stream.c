/* Calls: messages in, segments out, one of each at a time, and the end. On the loop's thread only.
 *
 * gRPC allows one pending RECV_MESSAGE and one pending SEND_MESSAGE for each call. A send is done
 * when flow control has let it pass, so a slow client delays only itself. While a client does not
 * take its answers, its messages are not read. A message that has arrived waits for its turn
 * (turn.h). A call is freed when it is over and no operation is pending. */
#include <assert.h>
#include <errno.h>
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/slice.h>
#include <grpc/support/alloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "xds-server/grpc-stream.h"
#include "xds-server/grpc-tls.h"

#define SLICES_ON_STACK 16
/* Requests that are read while an answer waits for the client to take it. */
#define READS_AHEAD 16
/* Work that is done before the loop's other events have their turn. */
#define TURN_USEC 10000LL
/* Estimates of work: 190,000 new names in 1.7 MB take 0.15 s. */
#define BYTE_NSEC    100
#define REQUEST_NSEC 20000
#define PUMP_NSEC    20000
#define END_NSEC     1000000
/* Ended streams that are freed piece by piece; beyond this number a stream is freed at once. */
#define ENDING_MAX 64

enum work {
	WORK_REQUEST,
	WORK_PUMP,
	WORK_MAX_,
};

struct job {
	struct turn_job turn;
	struct grpc_stream *stream;
	enum work work;
};

struct grpc_stream {
	struct client client;
	struct grpc_stream_owner *owner;
	struct connection_place place;
	struct job jobs[WORK_MAX_];
	grpc_call *call;
	struct grpc_tag on_receive, on_send, on_status, on_close, on_metadata;
	grpc_byte_buffer *received;
	grpc_slice message; /* while it is being taken in */
	uint64_t took;      /* so far */
	struct event *timer;
	struct event *deadline; /* of the first request, then of the stream */
	unsigned pending;       /* operations */
	unsigned reads;         /* since an answer began to wait */
	int cancelled;
	bool heard;   /* a request has come */
	bool local;   /* on a socket of this machine: it reconnects to us in any case */
	bool reading; /* RECV_MESSAGE is pending, or its message waits for its turn */
	bool taking;  /* there is more of the message */
	bool over;    /* the client's side is closed, or a status was sent */
};

static const struct stream_ops stream_ops;

static void begin(struct grpc_stream *g, const grpc_op *op, struct grpc_tag *tag)
{
	grpc_call_error e = grpc_call_start_batch(g->call, op, 1, tag, NULL);

	/* An error here is always a bug of ours. */
	assert(e == GRPC_CALL_OK);
	(void)e;
	g->pending++;
}

static void wait_to_end(struct grpc_stream_owner *owner);

/* A large stream that has ended is freed piece by piece, too. */
static void end_stream(struct grpc_stream_owner *owner, struct stream *s)
{
	if (owner->n_ending >= ENDING_MAX || !stream_shed(s)) {
		stream_free(s);
		return;
	}
	s->next = owner->ending;
	owner->ending = s;
	owner->n_ending++;
	wait_to_end(owner);
}

static void close_client(struct grpc_stream *g)
{
	connections_give_back(&g->owner->connections, &g->place);
	turn_cancel(&g->owner->turn, &g->jobs[WORK_PUMP].turn);
	event_freep(&g->deadline);
	g->deadline = NULL;
	if (!g->client.stream)
		return;
	g->owner->ops->closed(g->owner->ctx, &g->client);
	end_stream(g->owner, TAKE_PTR(g->client.stream));
	if (g->timer)
		event_free(TAKE_PTR(g->timer));
}

static void free_later(void *ctx)
{
	struct grpc_stream *g = ctx;

	grpc_call_unref(g->call);
	free(g);
}

/* Call it at the end of each completion. */
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
	g->reading = true;
	begin(g, &op, &g->on_receive);
}

/* Unless the client has enough answers to take first. */
static void receive_more(struct grpc_stream *g)
{
	if (g->over || g->reading || !g->client.stream)
		return;
	if (!g->client.stream->sending)
		g->reads = 0;
	if (g->reads < READS_AHEAD)
		receive(g);
}

/* ---- turns ---- */

static void continue_turn(struct grpc_stream_owner *owner)
{
	if (owner->turn.n && !evtimer_pending(owner->on_turn, NULL))
		event_loop_arm(owner->on_turn, 0);
}

static void wait_for_turn(struct grpc_stream *g, enum work work, uint64_t cost)
{
	struct job *job = &g->jobs[work];

	if (job->turn.at || !g->place.connection)
		return;
	turn_add(&g->owner->turn, &job->turn, &g->place.connection->account, cost);
	continue_turn(g->owner);
}

void grpc_stream_pump(struct client *client)
{
	wait_for_turn(container_of(client, struct grpc_stream, client), WORK_PUMP, PUMP_NSEC);
}

/* ---- completions ---- */

static int begin_message(struct grpc_stream *g)
{
	grpc_byte_buffer_reader reader;

	if (!grpc_byte_buffer_reader_init(&reader, g->received))
		return -EBADMSG;
	g->message = grpc_byte_buffer_reader_readall(&reader);
	grpc_byte_buffer_reader_destroy(&reader);
	grpc_byte_buffer_destroy(TAKE_PTR(g->received));
	g->taking = true;
	return stream_begin(g->client.stream, GRPC_SLICE_START_PTR(g->message),
			    GRPC_SLICE_LENGTH(g->message));
}

/* Handles a piece of the message; true if there is more. */
static bool take_message(struct grpc_stream *g)
{
	int r = g->taking ? stream_continue(g->client.stream) : begin_message(g);

	if (r > 0)
		return true;
	if (r == -E2BIG)
		finish(g, GRPC_STATUS_RESOURCE_EXHAUSTED, "more names than this server takes");
	else if (r == -EACCES)
		finish(g, GRPC_STATUS_PERMISSION_DENIED,
		       "the node's cluster names a fleet that is not that of the client's "
		       "certificate");
	else if (r == -ENODATA)
		finish(g, GRPC_STATUS_INVALID_ARGUMENT, "the first request names no node");
	else if (r < 0)
		finish(g, GRPC_STATUS_INVALID_ARGUMENT,
		       "not a discovery request, or one for another type than this service's");
	return false;
}

/* Streams end at different times, so that they do not all come back at once. */
static void arm_age(struct grpc_stream *g)
{
	int64_t age = g->owner->age_usec;
	uint16_t random;

	if (!age || g->local)
		return;
	evutil_secure_rng_get_bytes(&random, sizeof(random));
	event_loop_arm(g->deadline, age + age / 5 * random / UINT16_MAX);
}

static void on_deadline(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct grpc_stream *g = ctx;

	if (g->heard) {
		/* gRPC has told the client by now that this connection takes no other stream. */
		g->owner->ended_old++;
		finish(g, GRPC_STATUS_OK, "");
		return;
	}
	g->owner->ended_silent++;
	finish(g, GRPC_STATUS_DEADLINE_EXCEEDED, "no request has come on this stream");
}

/* True if there is more of the message. */
static bool answer(struct grpc_stream *g)
{
	struct turn_job *job = &g->jobs[WORK_REQUEST].turn;
	int64_t began = clock_monotonic();
	uint64_t took;
	bool more;

	if (!g->heard) {
		g->heard = true;
		(void)evtimer_del(g->deadline);
		arm_age(g);
	}
	if (!g->taking)
		g->reads++;
	more = take_message(g);
	took = (uint64_t)(clock_monotonic() - began) * 1000;
	g->took += took;
	if (more)
		turn_again(&g->owner->turn, job, took);
	else if (g->took > job->cost)
		turn_charge(&g->place.connection->account, g->took - job->cost);
	return more;
}

static void forget_message(struct grpc_stream *g)
{
	if (g->received)
		grpc_byte_buffer_destroy(TAKE_PTR(g->received));
	if (g->taking)
		grpc_slice_unref(g->message);
	g->taking = false;
	g->took = 0;
}

static void take_received(struct grpc_stream *g)
{
	if ((!g->received && !g->taking) || !g->client.stream || g->over)
		finish(g, GRPC_STATUS_OK, "");
	else if (answer(g))
		return;
	forget_message(g);
	g->reading = false;
	receive_more(g);
	settle(g);
}

static void on_receive(struct grpc_tag *tag, bool ok)
{
	struct grpc_stream *g = container_of(tag, struct grpc_stream, on_receive);

	/* No message: the client has ended its side, or is gone. */
	if (!ok || !g->received || !g->place.connection)
		take_received(g);
	else
		wait_for_turn(g, WORK_REQUEST,
			      REQUEST_NSEC + BYTE_NSEC * grpc_byte_buffer_length(g->received));
}

static void pump(struct grpc_stream *g)
{
	int64_t began = clock_monotonic();
	uint64_t took;

	stream_pump(g->client.stream);
	took = (uint64_t)(clock_monotonic() - began) * 1000;
	if (took > PUMP_NSEC)
		turn_charge(&g->place.connection->account, took - PUMP_NSEC);
}

static void work(struct job *job)
{
	if (job->work == WORK_PUMP)
		pump(job->stream);
	else
		take_received(job->stream);
}

static void wait_to_end(struct grpc_stream_owner *owner)
{
	if (owner->ending && !owner->end.at)
		turn_add(&owner->turn, &owner->end, &owner->end_account, END_NSEC);
	continue_turn(owner);
}

static void end_some(struct grpc_stream_owner *owner)
{
	struct stream *s = owner->ending;

	if (!stream_shed(s)) {
		owner->ending = s->next;
		owner->n_ending--;
		stream_free(s);
	}
	wait_to_end(owner);
}

void grpc_stream_turn(struct grpc_stream_owner *owner, bool all)
{
	int64_t began = clock_monotonic();
	struct turn_job *job;

	while ((all || clock_monotonic() - began < TURN_USEC) && (job = turn_next(&owner->turn)))
		if (job == &owner->end)
			end_some(owner);
		else
			work(container_of(job, struct job, turn));
	continue_turn(owner);
}

static void on_turn(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	grpc_stream_turn(ctx, false);
}

void grpc_stream_owner_init(struct grpc_stream_owner *owner)
{
	owner->on_turn = event_loop_timer(owner->loop, on_turn, owner);
}

void grpc_stream_owner_done(struct grpc_stream_owner *owner)
{
	event_freep(&owner->on_turn);
	for (struct stream *s; (s = owner->ending);) {
		owner->ending = s->next;
		stream_free(s);
	}
	turn_done(&owner->turn);
	connections_done(&owner->connections);
}

static void on_send(struct grpc_tag *tag, bool ok)
{
	struct grpc_stream *g = container_of(tag, struct grpc_stream, on_send);

	if (ok && g->client.stream && !g->over) {
		g->reads = 0;
		stream_sent(g->client.stream);
		receive_more(g);
	}
	settle(g);
}

static void on_close(struct grpc_tag *tag, bool ok _unused_)
{
	struct grpc_stream *g = container_of(tag, struct grpc_stream, on_close);

	/* Reports the end here, so that a gone Envoy is not listed until the last operation is
	 * back. */
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

/* ---- the stream's calls ---- */

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
		slices[i] = grpc_slice_new_with_user_data(
			segments[i].buffer->data + segments[i].offset, segments[i].len,
			unref_buffer, segments[i].buffer);
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
	for (unsigned i = 0; i < WORK_MAX_; i++)
		g->jobs[i] = (struct job){ .stream = g, .work = (enum work)i };
	owner->n++;
	begin(g, &op, &g->on_metadata);
	/* The only notice of a client that goes away. */
	op = (grpc_op){ .op = GRPC_OP_RECV_CLOSE_ON_SERVER };
	op.data.recv_close_on_server.cancelled = &g->cancelled;
	begin(g, &op, &g->on_close);
	return g;
}

/* Another connection has far more streams than this one: its newest ends for this. */
static void make_room(struct connection_place *place)
{
	struct grpc_stream *g = container_of(place, struct grpc_stream, place);

	connections_give_back(&g->owner->connections, place);
	g->owner->ended_for_others++;
	finish(g, GRPC_STATUS_RESOURCE_EXHAUSTED, "too many streams on this connection");
}

/* On the Unix socket the kernel has named the peer: our user, root, or a member of the group. */
static void start(struct grpc_stream *g, const char *protocol, bool delta, enum resource_kind only,
		  const char *fleet)
{
	struct grpc_stream_owner *owner = g->owner;
	struct stream_config config = {
		.store = owner->store,
		.stats = owner->stats,
		.ops = &stream_ops,
		.ctx = g,
		.delta = delta,
		.only = only,
		.fleet = fleet,
		.trusted = g->local,
		.clock = clock_monotonic,
	};

	g->client.number = ++owner->opened;
	g->client.protocol = protocol;
	g->client.connected_usec = clock_realtime();
	g->client.stream = stream_new(&config);
	g->deadline = event_loop_timer(owner->loop, on_deadline, g);
	event_loop_arm(g->deadline, owner->first_request_usec);
	owner->ops->opened(owner->ctx, &g->client);
	receive(g);
}

bool grpc_stream_open(struct grpc_stream_owner *owner, grpc_call *call, const char *protocol,
		      bool delta, enum resource_kind only)
{
	struct grpc_stream *g = adopt(owner, call);
	char *peer = grpc_call_get_peer(call);
	char fleet[FLEET_NAME_MAX + 1] = "";
	struct connection_place *victim;
	enum connection_answer r;

	g->local = strncmp(peer, "fd:", 3) == 0;
	if (g->local && owner->unix_socket)
		unix_listener_describe(owner->unix_socket, atoi(peer + 3), g->client.peer,
				       sizeof(g->client.peer));
	else
		(void)snprintf(g->client.peer, sizeof(g->client.peer), "%s", peer);
	r = connections_take(&owner->connections, peer, &g->place, &victim);
	gpr_free(peer);
	if (r != CONNECTION_TAKEN) {
		finish(g, GRPC_STATUS_RESOURCE_EXHAUSTED,
		       r == CONNECTION_FULL ? "too many streams on this connection"
					    : "too many streams");
		return false;
	}
	if (victim)
		make_room(victim);
	if (!g->local)
		grpc_tls_fleet(call, fleet, sizeof(fleet));
	start(g, protocol, delta, only, fleet);
	return true;
}

void grpc_stream_refuse(struct grpc_stream_owner *owner, grpc_call *call, grpc_status_code code,
			const char *why)
{
	finish(adopt(owner, call), code, why);
}
