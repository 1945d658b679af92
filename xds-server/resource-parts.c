/* A resource's parts and their bytes. Used by xds-server's resource store.
 *
 * A part comes and goes in a sorted array of pointers. A world comes in no order: it is sorted
 * once, when it is needed. */
#include "xds-server/resource-parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"

/* A run is cut where it has this many bytes, and split beyond twice as many. */
#define RUN_BYTES (32u * 1024)

static int compare_items(const void *a, const void *b)
{
	const struct item *x = *(struct item *const *)a, *y = *(struct item *const *)b;
	int r = memcmp(item_key(x), item_key(y), MIN(x->key_len, y->key_len));

	return r ? r : (x->key_len > y->key_len) - (x->key_len < y->key_len);
}

struct resource_parts *parts_new(void)
{
	struct resource_parts *p = xnew(struct resource_parts, 1);

	p->sorted = true;
	return p;
}

/* ---- runs ---- */

static void forget_run(struct resource_parts *p, struct part_run *run)
{
	if (run->buffer)
		p->cached -= run->buffer->len;
	buffer_unref(TAKE_PTR(run->buffer));
}

void parts_forget(struct resource_parts *p)
{
	p->reused = false;
	for (size_t i = 0; i < p->n_runs; i++)
		forget_run(p, &p->runs[i]);
}

void parts_free(struct resource_parts *p)
{
	if (!p)
		return;
	parts_forget(p);
	for (size_t i = 0; i < p->n; i++)
		item_unref(p->items[i]);
	free(p->items);
	free(p->runs);
	free(p);
}

static struct part_run *add_run(struct resource_parts *p, size_t at)
{
	GROW(p->runs, p->n_runs, p->cap_runs);
	memmove(p->runs + at + 1, p->runs + at, (p->n_runs - at) * sizeof(*p->runs));
	p->runs[at] = (struct part_run){ 0 };
	p->n_runs++;
	return &p->runs[at];
}

static void cut_all(struct resource_parts *p)
{
	struct part_run *run = NULL;

	p->n_runs = 0;
	for (size_t i = 0; i < p->n; i++) {
		if (!run || run->bytes >= RUN_BYTES)
			run = add_run(p, p->n_runs);
		run->n++;
		run->bytes += p->items[i]->value_len;
	}
}

/* Its first half, by bytes, becomes a run of its own. */
static void split(struct resource_parts *p, size_t at, size_t first)
{
	struct part_run *head = add_run(p, at), *tail = head + 1;

	while (tail->n > 1 && head->bytes < tail->bytes) {
		size_t len = p->items[first + head->n]->value_len;

		head->n++;
		head->bytes += len;
		tail->n--;
		tail->bytes -= len;
	}
}

/* The run of this place; a place after all others is in the last one. */
static size_t run_of(const struct resource_parts *p, size_t place, size_t *ret_first)
{
	size_t at = 0, first = 0;

	while (at + 1 < p->n_runs && first + p->runs[at].n <= place)
		first += p->runs[at++].n;
	*ret_first = first;
	return at;
}

/* A part at this place was added (n = 1) or removed (-1), or its length changed (0). */
static void change_run(struct resource_parts *p, size_t place, int n, size_t before, size_t after)
{
	size_t first, at = run_of(p, place, &first);
	struct part_run *run = p->n_runs ? &p->runs[at] : add_run(p, 0);

	forget_run(p, run);
	run->n += (uint32_t)n;
	run->bytes += after - before;
	if (run->n > 1 && run->bytes > 2 * RUN_BYTES) {
		split(p, at, first);
	} else if (!run->n) {
		p->n_runs--;
		memmove(run, run + 1, (p->n_runs - at) * sizeof(*run));
	}
}

/* ---- parts ---- */

static void unsort(struct resource_parts *p)
{
	parts_forget(p);
	p->n_runs = 0;
	p->sorted = false;
}

static void sort(struct resource_parts *p)
{
	if (p->sorted)
		return;
	qsort(p->items, p->n, sizeof(*p->items), compare_items);
	p->sorted = true;
	cut_all(p);
}

/* Where the key is or belongs. */
static size_t place_of(const struct resource_parts *p, const struct item *key)
{
	size_t low = 0, high = p->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (compare_items(&p->items[mid], &key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void add(struct resource_parts *p, struct item *i)
{
	size_t at = p->n;

	GROW(p->items, p->n, p->cap);
	if (p->sorted && p->n && compare_items(&p->items[p->n - 1], &i) > 0) {
		if (p->n > 64)
			at = place_of(p, i);
		else
			unsort(p);
	}
	memmove(p->items + at + 1, p->items + at, (p->n - at) * sizeof(*p->items));
	p->items[at] = item_ref(i);
	p->n++;
	p->bytes += i->value_len;
	if (p->sorted)
		change_run(p, at, 1, 0, i->value_len);
}

void parts_change(struct resource_parts *p, struct item *before, struct item *after)
{
	size_t at;

	if (!before) {
		add(p, after);
		return;
	}
	sort(p);
	at = place_of(p, before);
	assert(at < p->n && p->items[at] == before);
	p->bytes -= before->value_len;
	if (after) {
		p->bytes += after->value_len;
		p->items[at] = item_ref(after);
		change_run(p, at, 0, before->value_len, after->value_len);
	} else {
		p->n--;
		memmove(p->items + at, p->items + at + 1, (p->n - at) * sizeof(*p->items));
		change_run(p, at, -1, before->value_len, 0);
	}
	item_unref(before);
}

/* ---- bytes ---- */

static uint8_t *put_values(uint8_t *at, struct item *const *items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		/* They are all over memory: prefetch the next ones. */
		if (i + 4 < n)
			__builtin_prefetch(items[i + 4]);
		if (items[i]->value_len)
			memcpy(at, item_value(items[i]), items[i]->value_len);
		at += items[i]->value_len;
	}
	return at;
}

uint8_t *parts_encode(struct resource_parts *p, uint8_t *at)
{
	sort(p);
	return put_values(at, p->items, p->n);
}

size_t parts_count_buffers(struct resource_parts *p)
{
	sort(p);
	return p->n_runs;
}

void parts_buffers(struct resource_parts *p, struct buffer **ret)
{
	size_t first = 0;

	p->reused |= p->cached > 0;
	for (size_t i = 0; i < p->n_runs; first += p->runs[i++].n) {
		struct part_run *run = &p->runs[i];

		if (!run->buffer) {
			run->buffer = buffer_new(run->bytes);
			(void)put_values(run->buffer->data, p->items + first, run->n);
			p->cached += run->bytes;
		}
		ret[i] = buffer_ref(run->buffer);
	}
}
