/* A hash table of entries that carry their own key: no copy of keys; 12 bytes a slot, or 8 if all
 * entries are pieces of small_alloc().
 * Does not own its entries. Hashes have a secret of the process (hash.h), so the order of iteration
 * differs from start to start: sort before anything that is sent, written or shown. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/small.h"

/* Where an entry's key is and how long. */
typedef const void *(*hashmap_key_fn)(const void *entry, size_t *ret_len);

struct hashmap {
	hashmap_key_fn key;
	union {
		void **slots;
		small_ref *refs; /* instead, in a table of small pieces */
	};
	uint32_t *hashes; /* 0: the slot is free */
	size_t n;
	size_t cap; /* power of two, or 0 */
	uint32_t mix;
	bool small;
};

#define HASHMAP_INIT(key_fn)       ((struct hashmap){ .key = (key_fn) })
#define HASHMAP_INIT_SMALL(key_fn) ((struct hashmap){ .key = (key_fn), .small = true })

void hashmap_done(struct hashmap *m);
void *hashmap_get(const struct hashmap *m, const void *key, size_t len);
void *hashmap_get_str(const struct hashmap *m, const char *key);
/* Returns the entry with the same key that was there before, or NULL. */
void *hashmap_put(struct hashmap *m, void *entry);
/* Returns the entry taken out, or NULL. */
void *hashmap_remove(struct hashmap *m, const void *key, size_t len);
/* *pos starts at 0; NULL at the end. Nothing may be put or removed while iterating. */
void *hashmap_next(const struct hashmap *m, size_t *pos);

#define HASHMAP_FOREACH(m, e) for (size_t _pos_##e = 0; ((e) = hashmap_next((m), &_pos_##e));)
