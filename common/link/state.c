/* A keyed state of immutable items. Used by every stage at both ends of a link. */
#include <assert.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/base/alloc.h"
#include "common/base/hashmap.h"
#include "common/base/small.h"
#include "common/link/state.h"

struct state {
	struct hashmap items[STATE_KIND_MAX]; /* by key */
	struct state_observer *observers;
	uint64_t generation;
	uint64_t source;
	uint64_t origin;
	uint64_t digest;
	size_t count;
	size_t bytes;
	bool dirty; /* changed since the last commit */
	bool complete;
};

struct item *item_new(uint32_t kind, const char *key, size_t key_len, const char *meta,
		      size_t meta_len, const void *value, size_t value_len)
{
	struct item *i = small_alloc(sizeof(*i) + key_len + meta_len + value_len + 3);
	char *p = i->data;

	assert(kind < STATE_KIND_MAX && meta_len <= ITEM_META_MAX);
	i->refs = 1;
	i->kind = kind & (STATE_KIND_MAX - 1);
	i->key_len = (uint32_t)key_len;
	i->meta_len = meta_len & ITEM_META_MAX;
	i->value_len = (uint32_t)value_len;
	if (key_len)
		memcpy(p, key, key_len);
	p += key_len;
	*p++ = '\0';
	if (meta_len)
		memcpy(p, meta, meta_len);
	p += meta_len;
	*p++ = '\0';
	if (value_len)
		memcpy(p, value, value_len);
	p += value_len;
	*p++ = '\0';
	/* The lengths go into the seed, so that bytes cannot move between key, meta and value. */
	i->hash =
		XXH3_64bits_withSeed(i->data, (size_t)(p - i->data),
				     ((uint64_t)kind << 56) ^ ((uint64_t)key_len << 28) ^ meta_len);
	return i;
}

static size_t item_bytes(const struct item *i)
{
	return sizeof(*i) + i->key_len + i->meta_len + i->value_len + 3;
}

struct item *item_ref(struct item *i)
{
	i->refs++;
	return i;
}

void item_unref(struct item *i)
{
	if (!i)
		return;
	assert(i->refs > 0);
	if (--i->refs == 0) {
		size_t size = item_bytes(i);

		/* It may be a Secret. */
		explicit_bzero(i, size);
		small_free(i, size);
	}
}

bool item_equal(const struct item *a, const struct item *b)
{
	return a->hash == b->hash && a->kind == b->kind && a->key_len == b->key_len &&
	       a->meta_len == b->meta_len && a->value_len == b->value_len &&
	       memcmp(a->data, b->data, (size_t)a->key_len + a->meta_len + a->value_len + 2) == 0;
}

static const void *item_key_of(const void *entry, size_t *ret_len)
{
	const struct item *i = entry;

	*ret_len = i->key_len;
	return i->data;
}

struct state *state_new(void)
{
	struct state *s = xnew(struct state, 1);

	for (size_t k = 0; k < STATE_KIND_MAX; k++)
		s->items[k] = HASHMAP_INIT_SMALL(item_key_of);
	return s;
}

void state_free(struct state *s)
{
	struct item *i;

	if (!s)
		return;
	assert(!s->observers);
	for (size_t k = 0; k < STATE_KIND_MAX; k++) {
		HASHMAP_FOREACH (&s->items[k], i)
			item_unref(i);
		hashmap_done(&s->items[k]);
	}
	free(s);
}

void state_observe(struct state *s, struct state_observer *o)
{
	o->next = s->observers;
	s->observers = o;
}

void state_unobserve(struct state *s, struct state_observer *o)
{
	for (struct state_observer **p = &s->observers; *p; p = &(*p)->next)
		if (*p == o) {
			*p = o->next;
			return;
		}
}

static void account(struct state *s, struct item *before, struct item *after)
{
	if (before) {
		s->digest -= before->hash;
		s->bytes -= item_bytes(before);
		s->count--;
	}
	if (after) {
		s->digest += after->hash;
		s->bytes += item_bytes(after);
		s->count++;
	}
	s->dirty = true;
	for (struct state_observer *o = s->observers; o; o = o->next)
		if (o->change)
			o->change(o->ctx, before, after);
}

bool state_put(struct state *s, struct item *i)
{
	struct item *before;

	assert(i->kind < STATE_KIND_MAX);
	before = hashmap_put(&s->items[i->kind], i);
	if (before && item_equal(before, i)) {
		/* Whoever borrowed it may go on. */
		(void)hashmap_put(&s->items[i->kind], before);
		item_unref(i);
		return false;
	}
	account(s, before, i);
	item_unref(before);
	return true;
}

bool state_remove(struct state *s, uint32_t kind, const char *key, size_t key_len)
{
	struct item *before;

	assert(kind < STATE_KIND_MAX);
	before = hashmap_remove(&s->items[kind], key, key_len);
	if (!before)
		return false;
	account(s, before, NULL);
	item_unref(before);
	return true;
}

void state_commit(struct state *s, uint64_t source)
{
	if (s->complete && !s->dirty && s->source == source)
		return;
	s->dirty = false;
	s->complete = true;
	s->source = source;
	s->generation++;
	for (struct state_observer *o = s->observers; o; o = o->next)
		if (o->commit)
			o->commit(o->ctx);
}

struct item *state_get(const struct state *s, uint32_t kind, const char *key, size_t key_len)
{
	return kind < STATE_KIND_MAX ? hashmap_get(&s->items[kind], key, key_len) : NULL;
}

struct item *state_next(const struct state *s, size_t *pos)
{
	/* The position is a kind in the top byte and a slot below. */
	size_t kind = *pos >> 56, slot = *pos & ((1ULL << 56) - 1);

	for (; kind < STATE_KIND_MAX; kind++, slot = 0) {
		struct item *i = hashmap_next(&s->items[kind], &slot);

		if (i) {
			*pos = kind << 56 | slot;
			return i;
		}
	}
	return NULL;
}

static int compare_items(const void *a, const void *b)
{
	const struct item *x = *(const struct item *const *)a, *y = *(const struct item *const *)b;
	int d;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	d = memcmp(x->data, y->data, MIN(x->key_len, y->key_len));
	return d ? d : (x->key_len > y->key_len) - (x->key_len < y->key_len);
}

struct item **state_sorted(const struct state *s, size_t *ret_n)
{
	struct item **all = xnew(struct item *, s->count + 1), *i;
	size_t pos = 0, n = 0;

	while ((i = state_next(s, &pos)))
		all[n++] = i;
	if (n)
		qsort(all, n, sizeof(struct item *), compare_items);
	*ret_n = n;
	return all;
}

size_t state_count(const struct state *s)
{
	return s->count;
}

size_t state_count_kind(const struct state *s, uint32_t kind)
{
	return kind < STATE_KIND_MAX ? s->items[kind].n : 0;
}

size_t state_bytes(const struct state *s)
{
	return s->bytes;
}

uint64_t state_digest(const struct state *s)
{
	return s->digest;
}

uint64_t state_generation(const struct state *s)
{
	return s->generation;
}

uint64_t state_origin(const struct state *s)
{
	return s->origin;
}

void state_set_origin(struct state *s, uint64_t origin)
{
	s->dirty |= s->origin != origin;
	s->origin = origin;
}

uint64_t state_source(const struct state *s)
{
	return s->source;
}

bool state_complete(const struct state *s)
{
	return s->complete;
}

bool state_dirty(const struct state *s)
{
	return s->dirty;
}
