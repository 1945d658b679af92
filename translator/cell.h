/* What units read: the cells of the graph, and the small vectors that they are made of. Only graph.c,
 * reader.c and graph-status.c know these. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/hashmap.h"
#include "common/state.h"

/* A vector of pointers that costs no allocation while it holds at most one. */
struct vec {
	uint32_t n;
	uint32_t cap; /* 0: `one` is in use */
	union {
		void *one;
		void **many;
	};
};

static inline void *vec_at(const struct vec *v, uint32_t i)
{
	return v->cap ? v->many[i] : v->one;
}

static inline void *const *vec_all(const struct vec *v)
{
	return v->cap ? v->many : &v->one;
}

void vec_add(struct vec *v, void *p);
void vec_set(struct vec *v, uint32_t i, void *p);
/* The last one takes its place. */
void vec_take_out(struct vec *v, uint32_t i);
/* The ones behind it move up. */
void vec_close_up(struct vec *v, uint32_t i);
void vec_done(struct vec *v);

enum space {
	SPACE_OBJECT, /* kind: object kind; entries: none, the store has it */
	SPACE_INDEX,  /* kind: index; entries: the objects' items */
	SPACE_FACT,   /* kind: fact; entries: fact items */
	SPACE_UNIT,   /* kind: unit; the cell is part of a struct unit */
	SPACE_OUTPUT, /* kind: item kind on the resources link; entries: what units emit, equal ones */
	SPACE_NOTES,  /* kind: object kind; entries: note items: verdicts and problems */
	SPACE_MAX_,
};

struct cell {
	const char *key; /* stands behind the struct */
	uint32_t key_len;
	uint8_t space;
	uint8_t kind;
	bool touched;	    /* on a list of what to publish at the end of the wave */
	uint32_t sorted;    /* entries before this are in order of their keys */
	struct vec readers; /* struct unit */
	struct vec entries; /* struct item, a reference each */
};

const void *cell_key_of(const void *entry, size_t *ret_len);
int cell_compare_items(const struct item *a, const struct item *b);

void cell_entry_add(struct cell *c, struct item *i);
/* Takes out this very item (by pointer) and drops the reference. */
void cell_entry_remove(struct cell *c, struct item *i);
/* In order of keys. */
const struct item *const *cell_entries(struct cell *c, size_t *ret_n);
void cell_done(struct cell *c);
