/* Counted bytes. Used by xds-server. */
#include <assert.h>

#include "common/alloc.h"
#include "xds-server/buffer.h"

struct buffer *buffer_new(size_t len)
{
	struct buffer *b;

	assert(len <= UINT32_MAX);
	b = xmalloc(sizeof(*b) + len);
	atomic_init(&b->refs, 1);
	b->len = (uint32_t)len;
	return b;
}

struct buffer *buffer_ref(struct buffer *b)
{
	atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
	return b;
}

void buffer_unref(struct buffer *b)
{
	if (b && atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1)
		free(b);
}
