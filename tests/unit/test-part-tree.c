/* translator/graph/part-tree.c: versions of resources with many parts, kept up to date part by
 * part, equal those built anew from the same parts. */
#include "common/base/alloc.h"
#include "tests/lib/test.h"
#include "translator/graph/cell.h"

enum { KEYS = 2000 };

static unsigned seed;

static unsigned chance(unsigned n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 8) % n;
}

static struct item *make(unsigned key, unsigned version)
{
	char text[16], meta[VERSION_SIZE] = { 0 };

	(void)snprintf(text, sizeof(text), "host-%u", key);
	(void)snprintf(meta, sizeof(meta), "%u", version);
	return item_new(1, text, strlen(text), meta, VERSION_SIZE, "x", 1);
}

struct world {
	struct part_cell cell;
	struct item *items[KEYS]; /* borrowed from the cell */
};

static void put(struct world *w, unsigned key, unsigned version)
{
	struct item *i = make(key, version), *before = w->items[key];

	/* Like the graph: the new one first. */
	cell_entry_add(&w->cell.cell, i);
	item_unref(i);
	if (before)
		cell_entry_remove(&w->cell.cell, before);
	w->items[key] = i;
}

static void take(struct world *w, unsigned key)
{
	if (w->items[key])
		cell_entry_remove(&w->cell.cell, w->items[key]);
	w->items[key] = NULL;
}

static void check_same(struct world *w)
{
	uint8_t kept[VERSION_SIZE], once[VERSION_SIZE];
	const struct item *const *all;
	size_t n;

	cell_parts_version(&w->cell.cell, "head", 4, kept);
	all = cell_entries(&w->cell.cell, &n);
	part_tree_version_once(all, n, "head", 4, once);
	CHECK(memcmp(kept, once, VERSION_SIZE) == 0);
}

static struct world *world_new(void)
{
	struct world *w = xnew(struct world, 1);

	w->cell.cell.grouped = true;
	return w;
}

static void world_free(struct world *w)
{
	cell_done(&w->cell.cell);
	free(w);
}

TEST(any_history_gives_the_version_of_what_is_there)
{
	for (unsigned run = 0; run < 5; run++) {
		struct world *w = world_new();

		seed = run;
		for (unsigned step = 0; step < 6000; step++) {
			unsigned key = chance(KEYS);

			if (chance(5) < 3)
				put(w, key, step);
			else
				take(w, key);
			/* Sometimes many at once, which are sorted in another way. */
			if (chance(100) < 3)
				check_same(w);
		}
		for (unsigned key = 0; key < KEYS; key++) {
			take(w, key);
			if (key % 100 == 0)
				check_same(w);
		}
		check_same(w);
		world_free(w);
	}
}

TEST(all_that_a_version_covers_changes_it)
{
	uint8_t a[VERSION_SIZE], b[VERSION_SIZE];
	struct world *w = world_new();

	for (unsigned key = 0; key < KEYS; key++)
		put(w, key, 1);
	cell_parts_version(&w->cell.cell, "head", 4, a);
	cell_parts_version(&w->cell.cell, "tail", 4, b);
	CHECK(memcmp(a, b, VERSION_SIZE) != 0);
	for (unsigned key = 0; key < KEYS; key += 37) {
		put(w, key, 2);
		cell_parts_version(&w->cell.cell, "head", 4, b);
		CHECK(memcmp(a, b, VERSION_SIZE) != 0);
		put(w, key, 1);
		cell_parts_version(&w->cell.cell, "head", 4, b);
		CHECK(memcmp(a, b, VERSION_SIZE) == 0);
		take(w, key);
		cell_parts_version(&w->cell.cell, "head", 4, b);
		CHECK(memcmp(a, b, VERSION_SIZE) != 0);
		put(w, key, 1);
	}
	world_free(w);
}

TEST(a_resource_with_few_parts_has_one_hash_over_all)
{
	uint8_t kept[VERSION_SIZE], flat[VERSION_SIZE];
	struct world *w = world_new();
	const struct item *const *all;
	size_t n;

	for (unsigned key = 0; key < 100; key++)
		put(w, key, 1);
	cell_parts_version(&w->cell.cell, "head", 4, kept);
	all = cell_entries(&w->cell.cell, &n);
	version_of_parts("head", 4, all, n, flat);
	CHECK(memcmp(kept, flat, VERSION_SIZE) == 0);
	world_free(w);
}
