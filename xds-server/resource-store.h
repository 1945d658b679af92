/* The served world: a view of the mirrored `resources` state with one struct resource for each
 * name, its parts in order, and its encoding made on demand.
 *
 * A resource has a small number within its kind, which streams use instead of its name. It keeps
 * the number for as long as it is referenced, also if it does not exist (any more, or yet). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/hashmap.h"
#include "common/link/resource-kind.h"
#include "common/link/state.h"
#include "xds-server/buffer.h"
#include "xds-server/fleet.h"
#include "xds-server/piece.h"

struct resource_parts;

struct resource {
	struct item *item; /* NULL: no such resource */
	struct resource_parts *parts;
	struct encoding *encoded;   /* see resource_store_encoded() */
	uint64_t version;           /* hash of the item's meta; 0: no such resource */
	uint64_t version_before;    /* the version before the present commit */
	uint64_t turn;              /* when it last changed, came or went */
	struct resource *endpoints; /* of a cluster that has its endpoints from EDS */
	struct resource *newer;     /* the replacement for newer Envoys, if it has an item; lives as
				       long as this */
	struct resource *of;        /* and back, also from `hidden` */
	struct fleet_set *fleets;   /* the fleets that get it; NULL: only the default fleet */
	struct resource *hidden;    /* stands in for it in other fleets: empty; made on demand */
	uint32_t refs;
	uint32_t id;
	uint8_t kind;
	uint8_t item_kind;    /* on the link: another than kind where `of` is set */
	bool changed;         /* is in store->changed */
	uint8_t encoded_idle; /* resource_store_trim() has met it so often since it was used */
	bool listed;          /* is in store->encoded */
	bool exists;          /* item is not NULL, and the store holds a reference because of it */
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

#define RESOURCE_TURNS 1024 /* turns with a remembered source */

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
	struct pieces pieces;
	size_t foreign_bytes; /* of names that only references keep */
	uint64_t wordings;    /* counts messages with Secrets, from a random number: message.h */
	struct fleets fleets;
	const struct resource_store_ops *ops;
	void *ctx;
};

struct resource_store_ops {
	/* Called after each commit; changed[] is valid during the call. */
	void (*commit)(void *ctx);
	/* There are encodings: call resource_store_trim() now and then. */
	void (*keeps)(void *ctx);
};

/* Observes the state, which must outlive it. */
struct resource_store *resource_store_new(struct state *state, const struct resource_store_ops *ops,
					  void *ctx);
/* Adds the items already in the state, as if they came now. Call it at once. */
void resource_store_begin(struct resource_store *s);
void resource_store_free(struct resource_store *s);
DEFINE_CLEANUP(struct resource_store *, resource_store_free)

/* Serve nothing before this is true. */
bool resource_store_complete(const struct resource_store *s);

/* NULL for unknown names. */
struct resource *resource_store_find(const struct resource_store *s, unsigned kind,
				     const char *name, size_t len);
/* Finds or makes it; the caller gets a reference. len <= RESOURCE_NAME_MAX. */
struct resource *resource_store_intern(struct resource_store *s, unsigned kind, const char *name,
				       size_t len);
struct resource *resource_ref(struct resource *r);
void resource_store_unref(struct resource_store *s, struct resource *r);
/* NULL if the number is not in use. */
struct resource *resource_store_by_id(const struct resource_store *s, unsigned kind, uint32_t id);
/* The resource that a fleet gets under this name; one without an item if the fleet does not need
 * it. */
struct resource *resource_for_fleet(struct resource *r, const struct fleet *fleet, bool newer);
/* The version that was served under this name before the present commit. For a changed resource. */
uint64_t resource_version_before(const struct resource *r, bool newer);
/* The resource that this one replaces for some Envoys, or the resource itself. */
static inline struct resource *resource_base(struct resource *r)
{
	return r->of ? r->of : r;
}
/* All that exist, by name (bytes, shorter first). Valid until the next change. */
struct resource **resource_store_sorted(struct resource_store *s, unsigned kind, size_t *ret_n);
int resource_compare_names(const void *a, const void *b);

/* The source generation that was complete when `turn` began: a client that lacks a change of that
 * turn still has this one. 0 if that is too long ago. */
uint64_t resource_store_source_before(const struct resource_store *s, uint64_t turn);
/* When the turn was committed; 0 if that is too long ago. */
int64_t resource_store_time_of(const struct resource_store *s, uint64_t turn);

/* An existing resource as an element of DeltaDiscoveryResponse.resources, tag and length included.
 * Its last *ret_any bytes are the same resource as an element of DiscoveryResponse.resources: both
 * fields have number 2, and the Any is written last. */
size_t resource_encoded_size(const struct resource *r, size_t *ret_any);
/* Writes that many bytes, and returns the end. */
uint8_t *resource_encode(struct resource *r, uint8_t *p);
/* The same in buffers that are shared and kept for a while; borrowed. */
struct encoding *resource_store_encoded(struct resource_store *s, struct resource *r);
/* The same of a run of small resources of one kind, of that many bytes. The caller gets a
 * reference. */
struct buffer *resource_store_run(struct resource_store *s, struct resource **r, size_t n,
				  bool delta, size_t bytes);
/* Forgets the encodings that were not used since the last call. True if some are left. */
bool resource_store_trim(struct resource_store *s);

/* The hash by which we compare versions; never 0. */
uint64_t resource_version_hash(const char *version, size_t len);
