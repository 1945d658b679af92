/* The world as it is served: a view of the mirrored `resources` state with one struct resource a
 * name, its parts put in order, and its encoding made when somebody needs it.
 *
 * A resource has a small number within its kind, which streams use for it: also one that does not
 * exist (any more, or yet), for as long as somebody refers to it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/hashmap.h"
#include "common/resource-kind.h"
#include "common/state.h"
#include "xds-server/buffer.h"

struct resource_parts;

struct resource {
	struct item *item; /* NULL: there is no such resource */
	struct resource_parts *parts;
	struct buffer *encoded; /* see resource_store_encoded() */
	uint64_t version;       /* hash of the item's meta; 0: there is no such resource */
	uint64_t turn;          /* when it last changed, came or went */
	struct resource *endpoints; /* of a cluster that has its endpoints from EDS */
	struct resource *newer; /* what newer Envoys get in its place, if that has an item; lives as long as this */
	struct resource *of;	/* and back */
	uint32_t refs;
	uint32_t id;
	uint8_t kind;
	uint8_t item_kind; /* on the link: another than kind where `of` is set */
	bool changed;   /* stands in store->changed */
	bool encoded_used;
	bool exists;    /* item is not NULL, and the store holds a reference for that */
	uint16_t name_len;
	char name[];
};

#define RESOURCE_NAME_MAX 4096

/* The names of one kind. */
struct resource_table {
	struct hashmap names;
	struct resource **by_id; /* NULL where the id is free */
	uint32_t n_ids, cap_ids;
	uint32_t *free_ids;
	uint32_t n_free, cap_free;
	struct resource **sorted; /* the existing ones, if sorted_valid */
	size_t n_sorted;
	bool sorted_valid;
	size_t count; /* of existing ones */
};

#define RESOURCE_TURNS 1024 /* whose source is remembered */

struct resource_store {
	struct state *state;
	struct state_observer observer;
	struct resource_table tables[RESOURCE_KIND_MAX_];
	struct resource **changed; /* in this turn */
	size_t n_changed, cap_changed;
	/* Turns count commits, from 1. */
	uint64_t turn;
	struct {
		uint64_t source;
		int64_t at; /* monotonic */
	} turns[RESOURCE_TURNS];
	struct resource **encoded; /* that hold an encoding; each with a reference */
	size_t n_encoded, cap_encoded;
	size_t encoded_bytes;
	const struct resource_store_ops *ops;
	void *ctx;
};

struct resource_store_ops {
	/* After each commit; changed[] is valid during the call. */
	void (*commit)(void *ctx);
	/* There are encodings: resource_store_trim() is to be called now and then. */
	void (*keeps)(void *ctx);
};

/* Observes the state, which must outlive it. */
struct resource_store *resource_store_new(struct state *state, const struct resource_store_ops *ops,
					  void *ctx);
/* Takes what is in the state already, as if it came now. To be called at once. */
void resource_store_begin(struct resource_store *s);
void resource_store_free(struct resource_store *s);
DEFINE_CLEANUP(struct resource_store *, resource_store_free)

/* Nothing may be served before this. */
bool resource_store_complete(const struct resource_store *s);

/* NULL where nobody has heard of it. */
struct resource *resource_store_find(const struct resource_store *s, unsigned kind, const char *name,
				     size_t len);
/* Finds or makes it; the caller gets a reference. len <= RESOURCE_NAME_MAX. */
struct resource *resource_store_intern(struct resource_store *s, unsigned kind, const char *name,
				       size_t len);
struct resource *resource_ref(struct resource *r);
void resource_store_unref(struct resource_store *s, struct resource *r);
/* NULL if the number is not in use. */
struct resource *resource_store_by_id(const struct resource_store *s, unsigned kind, uint32_t id);
/* What is served under this name to Envoys of newer versions, or to others. */
struct resource *resource_for(struct resource *r, bool newer);
/* All that exist, by name (bytes, shorter first). Valid until the next change. */
struct resource **resource_store_sorted(struct resource_store *s, unsigned kind, size_t *ret_n);
int resource_compare_names(const void *a, const void *b);

/* The source generation that was complete when `turn` began: what a client that lacks something of
 * that turn still has. 0 if that is too long ago. */
uint64_t resource_store_source_before(const struct resource_store *s, uint64_t turn);
/* When the turn was committed; 0 if that is too long ago. */
int64_t resource_store_time_of(const struct resource_store *s, uint64_t turn);

/* An existing resource as an element of DeltaDiscoveryResponse.resources, tag and length included.
 * Its last *ret_any bytes are the same resource as an element of DiscoveryResponse.resources: both
 * fields have number 2, and the Any is written last. */
size_t resource_encoded_size(const struct resource *r, size_t *ret_any);
/* Write that many bytes, and return the end. */
uint8_t *resource_encode(struct resource *r, uint8_t *p);
uint8_t *resource_encode_any(struct resource *r, uint8_t *p);
/* The same in a buffer that is shared and kept for a while; borrowed. */
struct buffer *resource_store_encoded(struct resource_store *s, struct resource *r);
/* Forgets the encodings that were not used since the last call. True if some are left. */
bool resource_store_trim(struct resource_store *s);

/* The hash by which versions are compared; never 0. */
uint64_t resource_version_hash(const char *version, size_t len);
