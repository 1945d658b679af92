/* The parts of one resource, in order, in runs of neighbours that are encoded together: when a part
 * changes, the bytes of its run are made again, and those of all other runs stay. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/link/state.h"
#include "xds-server/buffer.h"

struct part_run {
	uint32_t n;
	size_t bytes;          /* of the values */
	struct buffer *buffer; /* the values, one after another; NULL: not made */
};

struct resource_parts {
	struct item **items; /* a reference each */
	size_t n, cap;
	size_t bytes; /* of the values */
	bool sorted;
	struct part_run *runs; /* if sorted: without gaps, in the order of the items */
	size_t n_runs, cap_runs;
	size_t cached; /* bytes of the runs' buffers */
	bool reused;   /* some of these served more than one version: worth to be kept */
};

struct resource_parts *parts_new(void);
void parts_free(struct resource_parts *p);
/* before or after may be NULL: a part is new or removed. */
void parts_change(struct resource_parts *p, struct item *before, struct item *after);
/* Writes all values, and returns the end. */
uint8_t *parts_encode(struct resource_parts *p, uint8_t *at);
/* How many buffers parts_buffers() gives. */
size_t parts_count_buffers(struct resource_parts *p);
/* Gives a reference to each buffer; makes the missing ones. */
void parts_buffers(struct resource_parts *p, struct buffer **ret);
/* Forgets the buffers. */
void parts_forget(struct resource_parts *p);
