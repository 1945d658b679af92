/* A keyed state: a stage holds it and sends it to its neighbour, item by item. The watcher's
 * objects, the translator's resources, the statuses and reports that travel back are each a state;
 * a link (common/link/link.h) keeps a mirror of it at the other end. Items never change: a change
 * puts another item in its place, so a holder of a reference may go on reading. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/cleanup.h"

struct item {
	uint32_t refs;
	uint32_t key_len;
	uint32_t value_len;
	uint32_t kind : 6;
	uint32_t meta_len : 26; /* more than a link carries in all */
	uint64_t hash; /* XXH3 of everything below and the kind; a checksum, not an identity */
	char data[];   /* key NUL meta NUL value NUL */
};

/* Key and meta are copied and NUL-terminated; they may hold NULs all the same. */
struct item *item_new(uint32_t kind, const char *key, size_t key_len, const char *meta,
		      size_t meta_len, const void *value, size_t value_len);
struct item *item_ref(struct item *i);
void item_unref(struct item *i);
DEFINE_CLEANUP(struct item *, item_unref)

static inline const char *item_key(const struct item *i)
{
	return i->data;
}

static inline const char *item_meta(const struct item *i)
{
	return i->data + i->key_len + 1;
}

static inline const uint8_t *item_value(const struct item *i)
{
	return (const uint8_t *)i->data + i->key_len + 1 + i->meta_len + 1;
}

/* Same kind, key, meta and value. */
bool item_equal(const struct item *a, const struct item *b);

struct state;

/* Called for every change, and for every commit. before is NULL for a new item, after for a removed
 * one. Both are borrowed: call item_ref() on an item that you keep. Observers must not change the
 * state. */
struct state_observer {
	void (*change)(void *ctx, struct item *before, struct item *after);
	void (*commit)(void *ctx);
	void *ctx;
	struct state_observer *next;
};

struct state *state_new(void);
void state_free(struct state *s);
DEFINE_CLEANUP(struct state *, state_free)

/* The observer is the caller's and must stay until it is taken off. */
void state_observe(struct state *s, struct state_observer *o);
void state_unobserve(struct state *s, struct state_observer *o);

/* Takes the reference. Returns true if this changed anything: an equal item is dropped in silence.
 */
bool state_put(struct state *s, struct item *i);
bool state_remove(struct state *s, uint32_t kind, const char *key, size_t key_len);
/* Ends a batch of changes. The generation moves if there were any, or if source did; then
 * observers' commit is called. source: the watcher's generation that the state now reflects. */
void state_commit(struct state *s, uint64_t source);

/* Borrowed; NULL if absent. */
struct item *state_get(const struct state *s, uint32_t kind, const char *key, size_t key_len);
/* *pos starts at 0; NULL at the end. The order differs from start to start: it must not show. The
 * state must not change meanwhile. */
struct item *state_next(const struct state *s, size_t *pos);
/* All items, borrowed, in the order of kind and key (bytes, shorter first); the caller frees the
 * array. */
struct item **state_sorted(const struct state *s, size_t *ret_n);

size_t state_count(const struct state *s);
size_t state_count_kind(const struct state *s, uint32_t kind);
/* Bytes held by items. */
size_t state_bytes(const struct state *s);
/* Wrapping sum of the items' hashes: the same at both ends of a link, whatever the order. */
uint64_t state_digest(const struct state *s);
uint64_t state_generation(const struct state *s);
uint64_t state_source(const struct state *s);
/* The sources that it is of (common/daemon/origin.h); 0: not known. Carried with the source. */
uint64_t state_origin(const struct state *s);
/* Counts from the next commit on. */
void state_set_origin(struct state *s, uint64_t origin);
/* A state is complete once it has been committed: nothing may be served from it before. */
bool state_complete(const struct state *s);

/* Changed since the last commit: not to be shown to others yet. */
bool state_dirty(const struct state *s);

#define STATE_KIND_MAX 64 /* kinds are below this */
#define ITEM_META_MAX  ((1u << 26) - 1)
