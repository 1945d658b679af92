/* The cells that units read: entries kept in the order of their keys, readers unordered. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/small.h"
#include "translator/graph/cell.h"

/* Up to this many new entries are put in their places one by one; more are sorted together. */
#define INSERT_MAX 32

/* Room for n entries: 2, then 4, 6, 8, 12, 16, 24 and so on. */
static uint32_t capacity(uint32_t n)
{
	uint32_t power = 4;

	if (n <= 2)
		return 2;
	while (power < n)
		power *= 2;
	return n <= power / 4 * 3 ? power / 4 * 3 : power;
}

static size_t capacity_bytes(uint32_t n)
{
	return capacity(n) * sizeof(void *);
}

/* Moves the entries to an allocation with room for n. */
static void resize(struct vec *v, uint32_t n)
{
	void **before = v->many, **after;

	if (capacity(n) == capacity(v->n))
		return;
	after = small_alloc(capacity_bytes(n));
	memcpy(after, before, MIN(n, v->n) * sizeof(void *));
	small_free(before, capacity_bytes(v->n));
	v->many = after;
}

void vec_add(struct vec *v, void *p)
{
	if (v->n == 0) {
		v->one = p;
	} else if (v->n == 1) {
		void *first = v->one;

		v->many = small_alloc(capacity_bytes(2));
		v->many[0] = first;
		v->many[1] = p;
	} else {
		resize(v, v->n + 1);
		v->many[v->n] = p;
	}
	v->n++;
}

/* The last one goes. */
static void shorten(struct vec *v)
{
	if (v->n == 2) {
		void **before = v->many;

		v->one = before[0];
		small_free(before, capacity_bytes(2));
	} else if (v->n > 2) {
		resize(v, v->n - 1);
	}
	v->n--;
}

void vec_take_out(struct vec *v, uint32_t i)
{
	if (v->n > 1)
		v->many[i] = v->many[v->n - 1];
	shorten(v);
}

void vec_close_up(struct vec *v, uint32_t i)
{
	if (v->n > 1)
		memmove(v->many + i, v->many + i + 1, (v->n - i - 1) * sizeof(void *));
	shorten(v);
}

void vec_done(struct vec *v)
{
	if (v->n > 1)
		small_free(v->many, capacity_bytes(v->n));
	v->one = NULL;
	v->n = 0;
}

static size_t block_bytes(uint32_t n)
{
	return sizeof(struct refs_block) + capacity(n) * sizeof(small_ref);
}

/* Moves the references to a block for n of them. */
static void refs_resize(struct refs *r, uint32_t n)
{
	struct refs_block *before = refs_block(r), *after = before;

	if (!before || capacity(n) != capacity(before->n)) {
		after = small_alloc(block_bytes(n));
		if (before)
			memcpy(after->at, before->at, MIN(n, before->n) * sizeof(small_ref));
		else
			after->at[0] = r->of;
	}
	if (before && after != before)
		small_free(before, block_bytes(before->n));
	after->n = n;
	r->of = small_ref_of(after) | 1;
}

void refs_add(struct refs *r, void *p)
{
	uint32_t n = refs_n(r);

	if (n == 0) {
		r->of = small_ref_of(p);
		return;
	}
	refs_resize(r, n + 1);
	refs_block(r)->at[n] = small_ref_of(p);
}

void refs_take_out(struct refs *r, uint32_t i)
{
	struct refs_block *b = refs_block(r);
	small_ref left;

	if (!b) {
		r->of = 0;
		return;
	}
	b->at[i] = b->at[b->n - 1];
	if (b->n > 2) {
		refs_resize(r, b->n - 1);
		return;
	}
	left = b->at[0];
	small_free(b, block_bytes(b->n));
	r->of = left;
}

void refs_done(struct refs *r)
{
	struct refs_block *b = refs_block(r);

	if (b)
		small_free(b, block_bytes(b->n));
	r->of = 0;
}

