/* What units read: entries kept in the order of their keys, readers in none. Runs in the translator. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "common/cleanup.h"
#include "translator/cell.h"

/* Up to this many new entries are put in their places one by one; more are sorted together. */
#define INSERT_MAX 32

void vec_add(struct vec *v, void *p)
{
	if (v->cap == 0 && v->n == 0) {
		v->one = p;
		v->n = 1;
		return;
	}
	if (v->cap == 0) {
		void *first = v->one;

		v->cap = 4;
		v->many = xreallocarray(NULL, v->cap, sizeof(void *));
		v->many[0] = first;
	} else if (v->n == v->cap) {
		v->cap += v->cap / 2;
		v->many = xreallocarray(v->many, v->cap, sizeof(void *));
	}
	v->many[v->n++] = p;
}

void vec_set(struct vec *v, uint32_t i, void *p)
{
	if (v->cap)
		v->many[i] = p;
	else
		v->one = p;
}

static void vec_shrink(struct vec *v)
{
	if (v->n == 0)
		vec_done(v);
}

void vec_take_out(struct vec *v, uint32_t i)
{
	if (v->cap)
		v->many[i] = v->many[v->n - 1];
	v->n--;
	vec_shrink(v);
}

void vec_close_up(struct vec *v, uint32_t i)
{
	if (v->cap)
		memmove(v->many + i, v->many + i + 1, (v->n - i - 1) * sizeof(void *));
	v->n--;
	vec_shrink(v);
}

void vec_done(struct vec *v)
{
	if (v->cap)
		free(v->many);
	*v = (struct vec){ 0 };
}

const void *cell_key_of(const void *entry, size_t *ret_len)
{
	const struct cell *c = entry;

	*ret_len = c->key_len;
	return c->key;
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

/* The first of the first n entries whose key is not less than that of i. */
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

void cell_entry_add(struct cell *c, struct item *i)
{
	vec_add(&c->entries, item_ref(i));
	if (c->entries.n == 1)
		c->sorted = 1;
}

void cell_entry_remove(struct cell *c, struct item *i)
{
	uint32_t at = lower_bound(c, c->sorted, i);

	while (at < c->entries.n && vec_at(&c->entries, at) != i)
		at++;
	assert(at < c->entries.n);
	vec_close_up(&c->entries, at);
	if (at < c->sorted)
		c->sorted--;
	item_unref(i);
}

static void sort(struct cell *c)
{
	void **all = c->entries.many;

	if (c->sorted == c->entries.n)
		return;
	if (c->entries.n - c->sorted > INSERT_MAX) {
		qsort(all, c->entries.n, sizeof(*all), compare);
		c->sorted = c->entries.n;
		return;
	}
	for (; c->sorted < c->entries.n; c->sorted++) {
		struct item *i = all[c->sorted];
		uint32_t at = lower_bound(c, c->sorted, i);

		memmove(all + at + 1, all + at, (c->sorted - at) * sizeof(*all));
		all[at] = i;
	}
}

const struct item *const *cell_entries(struct cell *c, size_t *ret_n)
{
	sort(c);
	*ret_n = c->entries.n;
	return (const struct item *const *)vec_all(&c->entries);
}

void cell_done(struct cell *c)
{
	for (uint32_t i = 0; i < c->entries.n; i++)
		item_unref(vec_at(&c->entries, i));
	vec_done(&c->entries);
	vec_done(&c->readers);
}
