/* One stream's subscription to one kind: the names asked for, the versions that its client holds,
 * and those on the way. The bookkeeping under the rules in stream.c.
 *
 * A name that is up to date is "at rest": it has a bit in a bitmap and no entry, three bits a name
 * in all. 10,000 names that need an entry cost 16,384 entries of 16 bytes. Queues and flights exist
 * only while changes are under way. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xds-server/resource-store.h"

enum entry_flag {
	ENTRY_NAMED = 1u << 0, /* subscribed by name, not only by the wildcard */
	ENTRY_HELD = 1u << 1,  /* the client has been sent, or said that it has, version `have` */
	ENTRY_QUEUED = 1u << 2,
	ENTRY_IN_FLIGHT = 1u << 3, /* put by an answer that is not acknowledged yet */
	ENTRY_FORCE = 1u << 4,     /* to be sent even if unchanged */
	ENTRY_ALONE = 1u << 5,     /* was in a rejected batch: to be sent by itself, once */
	ENTRY_REJECTED = 1u << 6,  /* version `have` was refused */
	ENTRY_ABSENT = 1u << 7,    /* the client knows that it does not exist */
	ENTRY_SENT = 1u << 8,      /* put on this stream, not only named as held by the client */
	ENTRY_FRESH = 1u << 9,     /* made by the request that is being read */
	ENTRY_FOREIGN = 1u << 10,  /* no such resource existed when it was subscribed */
	ENTRY_SEEN = 1u << 11,     /* while queues are swept */
	ENTRY_FORMER = 1u << 12,   /* the client held an accepted version when `have` was sent */
};

/* 64 names that need nothing: the client was sent the present version, or said that it has it. Each
 * holds a reference to its resource, as an entry does. */
struct rest {
	uint64_t at_rest, named, sent; /* bits by number of the resource */
};

struct entry {
	uint32_t id; /* of the resource; the entry holds a reference to it */
	uint32_t flags;
	uint64_t have; /* resource_version_hash(); kept after a rejection */
};

/* Something that waits to be sent. */
struct queued {
	uint64_t floor; /* the oldest turn that the client lacks without it; 0: it asked */
	uint32_t id;
	bool gating; /* others wait until this is acknowledged */
};

struct queue {
	struct queued *q;
	size_t head, n, cap; /* q[head … n) */
};

enum flight_what {
	FLIGHT_PUT,
	FLIGHT_REMOVAL,
	FLIGHT_ABSENT, /* "does not exist", as an answer */
	FLIGHT_ASIDE, /* removal of a resource that comes back: a listener that changes addresses */
};

struct flight_entry {
	struct resource *resource; /* a reference */
	struct item *item;         /* the item sent, a reference; NULL if not a put */
	uint64_t floor;
	uint8_t what;
	bool gating;
};

/* A response that is not acknowledged yet. */
struct flight {
	uint64_t nonce;
	uint64_t turn; /* the store's when it was sent */
	struct flight_entry *entries;
	size_t n, n_puts;
};

#define FLIGHTS_MAX 8

/* Outstanding things by floor: a sorted multiset. */
struct floors {
	struct floor {
		uint64_t turn;
		uint32_t count;
	} *f;
	size_t n, cap;
};

#define FLOOR_NONE UINT64_MAX

struct subscription {
	unsigned kind;
	bool wildcard;
	bool named_once;       /* SotW: an empty list now means no names, not all */
	bool owes;             /* an answer is due, even an empty one */
	bool newer;            /* as in struct stream_info */
	bool may_rest;         /* its names may be at rest */
	struct entry *entries; /* open addressing; empty ones have id ENTRY_NONE */
	uint32_t used, cap;
	struct rest *rest;
	uint32_t n_rest;   /* its elements: 64 names each */
	uint32_t n;        /* names, at rest and in entries */
	uint32_t rejected; /* entries with ENTRY_REJECTED */
	uint32_t foreign;  /* entries with ENTRY_FOREIGN */
	size_t name_bytes;
	struct queue puts, removals;
	/* Queue elements without an entry: they are swept out before they outnumber the subscribed
	 * names, as a client can subscribe and unsubscribe for ever. */
	size_t stale;
	struct flight *flights; /* FLIGHTS_MAX elements, while there is one */
	unsigned n_flights;
	struct floors all, gate; /* of changes queued or in flight */
	/* State of the world only. */
	char claimed[40]; /* version that the client came with, until it is compared */
	uint64_t last_nonce;
	uint8_t last_version[16]; /* of the last answer */
};