const void *cell_key_of(const void *entry, size_t *ret_len)
{
	const struct cell *c = entry;

	*ret_len = c->key_len;
	return cell_key(c);
}

int cell_compare_items(const struct item *a, const struct item *b)
{
	int d = memcmp(a->data, b->data, MIN(a->key_len, b->key_len));

	return d ? d : (a->key_len > b->key_len) - (a->key_len < b->key_len);
}

static int compare(const void *a, const void *b)
{
	return cell_compare_items(*(const struct item *const *)a, *(const struct item *const *)b);
}

/* Among the first n entries, the first with a key not less than that of i. */
static uint32_t lower_bound(const struct cell *c, uint32_t n, const struct item *i)
{
	uint32_t low = 0;

	while (low < n) {
		uint32_t mid = low + (n - low) / 2;

		if (cell_compare_items(vec_at(&c->entries, mid), i) < 0)
			low = mid + 1;
		else
			n = mid;
	}
	return low;
}

static struct part_tree *tree_of(struct cell *c)
{
	return c->grouped ? &((struct part_cell *)c)->tree : NULL;
}

/* Counts an entry that has been moved to its sorted place. */
static void sorted_in(struct cell *c, uint32_t at)
{
	c->sorted++;
	if (c->grouped)
		part_tree_insert(tree_of(c), (const struct item *const *)vec_all(&c->entries),
				 c->sorted, at);
}

/* The one before may be freed with the output that it was. */
static void name_after(struct cell *c, struct item *i)
{
	struct item *before = small_at(c->named);

	c->named = small_ref_of(i ? item_ref(i) : NULL);
	item_unref(before);
}

void cell_entry_add(struct cell *c, struct item *i)
{
	if (c->space == SPACE_OUTPUT)
		name_after(c, i);
	vec_add(&c->entries, item_ref(i));
	if (c->entries.n == 1)
		sorted_in(c, 0);
}

void cell_entry_remove(struct cell *c, struct item *i)
{
	uint32_t at = lower_bound(c, c->sorted, i);

	while (at < c->entries.n && vec_at(&c->entries, at) != i)
		at++;
	assert(at < c->entries.n);
	vec_close_up(&c->entries, at);
	if (at < c->sorted) {
		c->sorted--;
		if (c->grouped)
			part_tree_remove(tree_of(c), at);
	}
	item_unref(i);
}

static void sort(struct cell *c)
{
	void **all = (void **)(uintptr_t)vec_all(&c->entries);

	if (c->sorted == c->entries.n)
		return;
	if (c->entries.n - c->sorted > INSERT_MAX) {
		qsort(all, c->entries.n, sizeof(*all), compare);
		c->sorted = c->entries.n;
		if (c->grouped)
			part_tree_build(tree_of(c), (const struct item *const *)all, c->sorted);
		return;
	}
	while (c->sorted < c->entries.n) {
		struct item *i = all[c->sorted];
		uint32_t at = lower_bound(c, c->sorted, i);

		memmove(all + at + 1, all + at, (c->sorted - at) * sizeof(*all));
		all[at] = i;
		sorted_in(c, at);
	}
}

const struct item *const *cell_entries(struct cell *c, size_t *ret_n)
{
	sort(c);
	*ret_n = c->entries.n;
	return (const struct item *const *)vec_all(&c->entries);
}

void cell_parts_version(struct cell *c, const void *head, size_t len, uint8_t ret[VERSION_SIZE])
{
	size_t n;
	const struct item *const *parts = cell_entries(c, &n);

	part_tree_version(tree_of(c), parts, n, head, len, ret);
}

void cell_done(struct cell *c)
{
	if (c->grouped)
		part_tree_done(tree_of(c));
	for (uint32_t i = 0; i < c->entries.n; i++)
		item_unref(vec_at(&c->entries, i));
	vec_done(&c->entries);
	if (c->space == SPACE_OUTPUT)
		name_after(c, NULL);
	else
		refs_done(&c->readers);
}
