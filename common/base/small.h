/* Memory for the many small things of a large fleet of hosts: no header, steps of eight bytes, one
 * behind another. The caller has to know the size of a piece to free it. Freed memory is used again
 * for pieces of its size. For one thread. Pieces of more than 512 bytes come from malloc().
 *
 * The others are in one region of addresses, so a place in it takes half of a pointer: what refers
 * to very many pieces holds a small_ref to each. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/sanitized.h"

/* Not initialised. (Without the attribute "malloc": small_at() leads to the same memory.) */
void *small_alloc(size_t size) __attribute__((returns_nonnull, alloc_size(1)));
/* Zeroed. */
void *small_zalloc(size_t size) __attribute__((returns_nonnull, alloc_size(1)));
/* p may be NULL. size: as given to small_alloc(). */
void small_free(void *p, size_t size);
/* A copy of n bytes. */
void *small_memdup(const void *p, size_t n) __attribute__((returns_nonnull));

/* References to pieces: 0 for NULL, and always even, so the last bit is the holder's. */
#ifdef SANITIZED

typedef uintptr_t small_ref; /* so that leaks are found */

static inline small_ref small_ref_of(const void *p)
{
	return (small_ref)p;
}

static inline void *small_at(small_ref ref)
{
	return (void *)ref;
}

#else

typedef uint32_t small_ref;

#define SMALL_UNIT   4u                /* of a reference, in bytes */
#define SMALL_REGION ((size_t)8 << 30) /* as far as 31 bits of it reach */
#define SMALL_LARGE  0x80000000u /* it leads to the address of a piece outside of the region */
extern char *small_base;
extern size_t small_region; /* bytes, less than SMALL_REGION where addresses are limited */
/* The reference to a piece outside of the region. */
small_ref small_large_ref(const void *p);

static inline small_ref small_ref_of(const void *p)
{
	size_t at = (size_t)((uintptr_t)p - (uintptr_t)small_base);

	if (!p)
		return 0;
	return at < small_region ? (small_ref)(at / SMALL_UNIT) : small_large_ref(p);
}

static inline void *small_at(small_ref ref)
{
	char *p = small_base + (size_t)(ref & ~SMALL_LARGE) * SMALL_UNIT;

	if (!ref)
		return NULL;
	return ref & SMALL_LARGE ? *(void **)(void *)p : p;
}

#endif
