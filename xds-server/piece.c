/* Runs of resources that several streams send. Used by xds-server's messages and store. */
#include <string.h>

#include "common/base/alloc.h"
#include "xds-server/piece.h"

static void forget(struct piece *p)
{
	buffer_unref(p->buffer);
	free(p->r);
	*p = (struct piece){ 0 };
}

struct buffer *pieces_find(struct pieces *all, struct resource *const *r, size_t n, bool delta)
{
	for (size_t i = 0; i < PIECES_MAX; i++) {
		struct piece *p = &all->p[i];

		if (!p->buffer || p->n != n || p->delta != delta ||
		    memcmp(p->r, r, n * sizeof(struct resource *)) != 0)
			continue;
		p->used = true;
		return buffer_ref(p->buffer);
	}
	return NULL;
}

void pieces_keep(struct pieces *all, struct resource *const *r, size_t n, bool delta,
		 struct buffer *b)
{
	struct piece *p = &all->p[all->next];

	forget(p);
	*p = (struct piece){ buffer_ref(b), xreallocarray(NULL, n, sizeof(struct resource *)), n,
			     delta, true };
	memcpy(p->r, r, n * sizeof(struct resource *));
	all->next = (all->next + 1) % PIECES_MAX;
}

bool pieces_trim(struct pieces *all)
{
	bool left = false;

	for (size_t i = 0; i < PIECES_MAX; i++) {
		struct piece *p = &all->p[i];

		if (!p->used)
			forget(p);
		left |= p->used;
		p->used = false;
	}
	return left;
}

void pieces_clear(struct pieces *all)
{
	for (size_t i = 0; i < PIECES_MAX; i++)
		forget(&all->p[i]);
}
