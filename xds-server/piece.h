/* Runs of small resources, encoded one after the other, that several streams send: clients that
 * come back at once with the same subscription get the same bytes. They are kept until the next
 * commit. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "xds-server/buffer.h"

struct resource;

#define PIECES_MAX 8

struct pieces {
	struct piece {
		struct buffer *buffer; /* NULL: no bytes kept */
		struct resource **r;   /* only compared */
		size_t n;
		bool delta; /* as elements of a DeltaDiscoveryResponse */
		bool used;  /* since pieces_trim() */
	} p[PIECES_MAX];
	unsigned next; /* to be replaced */
};

/* The caller gets a reference; NULL: none is kept. */
struct buffer *pieces_find(struct pieces *all, struct resource *const *r, size_t n, bool delta);
void pieces_keep(struct pieces *all, struct resource *const *r, size_t n, bool delta,
		 struct buffer *b);
/* Drops pieces unused since the last call. True if some are left. */
bool pieces_trim(struct pieces *all);
void pieces_clear(struct pieces *all);
