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
#define STEPS_MAX  512u                /* larger sizes come in eight steps for each power of two */
#define CLASSES    264                 /* of sizes, up to that of the region */
#define REGION     ((size_t)16 << 30)  /* as far as a reference reaches */
#define REGION_MIN ((size_t)64 << 20)  /* where addresses are short, too */
#define COMMIT     ((size_t)1 << 20)   /* the region is made usable in such steps */
#define LARGE      ((size_t)16 * 1024) /* the pages of a freed piece go back */
#define PAGE       ((uintptr_t)4096)

struct piece {
	struct piece *next;
};

char *small_base;
static size_t used, usable, region; /* from small_base */
static struct piece *freed[CLASSES + 1];

/* The class of pieces that this one is of, and their size. */
static unsigned class_of(size_t size, size_t *ret_rounded)
{
	unsigned power;
	size_t step;

	if (size <= STEPS_MAX) {
		*ret_rounded = size ? (size + STEP - 1) / STEP * STEP : STEP;
		return (unsigned)(*ret_rounded / STEP);
	}
	if (size > REGION)
		alloc_failed();
	power = 63u - (unsigned)__builtin_clzl(size - 1);
	step = (size_t)1 << (power - 3);
	*ret_rounded = (size + step - 1) & ~(step - 1);
	return STEPS_MAX / STEP + (power - 9) * 8 + (unsigned)(*ret_rounded / step) - 8;
}

static void reserve(void)
{
	for (region = REGION; region >= REGION_MIN; region /= 2) {
		void *p = mmap(NULL, region, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			       -1, 0);

		if (p != MAP_FAILED) {
			small_base = p;
			used = STEP; /* 0 is no reference */
			return;
		}
	}
	alloc_failed();
}

static void *from_region(size_t size)
{
	void *p;

	if (!small_base)
		reserve();
	if (used + size > usable) {
		size_t more = (used + size - usable + COMMIT - 1) / COMMIT * COMMIT;

		if (more > region - usable ||
		    mprotect(small_base + usable, more, PROT_READ | PROT_WRITE) < 0)
			alloc_failed();
		usable += more;
	}
	p = small_base + used;
	used += size;
	return p;
}

void *small_alloc(size_t size)
{
	size_t rounded;
	struct piece **list = &freed[class_of(size, &rounded)], *piece = *list;

	if (!piece)
		return from_region(rounded);
	*list = piece->next;
	return piece;
}

void small_free(void *p, size_t size)
{
	struct piece *piece = p, **list;
	uintptr_t begin, end;
	size_t rounded;

	if (!p)
		return;
	list = &freed[class_of(size, &rounded)];
	piece->next = *list;
	*list = piece;
	if (rounded < LARGE)
		return;
	begin = ((uintptr_t)(piece + 1) + PAGE - 1) & ~(PAGE - 1);
	end = ((uintptr_t)p + rounded) & ~(PAGE - 1);
	(void)madvise((void *)begin, end - begin, MADV_DONTNEED);
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
