/* A hash table of pointers to entries that carry their own key: open addressing, linear probing,
 * deletion by shifting back. Used by every process. */
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/hash.h"
#include "common/base/hashmap.h"

void hashmap_done(struct hashmap *m)
{
	free(m->slots);
	free(m->hashes);
	*m = (struct hashmap){ .key = m->key, .small = m->small };
}

static void *entry_at(const struct hashmap *m, size_t i)
{
	return m->small ? small_at(m->refs[i]) : m->slots[i];
}

static void set_entry(struct hashmap *m, size_t i, void *entry, uint32_t hash)
{
	if (m->small)
		m->refs[i] = small_ref_of(entry);
	else
		m->slots[i] = entry;
	m->hashes[i] = hash;
}

static uint32_t hash_of(const void *key, size_t len)
{
	uint32_t hash = (uint32_t)hash_bytes(key, len);

	return hash ? hash : 1;
}

/* The slot at which a search begins. Each table size has another order: entries are often copied
 * from one table into another slot by slot, and would form one long run in a smaller table. */
static size_t home(const struct hashmap *m, uint32_t hash)
{
	return (hash * m->mix) & (m->cap - 1);
}

static void set_size(struct hashmap *m, size_t cap)
{
	m->cap = cap;
	m->mix = 0x9e3779b1u * (2 * (uint32_t)__builtin_ctzl(cap) + 1);
}

/* The slot of the key, or the free slot where it would go. */
static size_t find(const struct hashmap *m, const void *key, size_t len, uint32_t hash)
{
	size_t mask = m->cap - 1;

	for (size_t i = home(m, hash);; i = (i + 1) & mask) {
		const void *k;
		size_t n;

		if (!m->hashes[i])
			return i;
		if (m->hashes[i] != hash)
			continue;
		k = m->key(entry_at(m, i), &n);
		if (n == len && memcmp(k, key, len) == 0)
			return i;
	}
}

static void grow(struct hashmap *m)
{
	struct hashmap old = *m;

	set_size(m, old.cap ? old.cap * 2 : 16);
	m->slots = xcalloc(m->cap, m->small ? sizeof(*m->refs) : sizeof(*m->slots));
	m->hashes = xcalloc(m->cap, sizeof(*m->hashes));
	for (size_t i = 0; i < old.cap; i++) {
		size_t at;

		if (!old.hashes[i])
			continue;
		for (at = home(m, old.hashes[i]); m->hashes[at]; at = (at + 1) & (m->cap - 1))
			;
		set_entry(m, at, entry_at(&old, i), old.hashes[i]);
	}
	free(old.slots);
	free(old.hashes);
}

void *hashmap_get(const struct hashmap *m, const void *key, size_t len)
{
	if (!m->n)
		return NULL;
	return entry_at(m, find(m, key, len, hash_of(key, len)));
}

void *hashmap_get_str(const struct hashmap *m, const char *key)
{
	return hashmap_get(m, key, strlen(key));
}

void *hashmap_put(struct hashmap *m, void *entry)
{
	const void *key;
	uint32_t hash;
	size_t len, i;
	void *before;

	/* Hashes are stored apart and close together, so a full table is searched fast as well. */
	if ((m->n + 1) * 8 > m->cap * 7)
		grow(m);
	key = m->key(entry, &len);
	hash = hash_of(key, len);
	i = find(m, key, len, hash);
	before = entry_at(m, i);
	set_entry(m, i, entry, hash);
	if (!before)
		m->n++;
	return before;
}

void *hashmap_remove(struct hashmap *m, const void *key, size_t len)
{
	size_t mask = m->cap - 1, hole, i;
	void *entry;

	if (!m->n)
		return NULL;
	hole = find(m, key, len, hash_of(key, len));
	entry = entry_at(m, hole);
	if (!entry)
		return NULL;
	for (i = (hole + 1) & mask; m->hashes[i]; i = (i + 1) & mask) {
		/* May the entry at i move to the hole, or does its probe start after it? */
		if (((i - home(m, m->hashes[i])) & mask) < ((i - hole) & mask))
			continue;
		set_entry(m, hole, entry_at(m, i), m->hashes[i]);
		hole = i;
	}
	set_entry(m, hole, NULL, 0);
	m->n--;
	return entry;
}

void *hashmap_next(const struct hashmap *m, size_t *pos)
{
	while (*pos < m->cap) {
		void *e = entry_at(m, (*pos)++);

		if (e)
			return e;
	}
	return NULL;
}
