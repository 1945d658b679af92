/* Cells: the places of the graph that units read, and their small vectors. Only graph.c, reader.c
 * and graph-status.c use these. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/hashmap.h"
#include "common/base/small.h"
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

/* The same of small pieces, in the room of one reference; the last bit says that it is to a block.
 */
struct refs {
	small_ref of; /* the only one, or the block */
};

struct refs_block {
	uint32_t n;
	small_ref at[];
};

static inline struct refs_block *refs_block(const struct refs *r)
{
	return r->of & 1 ? small_at(r->of & ~(small_ref)1) : NULL;
}

static inline uint32_t refs_n(const struct refs *r)
{
	const struct refs_block *b = refs_block(r);

	return b ? b->n : r->of != 0;
}

static inline void *refs_at(const struct refs *r, uint32_t i)
{
	const struct refs_block *b = refs_block(r);

	return small_at(b ? b->at[i] : r->of);
}

void refs_add(struct refs *r, void *p);
/* The last one takes its place. */
void refs_take_out(struct refs *r, uint32_t i);
void refs_done(struct refs *r);

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

/* There are about twenty for each host. The key follows the struct, but of an output, which borrows
 * that of its newest item: cell_key(). */
struct cell {
	union {
		struct refs readers; /* struct unit */
		small_ref named;     /* of an output, which has no readers: the item, a reference */
	};
	uint32_t key_len : 21;
	uint32_t space : 3;
	uint32_t kind : 6;
	bool touched : 1; /* on a list of cells to publish at the end of the wave */
	bool grouped : 1; /* the cell is part of a struct part_cell */
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

/* A collection of a resource's parts. */
struct part_cell {
	struct cell cell;
	struct part_tree tree; /* of the entries that are sorted */
};

struct emit {
	small_ref cell; /* of a fact, an output or notes */
	small_ref item; /* holds a reference */
};

static inline struct cell *emit_cell(const struct emit *e)
{
	return small_at(e->cell);
}

static inline struct item *emit_item(const struct emit *e)
{
	return small_at(e->item);
}

struct unit {
	struct cell cell;   /* the readers of this unit's result, and its key */
	small_ref reads_of; /* an array of references to cells, sorted, each once */
	small_ref emits_of; /* an array of struct emit, sorted: emit_compare() */
	small_ref result;   /* holds a reference to the item */
	small_ref fleet;    /* struct unit_fleet; 0: never needed */
	uint32_t n_reads;
	uint32_t n_emits : 28;
	bool rooted : 1; /* an object or a fact wants it, or it is always there */
	bool due : 1;    /* on its rank's list */
	bool running : 1;
	bool candidate : 1; /* on the list of units that may have to be removed */
};

static inline struct cell *unit_read(const struct unit *u, uint32_t i)
{
	const small_ref *reads = small_at(u->reads_of);

	return small_at(reads[i]);
}

static inline struct emit *unit_emits(const struct unit *u)
{
	return small_at(u->emits_of);
}

/* Without its key. */
static inline size_t cell_size(const struct cell *c)
{
	return c->space == SPACE_UNIT ? sizeof(struct unit)
	       : c->grouped           ? sizeof(struct part_cell)
				      : sizeof(*c);
}

static inline const char *cell_key(const struct cell *c)
{
	if (c->space == SPACE_OUTPUT)
		return item_key(small_at(c->named));
	return (const char *)c + cell_size(c);
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
