/* Allocation that does not fail: out of memory is a crash, and the supervisor restarts us.
 * Callers bound what a peer or user can make us allocate. */
#pragma once

#include <stddef.h>

/* For programs that stay: large pieces go back to the system when they are freed. glibc would from
 * the first such piece on take them from its heap, where they leave holes. */
void alloc_init(void);

/* Says that memory is out, and ends the process. */
_Noreturn void alloc_failed(void);

void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull, alloc_size(1)));
void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull, alloc_size(1, 2)));
/* n * size is checked for overflow. */
void *xreallocarray(void *p, size_t n, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
char *xstrndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));
void *xmemdup(const void *p, size_t n) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *fmt, ...)
	__attribute__((malloc, returns_nonnull, format(printf, 1, 2)));

/* Overwrites the n bytes at p and frees them: for memory that may hold a private key or a token. */
void free_wiped(void *p, size_t n);
/* The same for memory that grows from `had` to `size` bytes and may move. */
void *realloc_wiped(void *p, size_t had, size_t size)
	__attribute__((returns_nonnull, alloc_size(3)));

#define xnew(type, n) ((type *)xcalloc((n), sizeof(type)))

/* Makes room for one more element in a growing array of *n elements with capacity *cap. */
#define GROW(array, n, cap)                                                        \
	do {                                                                       \
		if ((n) == (cap)) {                                                \
			(cap) = (cap) ? (cap) * 2 : 8;                             \
			(array) = xreallocarray((array), (cap), sizeof(*(array))); \
		}                                                                  \
	} while (0)
