/* Memory for the many small things of a large fleet of hosts: no header, steps of eight bytes, one
 * behind another. The caller has to know the size of a piece to free it. Freed memory is used again
 * for pieces of its size; it does not go back to the system. For one thread. */
#pragma once

#include <stddef.h>

/* Not initialised. Pieces of more than a few hundred bytes come from malloc(). */
void *small_alloc(size_t size) __attribute__((malloc, returns_nonnull, alloc_size(1)));
/* Zeroed. */
void *small_zalloc(size_t size) __attribute__((malloc, returns_nonnull, alloc_size(1)));
/* p may be NULL. size: as given to small_alloc(). */
void small_free(void *p, size_t size);
/* A copy of n bytes. */
void *small_memdup(const void *p, size_t n) __attribute__((malloc, returns_nonnull));
