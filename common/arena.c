/* A bump allocator for what lives and dies together. Used by every process. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "common/arena.h"

struct block {
	struct block *next;
	size_t size;
	_Alignas(16) unsigned char data[];
};

struct arena {
	struct block *blocks; /* the first is being filled */
	size_t chunk;
	size_t fill; /* of blocks */
	size_t used;
	ProtobufCAllocator pb;
};

static void *pb_alloc(void *data, size_t size)
{
	return arena_alloc(data, size);
}

static void pb_free(void *data _unused_, void *p _unused_)
{
}

struct arena *arena_new(size_t chunk)
{
	struct arena *a = xnew(struct arena, 1);

	a->chunk = chunk;
	a->pb = (ProtobufCAllocator){ pb_alloc, pb_free, a };
	return a;
}

static void free_blocks(struct block *b)
{
	while (b) {
		struct block *next = b->next;

		free(b);
		b = next;
	}
}

void arena_free(struct arena *a)
{
	if (!a)
		return;
	free_blocks(a->blocks);
	free(a);
}

void arena_reset(struct arena *a)
{
	struct block *keep = NULL;

	for (struct block **p = &a->blocks; *p; p = &(*p)->next)
		if ((*p)->size == a->chunk) {
			keep = *p;
			*p = keep->next;
			break;
		}
	free_blocks(a->blocks);
	a->blocks = keep;
	if (keep)
		keep->next = NULL;
	a->fill = 0;
	a->used = 0;
}

void *arena_alloc(struct arena *a, size_t size)
{
	struct block *b = a->blocks;
	void *p;

	size = (size + 15) & ~(size_t)15;
	if (!b || b->size - a->fill < size) {
		size_t want = MAX(size, a->chunk);

		b = xmalloc(sizeof(*b) + want);
		b->size = want;
		b->next = a->blocks;
		a->blocks = b;
		a->fill = 0;
	}
	p = b->data + a->fill;
	a->fill += size;
	a->used += size;
	return memset(p, 0, size);
}

void *arena_memdup(struct arena *a, const void *p, size_t n)
{
	void *copy = arena_alloc(a, n);

	if (n)
		memcpy(copy, p, n);
	return copy;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *copy = arena_alloc(a, len + 1);

	memcpy(copy, s, len);
	return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_memdup(a, s, strlen(s) + 1);
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;
	char *s;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	s = arena_alloc(a, (size_t)n + 1);
	(void)vsnprintf(s, (size_t)n + 1, fmt, again);
	va_end(again);
	return s;
}

size_t arena_used(const struct arena *a)
{
	return a->used;
}

ProtobufCAllocator *arena_pb(struct arena *a)
{
	return &a->pb;
}
