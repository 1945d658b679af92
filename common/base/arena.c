/* A bump allocator for things that are freed together. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"

/* Bytes from fill on are zero. */
struct block {
	struct block *next;
	size_t size;
	size_t fill;
	_Alignas(16) unsigned char data[];
};

struct arena {
	struct block *blocks; /* the first is being filled */
	size_t chunk;
	size_t used;
	size_t charged;
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

		/* Objects are decoded here, Secrets among them. */
		free_wiped(b, sizeof(*b) + b->fill);
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
	if (keep) {
		explicit_bzero(keep->data, keep->fill);
		keep->fill = 0;
		keep->next = NULL;
	}
	a->used = 0;
	a->charged = 0;
}

void *arena_alloc(struct arena *a, size_t size)
{
	struct block *b = a->blocks;
	void *p;

	size = (size + 15) & ~(size_t)15;
	if (!b || b->size - b->fill < size) {
		size_t want = MAX(size, a->chunk);

		b = xcalloc(1, sizeof(*b) + want);
		b->size = want;
		b->next = a->blocks;
		a->blocks = b;
	}
	p = b->data + b->fill;
	b->fill += size;
	a->used += size;
	return p;
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
	size_t len = n ? strnlen(s, n) : 0; /* an empty text may be NULL */
	char *copy = arena_alloc(a, len + 1);

	if (len)
		memcpy(copy, s, len);
	return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_memdup(a, s, strlen(s) + 1);
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	struct block *b = a->blocks;
	size_t room = b ? b->size - b->fill : 0, n;
	char *at = b ? (char *)b->data + b->fill : NULL, *s;
	va_list ap, again;

	va_start(ap, fmt);
	va_copy(again, ap);
	/* Most fit where they will stand: they are not formatted twice. */
	n = (size_t)vsnprintf(at, room, fmt, ap);
	va_end(ap);
	s = arena_alloc(a, n + 1);
	if (s != at) {
		if (room)
			explicit_bzero(at, MIN(room, n + 1));
		(void)vsnprintf(s, n + 1, fmt, again);
	}
	va_end(again);
	return s;
}

size_t arena_used(const struct arena *a)
{
	return a->used;
}

size_t *arena_charged(struct arena *a)
{
	return &a->charged;
}

ProtobufCAllocator *arena_pb(struct arena *a)
{
	return &a->pb;
}
