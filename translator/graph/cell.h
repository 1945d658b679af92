/* Cells: the places of the graph that units read, and their small vectors. Only graph.c, reader.c
 * and graph-status.c use these. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/hashmap.h"
#include "common/link/state.h"
#include "translator/graph/part-tree.h"

/* A vector of pointers that allocates nothing while it holds at most one. Its capacity follows from
 * its number of entries. */
struct vec {
	union {
		void *one; /* while n is 0 or 1 */
		void **many;
	};
	uint32_t n;
	uint32_t spare; /* the owner's: no function of vectors changes it */
};

static inline void *vec_at(const struct vec *v, uint32_t i)
{
	return v->n > 1 ? v->many[i] : v->one;
}

static inline void *const *vec_all(const struct vec *v)
{
	return v->n > 1 ? v->many : &v->one;
}

void vec_add(struct vec *v, void *p);
/* The last one takes its place. */
void vec_take_out(struct vec *v, uint32_t i);
/* Later ones move up. */
void vec_close_up(struct vec *v, uint32_t i);
void vec_done(struct vec *v);

enum space {
	SPACE_OBJECT, /* kind: object kind; entries: none, the store holds it */
	SPACE_INDEX,  /* kind: index; entries: the objects' items */
	SPACE_FACT,   /* kind: fact; entries: fact items */
	SPACE_UNIT,   /* kind: unit; the cell is part of a struct unit */
	SPACE_OUTPUT, /* kind: item kind on the resources link; entries: the outputs of units, all
			 equal */
	SPACE_NOTES,  /* kind: object kind; entries: note items: verdicts and problems */
	SPACE_MAX_,
};

/* There are about twenty for each host. The key follows the struct: cell_key(). */
struct cell {
	union {
		struct vec readers; /* struct unit */
		struct {
			void *readers_of;
			uint32_t n_readers;
			uint32_t key_len : 21;
			uint32_t space : 3;
			uint32_t kind : 6;
			bool touched : 1; /* on a list of cells to publish at the end of the wave */
			bool grouped : 1; /* the cell is part of a struct part_cell */
		};
	};
	union {
		struct vec entries; /* struct item, a reference each */
		struct {
			void *entries_of;
			uint32_t n_entries;
			uint32_t sorted; /* entries before this are in order of their keys */
		};
	};
};

/* A longer key counts as this long: no object has such a name. */
#define CELL_KEY_MAX ((1u << 21) - 1)

/* The size of struct unit, which begins with its cell. */
#define CELL_UNIT_SIZE 72

/* A collection of a resource's parts. */
struct part_cell {
	struct cell cell;
	struct part_tree tree; /* of the entries that are sorted */
};

static inline const char *cell_key(const struct cell *c)
{
	size_t size = c->space == SPACE_UNIT ? CELL_UNIT_SIZE
		      : c->grouped           ? sizeof(struct part_cell)
					     : sizeof(*c);

	return (const char *)c + size;
}

const void *cell_key_of(const void *entry, size_t *ret_len);
int cell_compare_items(const struct item *a, const struct item *b);

void cell_entry_add(struct cell *c, struct item *i);
/* Takes out this very item (by pointer) and drops the reference. */
void cell_entry_remove(struct cell *c, struct item *i);
/* In order of keys. */
const struct item *const *cell_entries(struct cell *c, size_t *ret_n);
/* For a resource whose parts are the entries. */
void cell_parts_version(struct cell *c, const void *head, size_t len, uint8_t ret[VERSION_SIZE]);
void cell_done(struct cell *c);
