/* Follows one collection of the Kubernetes API (a kind, in one namespace or in all): lists it,
 * watches it from there, and starts again wherever that breaks. It hands objects to its
 * owner one by one and keeps only its place in the history.
 *
 *   LIST (in chunks, or streamed by a watch) → WATCH → on its end: WATCH from where it was
 *     410, an unknown resourceVersion: LIST       404: ABSENT, asked for again now and then
 *     connection lost: CHECK that the server still has our history, then WATCH or LIST
 *     anything else: wait (jittered, doubling, or as long as the server says), then go on */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/clock.h"
#include "common/base/event-loop.h"
#include "watcher/kube/body-reader.h"
#include "watcher/kube/http.h"
#include "watcher/kube/kube-message.h"

struct reflector;

struct reflector_ops {
	/* A list begins: objects that do not come before listed() are gone. */
	void (*list_begins)(void *ctx);
	/* An object is new or changed. Negative: it cannot be read (it is counted, and
	 * skipped). */
	int (*object)(void *ctx, const struct kube_payload *object);
	int (*deleted)(void *ctx, const struct kube_payload *object);
	/* The list is complete. */
	void (*listed)(void *ctx);
	/* The API does not have this collection. If it had it before, its objects are gone. */
	void (*absent)(void *ctx);
	/* We are not allowed to read it (see reflector_denied()). */
	void (*denied)(void *ctx);
};

/* How requests are sent: http.h, or a test. */
struct reflector_transport {
	struct http_call *(*send)(void *ctx, const struct http_request *request);
	void (*cancel)(void *ctx, struct http_call *call);
	void *ctx;
};
/* Requests go to the API server; http must outlive the reflector. */
struct reflector_transport reflector_transport_of(struct http *http);

struct reflector_config {
	struct event_loop *loop;
	struct reflector_transport transport;
	const char *name;     /* for logs: "Ingress", "Ingress in team-a" */
	const char *path;     /* "/api/v1/secrets" */
	const char *selector; /* "fieldSelector=…", escaped; or NULL */
	bool protobuf;        /* built-in kinds; custom resources come as JSON only */
	struct body_limits limits;
	unsigned chunk; /* objects a request, where lists are not streamed */
	/* The first list is requested in chunks as well: a server has these ready sooner. Streams
	 * cost it less memory, which counts when all its clients list again at once. */
	bool first_in_chunks;
	int64_t backoff_min_usec, backoff_max_usec;
	int64_t absent_usec;     /* the interval of requests for an absent collection */
	int64_t watch_usec;      /* after which the server is to end a watch (a second at least) */
	int64_t watch_idle_usec; /* without an event or bookmark: begin another watch */
	int64_t list_idle_usec;  /* without a byte: fail */
	/* A watch that ends sooner counts as a failure, or a broken server would be asked in a
	 * loop. One that lives longer ends what was wrong before. */
	int64_t watch_short_usec;
	const struct reflector_ops *ops;
	void *ctx;
};
/* Everything but loop, transport, names, ops. */
#define REFLECTOR_CONFIG_DEFAULT                                                         \
	((struct reflector_config){                                                      \
		.limits = { .message = 8u << 20, .items = 500000, .total = 4ull << 30 }, \
		.chunk = 500,                                                            \
		.backoff_min_usec = 200 * USEC_PER_MSEC,                                 \
		.backoff_max_usec = 30 * USEC_PER_SEC,                                   \
		.absent_usec = 10 * USEC_PER_SEC,                                        \
		.watch_usec = 450 * USEC_PER_SEC,                                        \
		.watch_idle_usec = 150 * USEC_PER_SEC,                                   \
		.list_idle_usec = 30 * USEC_PER_SEC,                                     \
		.watch_short_usec = 2 * USEC_PER_SEC,                                    \
	})

enum reflector_state {
	REFLECTOR_LISTING,
	REFLECTOR_WATCHING,
	REFLECTOR_CHECKING, /* whether the server still has our history */
	REFLECTOR_WAITING,  /* until it may ask again */
	REFLECTOR_ABSENT,
	REFLECTOR_STATES_,
};

struct reflector_counters {
	uint64_t lists;   /* complete ones */
	uint64_t relists; /* all but the first */
	uint64_t watches; /* begun */
	uint64_t events;  /* added, modified, deleted, in watches */
	uint64_t bookmarks;
	uint64_t failures;   /* requests and streams that ended with an error */
	uint64_t unreadable; /* objects and messages */
	uint64_t bytes;
	int64_t last_event; /* monotonic; 0: never. Events and bookmarks */
};

/* The first request is sent when the loop runs. Strings in the config are copied. */
struct reflector *reflector_new(const struct reflector_config *config);
void reflector_free(struct reflector *r);
DEFINE_CLEANUP(struct reflector *, reflector_free)

/* Listed once, or found to be absent: the owner's content is the API's, or was lately. */
bool reflector_synced(const struct reflector *r);
/* We are not allowed to read it. */
bool reflector_denied(const struct reflector *r);
enum reflector_state reflector_state(const struct reflector *r);
const char *reflector_state_name(enum reflector_state state);
/* The problem, for people; NULL without one. */
const char *reflector_problem(const struct reflector *r);
const struct reflector_counters *reflector_counters(const struct reflector *r);
/* Asks at once instead of waiting on. */
void reflector_hurry(struct reflector *r);
