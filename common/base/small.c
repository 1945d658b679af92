/* Small pieces of memory. Used by every process that holds a state. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/sanitized.h"
#include "common/base/small.h"

/* A sanitizer has to see every piece by itself. */
#ifdef SANITIZED
#define SMALL_MAX 0
#else
#define SMALL_MAX 512
#endif
#define STEP  8u
#define BLOCK (128u * 1024 - 64) /* not large for malloc: alloc_init() */

struct piece {
	struct piece *next;
};

static struct piece *freed[SMALL_MAX / STEP + 1]; /* by size */
static char *block;                               /* the unused rest of the newest block */
static size_t left;

static size_t rounded(size_t size)
{
	return size ? (size + STEP - 1) / STEP * STEP : STEP;
}

static void keep(void *p, size_t size)
{
	struct piece *piece = p;

	piece->next = freed[size / STEP];
	freed[size / STEP] = piece;
}

static void *from_block(size_t size)
{
	void *p;

	if (size > left) {
		if (left)
			keep(block, left);
		block = xmalloc(BLOCK);
		left = BLOCK;
	}
	p = block;
	block += size;
	left -= size;
	return p;
}

void *small_alloc(size_t size)
{
	struct piece *piece;

	size = rounded(size);
	if (size > SMALL_MAX)
		return xmalloc(size);
	piece = freed[size / STEP];
	if (!piece)
		return from_block(size);
	freed[size / STEP] = piece->next;
	return piece;
}

void *small_zalloc(size_t size)
{
	return memset(small_alloc(size), 0, size);
}

void small_free(void *p, size_t size)
{
	size = rounded(size);
	if (!p)
		return;
	if (size > SMALL_MAX)
		free(p);
	else
		keep(p, size);
}

void *small_memdup(const void *p, size_t n)
{
	void *copy = small_alloc(n);

	if (n)
		memcpy(copy, p, n);
	return copy;
}
