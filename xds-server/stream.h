/* One xDS stream: the rules of the protocol, state of the world and delta, aggregated or of one
 * type. No I/O and no gRPC here: it acts through struct stream_ops.
 *
 * (https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol) */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/metric.h"
#include "common/link/resource-kind.h"
#include "xds-server/bound.h"
#include "xds-server/intake.h"
#include "xds-server/pin.h"
#include "xds-server/request.h"
#include "xds-server/resource-store.h"
#include "xds-server/subscription.h"

/* After this long the routes go out even if the client has not acknowledged the clusters. */
#define STREAM_GATE_USEC 5000000LL
/* A client that has not answered for so long is not waited for. */
#define STREAM_STALLED_USEC 5000000LL
/* A client that comes back has this long to report the resources that it holds, of all types. */
#define STREAM_PATIENCE_USEC 1000000LL
/* More changes than this at once go out together, not one by one. */
#define STREAM_BURST 16
/* A response is closed when it reaches this: Envoy starts fastest with few large responses (10,000
 * clusters: 2.5 s with 4 MiB, 4 s with 1 MiB). When much is being sent already, for many are
 * starting, the lower one bounds memory. */
#define STREAM_BATCH_BYTES     (4u << 20)
#define STREAM_BATCH_BYTES_LOW (256u << 10)
#define STREAM_SENDING_HIGH    (64u << 20)
/* Names that a client may ask for or say it holds, of one type. */
#define STREAM_NAMES_MAX      200000
#define STREAM_NAME_BYTES_MAX (16u << 20)
/* Names that exist nowhere but in subscriptions, of all streams together; beyond it a stream may
 * have so many of one type. */
#define STREAM_FOREIGN_BYTES_MAX (64u << 20)
#define STREAM_FOREIGN_MIN       64

/* Counters of all streams together. */
struct stream_stats {
	struct stream_kind_stats {
		uint64_t requests, responses, resources, removals, bytes, acks, nacks;
		/* Time from a resource's arrival here to its acknowledgement. */
		struct metric_histogram commit_to_ack;
	} kinds[RESOURCE_KIND_MAX_];
	uint64_t stale, unknown_types, gate_timeouts, splits;
};

struct stream_ops {
	/* Sends a message and calls stream_sent() when the next may follow. Takes over the
	 * segments' references, not the array. */
	void (*send)(void *ctx, const struct segment *segments, size_t n);
	/* Asks for a call of stream_timer() at that time (monotonic); replaces the earlier
	 * request. */
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
	const char
		*fleet; /* the fleet that the client has shown to belong to; NULL: none; copied */
	bool trusted;   /* the client may name its fleet itself */
	int64_t (*clock)(void);
};

#define STREAM_TEXT_MAX 128

struct stream_info {
	char node_id[STREAM_TEXT_MAX], node_cluster[STREAM_TEXT_MAX], agent[STREAM_TEXT_MAX];
	bool named; /* the node is known */
	bool newer; /* its Envoy can use replacements for newer Envoys */
	uint64_t sent, acks, nacks, bytes;
	uint64_t acked_source;    /* everything of this world, and of earlier ones, is accepted */
	uint64_t answered_source; /* is accepted or refused */
	int64_t acked_usec;       /* realtime of the last ACK, 0: no ACK */
	int64_t nacked_usec;
	char last_reject[512]; /* scrubbed */
};

struct stream {
	struct stream *next; /* in the list of ended streams */
	struct stream_config c;
	struct stream_info info;
	struct subscription *subs[RESOURCE_KIND_MAX_];
	struct intake intake; /* the request that is being taken in */
	struct pins pins;
	struct bounds bounds; /* of listeners that the client has accepted */
	uint64_t nonce;
	struct fleet
		*fleet; /* a reference: it decides the resources served; NULL: no node named yet */
	bool caught_up; /* has been told everything of it, and now gets changes */
	bool sending;
	int64_t opened;
	uint64_t scopes_turn; /* in which scopes were looked for, and whether some are served */
	bool scopes;
	bool keeps_scopes;   /* the client has some that do not exist any more */
	bool returned;       /* a resource in a queue of removals has come back */
	bool blocked;        /* a change waits for an acknowledgement of another */
	int64_t gated_since; /* since when; 0: no change waits */
};

struct stream *stream_new(const struct stream_config *config);
void stream_free(struct stream *s);
/* Takes a piece off a stream that is over; true if some is left. Then stream_free(). */
bool stream_shed(struct stream *s);
DEFINE_CLEANUP(struct stream *, stream_free)

/* A message from the client. The stream must end with an error status on failure: -EBADMSG (cannot
 * be read or makes no sense), -E2BIG (asks for too much), -ENODATA (names no node), -EACCES (says
 * that it belongs to a fleet, and has not shown it). */
int stream_request(struct stream *s, const uint8_t *data, size_t len);
/* The same in pieces of INTAKE_PIECE names: returns 1 if more is left; then call stream_continue()
 * until it returns something else. The message must stay until then. */
int stream_begin(struct stream *s, const uint8_t *data, size_t len);
int stream_continue(struct stream *s);
/* The message given to send() is on its way. */
void stream_sent(struct stream *s);
void stream_timer(struct stream *s);
/* The store has committed. Call it inside the store's commit callback, for every stream, then
 * stream_pump() for every stream. first: no request could be answered before. */
void stream_world(struct stream *s, bool first);
/* Sends as much as can be sent. */
void stream_pump(struct stream *s);

/* The client's relation to the resource's present version. */
enum stream_stand {
	STAND_NONE,  /* it did not ask for it */
	STAND_OTHER, /* it gets another in its place */
	STAND_UNDECIDED,
	STAND_ACCEPTS,
	STAND_REFUSES,
};
enum stream_stand stream_stand(const struct stream *s, struct resource *r);
/* Whether it has owed an answer for so long that others need not wait for it. */
bool stream_stalled(const struct stream *s);
/* Resources whose latest sent version was refused. */
uint32_t stream_rejected(const struct stream *s);
/* Names subscribed or held; things not acknowledged yet. */
size_t stream_names(const struct stream *s);
size_t stream_outstanding(const struct stream *s);

/* ---- between stream.c, intake.c and answer.c ---- */

enum stream_need {
	NEED_NOTHING,
	NEED_PUT,
	NEED_REMOVAL,
	NEED_ABSENT,
};

enum stream_need stream_need(const struct subscription *sub, const struct entry *e,
			     const struct resource *r);
/* Whether the client's fleet needs the resource. */
static inline bool stream_sees(const struct stream *s, struct resource *r)
{
	return fleet_set_has(resource_base(r)->fleets, s->fleet);
}
/* Whether the client may be answered: the world is complete and contains its fleet. */
static inline bool stream_ready(const struct stream *s)
{
	return s->fleet && s->fleet->exists && resource_store_complete(s->c.store);
}
/* The item that this client gets under the resource's name. */
static inline struct resource *stream_serves(const struct stream *s, struct resource *r)
{
	return resource_for_fleet(r, s->fleet, s->info.newer);
}
/* Queues the change that the entry needs, if any. */
void stream_consider(struct stream *s, struct subscription *sub, struct entry *e,
		     struct resource *r, uint64_t floor);
/* Considers everything that is subscribed, in the order of names. missing: also resources that do
 * not exist. */
void stream_consider_all(struct stream *s, struct subscription *sub, bool missing);
/* If we send a cluster before Envoy names its endpoints on this stream, Envoy warms the cluster and
 * ignores the endpoints that it already holds: they must be sent again. */
void stream_follow_clusters(struct stream *s);
void stream_update_acked(struct stream *s);
