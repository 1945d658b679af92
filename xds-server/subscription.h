/* What one stream has asked for of one kind, what its client holds of that, and what is on the way:
 * the bookkeeping under the rules in stream.c.
 *
 * 10,000 names cost 16,384 entries of 16 bytes; queues and flights exist only while something is
 * under way. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xds-server/resource-store.h"

enum entry_flag {
	ENTRY_NAMED = 1u << 0,     /* subscribed by name, not only by the wildcard */
	ENTRY_HELD = 1u << 1,      /* the client has been sent, or said that it has, version `have` */
	ENTRY_QUEUED = 1u << 2,
	ENTRY_IN_FLIGHT = 1u << 3, /* put by an answer that is not acknowledged yet */
	ENTRY_FORCE = 1u << 4,     /* to be sent even if unchanged */
	ENTRY_ALONE = 1u << 5,     /* was in a rejected batch: to be sent by itself, once */
	ENTRY_REJECTED = 1u << 6,  /* version `have` was refused */
	ENTRY_ABSENT = 1u << 7,    /* the client was told that there is none */
	ENTRY_SENT = 1u << 8,      /* put on this stream, not only named as held by the client */
	ENTRY_FRESH = 1u << 9,     /* made by the request that is being read */
};

struct entry {
	uint32_t id; /* of the resource, to which the entry holds a reference */
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
	FLIGHT_ABSENT, /* "there is none", to who asked */
};

struct flight_entry {
	struct resource *resource; /* a reference */
	struct item *item;         /* what was sent, a reference; NULL if not a put */
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
	bool named_once; /* SotW: an empty list now means nothing, not everything */
	bool owes;       /* an answer is due, even an empty one */
	struct entry *entries; /* open addressing; empty ones have id ENTRY_NONE */
	uint32_t n, cap;
	uint32_t rejected; /* entries with ENTRY_REJECTED */
	size_t name_bytes;
	struct queue puts, removals;
	struct flight flights[FLIGHTS_MAX];
	unsigned n_flights;
	struct floors all, gate; /* of what is queued or in flight */
	/* State of the world only. */
	char claimed[40]; /* version that the client came with, until it is looked at */
	uint64_t last_nonce;
	uint8_t last_version[16]; /* of the last answer */
};

#define ENTRY_NONE UINT32_MAX

struct subscription *subscription_new(unsigned kind);
void subscription_free(struct subscription *s, struct resource_store *store);

/* Pointers to entries hold until the next add or remove. */
struct entry *subscription_find(const struct subscription *s, uint32_t id);
/* Finds or makes it. */
struct entry *subscription_add(struct subscription *s, struct resource *r);
void subscription_remove(struct subscription *s, struct resource_store *store, struct entry *e);
/* Sets or clears ENTRY_REJECTED, keeping count. */
void subscription_reject(struct subscription *s, struct entry *e, bool rejected);
/* Their resources, by name; the caller frees the array. */
struct resource **subscription_resources(const struct subscription *s, const struct resource_store *store,
					 size_t *ret_n);

/* FLOOR_NONE if there is none. */
uint64_t floors_min(const struct floors *f);
void floors_add(struct floors *f, uint64_t turn);
void floors_sub(struct floors *f, uint64_t turn);

/* Queues the entry; what is queued already keeps its place and its older floor. */
void subscription_queue(struct subscription *s, struct entry *e, struct queue *q, uint64_t floor,
			bool gating);
/* Puts back what was taken off the other queue: all is accounted for already. */
void queue_push(struct queue *q, struct queued element);
/* Gives back the memory of a long queue that has become empty. */
void queue_rest(struct queue *q);
static inline bool queue_empty(const struct queue *q)
{
	return q->head == q->n;
}
/* The element is not outstanding any more. */
void subscription_settle(struct subscription *s, uint64_t floor, bool gating);

/* Takes over entries. There must be room. */
struct flight *subscription_fly(struct subscription *s, uint64_t nonce, uint64_t turn,
				struct flight_entry *entries, size_t n, size_t n_puts);
struct flight *subscription_flight(struct subscription *s, uint64_t nonce);
/* Takes it off the list; the caller calls flight_done(). */
struct flight subscription_land(struct subscription *s, struct flight *f);
void flight_done(struct flight *f, struct resource_store *store);
/* Nothing that is outstanding now holds up others any more. */
void subscription_ungate(struct subscription *s);
