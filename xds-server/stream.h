/* One xDS stream: the rules of the protocol, state of the world and delta, aggregated or of one type.
 * No I/O and no gRPC here; what it wants done it asks of struct stream_ops.
 *
 * (https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol) */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/resource-kind.h"
#include "xds-server/pin.h"
#include "xds-server/request.h"
#include "xds-server/resource-store.h"
#include "xds-server/subscription.h"

/* After so long the routes go out even if the client has not acknowledged the clusters. */
#define STREAM_GATE_USEC 5000000LL
/* In which a client that comes back has said what it holds, of all types. */
#define STREAM_PATIENCE_USEC 1000000LL
/* More changes than this at once go out together, not one by one. */
#define STREAM_BURST 16
/* A response is closed when it reaches this: Envoy starts fastest with few large responses (10,000
 * clusters: 2.5 s with 4 MiB, 4 s with 1 MiB). When much is being sent already, for many are starting,
 * the lower one bounds memory. */
#define STREAM_BATCH_BYTES (4u << 20)
#define STREAM_BATCH_BYTES_LOW (256u << 10)
#define STREAM_SENDING_HIGH (64u << 20)
/* Names that a client may ask for or say it holds, of one type. */
#define STREAM_NAMES_MAX 200000
#define STREAM_NAME_BYTES_MAX (16u << 20)

#define STREAM_BUCKETS 12

extern const double stream_buckets[STREAM_BUCKETS]; /* upper bounds, seconds */

/* Of all streams together. */
struct stream_stats {
	struct stream_kind_stats {
		uint64_t requests, responses, resources, removals, bytes, acks, nacks;
		/* From the commit of a change to its acknowledgement. */
		uint64_t buckets[STREAM_BUCKETS + 1], n_observed;
		double seconds_observed;
	} kinds[RESOURCE_KIND_MAX_];
	uint64_t stale, unknown_types, gate_timeouts, splits;
};

struct stream_ops {
	/* Sends a message and calls stream_sent() when the next may follow. Takes over the segments'
	 * references, not the array. */
	void (*send)(void *ctx, const struct segment *segments, size_t n);
	/* stream_timer() is to be called at that time (monotonic); replaces the one asked for before. */
	void (*timer)(void *ctx, int64_t at);
	/* item is the version that was refused. message is the client's, as it came. */
	void (*rejected)(void *ctx, const struct item *item, const char *message);
	/* Something in struct stream_info changed. */
	void (*updated)(void *ctx);
};

struct stream_config {
	struct resource_store *store;
	struct stream_stats *stats;
	const struct stream_ops *ops;
	void *ctx;
	bool delta;
	enum resource_kind only; /* of the service; 0 if aggregated */
	int64_t (*clock)(void);
};

#define STREAM_TEXT_MAX 128

struct stream_info {
	char node_id[STREAM_TEXT_MAX], node_cluster[STREAM_TEXT_MAX], agent[STREAM_TEXT_MAX];
	bool named; /* the node is known */
	bool newer; /* its Envoy can take what replaces resources for newer ones */
	uint64_t sent, acks, nacks, bytes;
	uint64_t acked_source; /* all of this world, and of those before, is accepted */
	int64_t acked_usec;    /* realtime of the last ACK, 0 if none */
	int64_t nacked_usec;
	char last_reject[512]; /* scrubbed */
};

struct stream {
	struct stream_config c;
	struct stream_info info;
	struct subscription *subs[RESOURCE_KIND_MAX_];
	struct pins pins;
	uint64_t nonce;
	bool sending;
	int64_t opened;
	bool returned;       /* something that was to be removed is to be put after all */
	bool blocked;        /* something waits for an acknowledgement of something else */
	int64_t gated_since; /* when that began; 0: nothing waits */
};

struct stream *stream_new(const struct stream_config *config);
void stream_free(struct stream *s);
DEFINE_CLEANUP(struct stream *, stream_free)

/* A message from the client. The stream must end with an error status on failure: -EBADMSG (cannot
 * be read or makes no sense), -E2BIG (asks for too much). */
int stream_request(struct stream *s, const uint8_t *data, size_t len);
/* The message given to send() is on its way. */
void stream_sent(struct stream *s);
void stream_timer(struct stream *s);
/* The store has committed; to be called inside its commit callback, for every stream, and then
 * stream_pump() for every stream. first: nothing could be answered before. */
void stream_world(struct stream *s, bool first);
/* Sends what can be sent. */
void stream_pump(struct stream *s);

/* What the client makes of the resource as it is now: 1 accepted, 0 it did not ask for it, -1 refused, or
 * not said yet; 2: it gets another in its place. */
int stream_accepts(const struct stream *s, struct resource *r);
/* Resources whose latest sent version was refused. */
uint32_t stream_rejected(const struct stream *s);
/* Names subscribed or held; things not acknowledged yet. */
size_t stream_names(const struct stream *s);
size_t stream_outstanding(const struct stream *s);

/* ---- between stream.c and answer.c ---- */

enum stream_need {
	NEED_NOTHING,
	NEED_PUT,
	NEED_REMOVAL,
	NEED_ABSENT,
};

enum stream_need stream_need(const struct subscription *sub, const struct entry *e,
			     const struct resource *r);
/* What this client is served under the resource's name. */
static inline struct resource *stream_serves(const struct stream *s, struct resource *r)
{
	return resource_for(r, s->info.newer);
}
/* Queues what the entry needs. */
void stream_consider(struct stream *s, struct subscription *sub, struct entry *e,
		     struct resource *r, uint64_t floor);
