/* Small pieces of memory. Used by every process that holds a state. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/small.h"

/* A sanitizer has to see every piece by itself. */
#ifdef SANITIZED

void *small_alloc(size_t size)
{
	return xmalloc(size);
}

void small_free(void *p, size_t size _unused_)
{
	free(p);
}

#else

#define STEP       8u
#define SMALL_MAX  512u /* larger pieces come from malloc, which joins what is freed */
#define REGION_MIN ((size_t)64 << 20) /* where the addresses of a process are limited */
#define COMMIT     ((size_t)1 << 20)  /* the region is made usable in such steps */

struct piece {
	struct piece *next;
};

/* Before a large piece. Its reference leads to a small one, which has its address. */
struct head {
	small_ref ref;
	uint32_t unused;
};

char *small_base;
size_t small_region;
static size_t used, usable; /* from small_base */
static struct piece *freed[SMALL_MAX / STEP + 1];

static char *map(size_t size)
{
	void *p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void reserve(void)
{
	size_t size = SMALL_REGION;

	while (!(small_base = map(size)) && size > REGION_MIN)
		size /= 2;
	if (small_base && size < SMALL_REGION) {
		/* Addresses are limited: code, stacks and malloc need some, too. */
		(void)munmap(small_base, size);
		size /= 2;
		small_base = map(size);
	}
	if (!small_base)
		alloc_failed();
	small_region = size;
	used = STEP; /* 0 is no reference */
}

static void *from_region(size_t size)
{
	void *p;

	if (!small_base)
		reserve();
	if (used + size > usable) {
		size_t more = (used + size - usable + COMMIT - 1) / COMMIT * COMMIT;

		if (more > small_region - usable ||
		    mprotect(small_base + usable, more, PROT_READ | PROT_WRITE) < 0)
			alloc_failed();
		usable += more;
	}
	p = small_base + used;
	used += size;
	return p;
}

static size_t round_up(size_t size)
{
	return size ? (size + STEP - 1) / STEP * STEP : STEP;
}

static void *alloc_large(size_t size)
{
	void **place = small_alloc(sizeof(*place));
	size_t at = (size_t)((char *)place - small_base);
	struct head *head;

	if (size > SIZE_MAX - sizeof(*head))
		alloc_failed();
	head = xmalloc(sizeof(*head) + size);
	head->ref = (small_ref)(at / SMALL_UNIT) | SMALL_LARGE;
	*place = head + 1;
	return *place;
}

static void free_large(void *p)
{
	struct head *head = (struct head *)p - 1;

	small_free(small_base + (size_t)(head->ref & ~SMALL_LARGE) * SMALL_UNIT, sizeof(void *));
	free(head);
}

small_ref small_large_ref(const void *p)
{
	return ((const struct head *)p - 1)->ref;
}

void *small_alloc(size_t size)
{
	struct piece **list, *piece;

	if (size > SMALL_MAX)
		return alloc_large(size);
	list = &freed[round_up(size) / STEP];
	piece = *list;
	if (!piece)
		return from_region(round_up(size));
	*list = piece->next;
	return piece;
}

void small_free(void *p, size_t size)
{
	struct piece *piece = p, **list;

	if (!p)
		return;
	if (size > SMALL_MAX) {
		free_large(p);
		return;
	}
	list = &freed[round_up(size) / STEP];
	piece->next = *list;
	*list = piece;
}

#endif

void *small_zalloc(size_t size)
{
	return memset(small_alloc(size), 0, size);
}

void *small_memdup(const void *p, size_t n)
{
	void *copy = small_alloc(n);

	if (n)
		memcpy(copy, p, n);
	return copy;
}
