/* Counted bytes. Used by xds-server. */
#include <assert.h>

#include "common/base/alloc.h"
#include "xds-server/buffer.h"

static atomic_size_t total;

struct buffer *buffer_new(size_t len)
{
	struct buffer *b;

	assert(len <= UINT32_MAX);
	b = xmalloc(sizeof(*b) + len);
	atomic_init(&b->refs, 1);
	b->len = (uint32_t)len;
	atomic_fetch_add_explicit(&total, len, memory_order_relaxed);
	return b;
}

struct buffer *buffer_ref(struct buffer *b)
{
	atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
	return b;
}

void buffer_unref(struct buffer *b)
{
	if (!b || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1)
		return;
	atomic_fetch_sub_explicit(&total, b->len, memory_order_relaxed);
	/* It may hold a key. */
	free_wiped(b, sizeof(*b) + b->len);
}

size_t buffer_total(void)
{
	return atomic_load_explicit(&total, memory_order_relaxed);
}

struct encoding *encoding_new(size_t n)
{
	struct encoding *e = xcalloc(1, sizeof(*e) + n * sizeof(struct buffer *));

	e->refs = 1;
	e->n = n;
	return e;
}

struct encoding *encoding_ref(struct encoding *e)
{
	e->refs++;
	return e;
}

void encoding_unref(struct encoding *e)
{
	if (!e || --e->refs)
		return;
	for (size_t i = 0; i < e->n; i++)
		buffer_unref(e->b[i]);
	free(e);
}
