/* Memory for the many small things of a large fleet of hosts: no header, steps of eight bytes, one
 * behind another. The caller has to know the size of a piece to free it. Freed memory is used again
 * for pieces of its size; only the pages of large pieces go back to the system. For one thread.
 *
 * All pieces are in one region of addresses, so a place in it takes half of a pointer: what refers
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
#define SMALL_BASE ((char *)0)
#define SMALL_UNIT 1u
#else
typedef uint32_t small_ref;
extern char *small_base;
#define SMALL_BASE small_base
#define SMALL_UNIT 4u
#endif

static inline small_ref small_ref_of(const void *p)
{
	return p ? (small_ref)(((uintptr_t)p - (uintptr_t)SMALL_BASE) / SMALL_UNIT) : 0;
}

static inline void *small_at(small_ref ref)
{
	return ref ? SMALL_BASE + (size_t)ref * SMALL_UNIT : NULL;
}