#define ENTRY_NONE UINT32_MAX

/* delta, newer: of the stream. */
struct subscription *subscription_new(unsigned kind, bool delta, bool newer);
/* Frees at most *left names and unacknowledged changes; true if some are left. The subscription can
 * then only be freed. */
bool subscription_shed(struct subscription *s, struct resource_store *store, size_t *left);
/* Call it after that. */
void subscription_free(struct subscription *s);

/* A copy of the client's state of a resource. False: the client has not asked for it. r: the base
 * resource, not a replacement. */
bool subscription_look(const struct subscription *s, const struct resource *r, struct entry *ret);
/* The entry, unless it is at rest. Pointers to entries hold until the next find, add or remove. */
struct entry *subscription_awake(const struct subscription *s, uint32_t id);
/* The same, and one at rest becomes an entry. */
struct entry *subscription_find(struct subscription *s, const struct resource *r);
/* A commit has changed the resource: a name at rest does not have the latest version any more. */
void subscription_rouse(struct subscription *s, const struct resource *r);
/* Nothing is left to send: the name may be put at rest, and the entry freed. */
void subscription_rest(struct subscription *s, struct entry *e, const struct resource *r);
/* Finds or makes it. */
struct entry *subscription_add(struct subscription *s, struct resource *r);
void subscription_remove(struct subscription *s, struct resource_store *store, struct entry *e);
/* Sets or clears ENTRY_REJECTED, keeping count. */
void subscription_reject(struct subscription *s, struct entry *e, bool rejected);
/* Those with ENTRY_REJECTED of which the client holds no version at all. */
uint32_t subscription_lacking(const struct subscription *s);
/* Their resources: existing ones by name, then the others, in the order of numbers. The caller
 * frees the array. */
struct resource **subscription_existing(const struct subscription *s, struct resource_store *store,
					size_t *ret_n);
struct resource **subscription_resources(const struct subscription *s, struct resource_store *store,
					 size_t *ret_n);

/* FLOOR_NONE without a floor. */
uint64_t floors_min(const struct floors *f);
void floors_add(struct floors *f, uint64_t turn);
void floors_sub(struct floors *f, uint64_t turn);

/* Queues the entry; if it is queued already it keeps its place and its older floor. */
void subscription_queue(struct subscription *s, struct entry *e, struct queue *q, uint64_t floor,
			bool gating);
/* Puts back an element taken off the other queue: it is accounted for already. */
void queue_push(struct queue *q, struct queued element);
/* Removes the element of an entry from any place in the queue. False if it is not there. */
bool queue_take_out(struct queue *q, uint32_t id, struct queued *ret);
/* Gives back the memory of a long queue that has become empty. */
void queue_rest(struct queue *q);
static inline bool queue_empty(const struct queue *q)
{
	return q->head == q->n;
}
/* Removes queue elements without an entry, if there are many. Do not call it while elements are
 * taken off a queue. */
void subscription_sweep(struct subscription *s);
/* The element is not outstanding any more. */
void subscription_settle(struct subscription *s, uint64_t floor, bool gating);

/* Takes over the entries. There must be room. */
struct flight *subscription_fly(struct subscription *s, uint64_t nonce, uint64_t turn,
				struct flight_entry *entries, size_t n, size_t n_puts);
struct flight *subscription_flight(struct subscription *s, uint64_t nonce);
/* Takes it off the list; the caller calls flight_done(). */
struct flight subscription_land(struct subscription *s, struct flight *f);
void flight_done(struct flight *f, struct resource_store *store);
/* Nothing that is outstanding now holds up others any more. */
void subscription_ungate(struct subscription *s);
