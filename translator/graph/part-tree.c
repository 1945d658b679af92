/* Versions of resources with many parts. Runs in the translator. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/base/alloc.h"
#include "translator/graph/part-tree.h"

/* With fewer parts one hash over all is as fast. */
#define TREE_MIN 256
/* One key in so many begins a group. */
#define GROUP_PARTS 64

void part_tree_done(struct part_tree *t)
{
	free(t->groups);
	*t = (struct part_tree){ 0 };
}

/* Not seeded: the same in all processes. A user who chooses keys can only make groups longer or
 * shorter. */
static bool begins_group(const struct item *part)
{
	return XXH3_64bits(item_key(part), part->key_len) % GROUP_PARTS == 0;
}

static void add_group(struct part_tree *t, size_t at, uint32_t parts)
{
	GROW(t->groups, t->n, t->cap);
	memmove(t->groups + at + 1, t->groups + at, (t->n - at) * sizeof(*t->groups));
	t->groups[at] = (struct part_group){ .n = parts };
	t->n++;
}

static void drop_group(struct part_tree *t, size_t at)
{
	t->n--;
	memmove(t->groups + at, t->groups + at + 1, (t->n - at) * sizeof(*t->groups));
}

void part_tree_build(struct part_tree *t, const struct item *const *parts, size_t n)
{
	t->n = 0;
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || begins_group(parts[i]))
			add_group(t, t->n, 0);
		t->groups[t->n - 1].n++;
	}
}

/* The group of the part at this place, and the place of its first part. */
static size_t find_group(const struct part_tree *t, size_t at, size_t *ret_first)
{
	size_t g = 0, first = 0;

	while (first + t->groups[g].n <= at)
		first += t->groups[g++].n;
	*ret_first = first;
	return g;
}

void part_tree_insert(struct part_tree *t, const struct item *const *parts, size_t n, size_t at)
{
	struct part_group *group;
	size_t g, first, before;

	assert(at < n);
	if (at == 0) {
		/* The former first part began the first group whatever its key. */
		if (!t->n || begins_group(parts[1]))
			add_group(t, 0, 0);
		t->groups[0].n++;
		t->groups[0].known = false;
		return;
	}
	g = find_group(t, at - 1, &first);
	group = &t->groups[g];
	group->known = false;
	if (!begins_group(parts[at])) {
		group->n++;
		return;
	}
	before = at - first;
	add_group(t, g + 1, group->n - (uint32_t)before + 1);
	t->groups[g].n = (uint32_t)before;
}

void part_tree_remove(struct part_tree *t, size_t at)
{
	size_t first, g = find_group(t, at, &first);

	t->groups[g].n--;
	t->groups[g].known = false;
	if (g == 0 && t->groups[g].n == 0) {
		drop_group(t, 0);
	} else if (g > 0 && first == at) {
		/* The rest joins the group before. */
		t->groups[g - 1].n += t->groups[g].n;
		t->groups[g - 1].known = false;
		drop_group(t, g);
	}
}

static void version_of_group(struct part_group *g, const struct item *const *parts)
{
	if (g->known)
		return;
	version_of_parts(NULL, 0, parts, g->n, g->version);
	g->known = true;
}

void part_tree_version(struct part_tree *t, const struct item *const *parts, size_t n,
		       const void *head, size_t len, uint8_t ret[VERSION_SIZE])
{
	static const char mark[] = "\0tree";
	size_t at = 0;

	if (n < TREE_MIN) {
		version_of_parts(head, len, parts, n, ret);
		return;
	}
	for (size_t g = 0; g < t->n; g++) {
		version_of_group(&t->groups[g], parts + at);
		at += t->groups[g].n;
	}
	assert(at == n);
	version_begin();
	version_add(head, len);
	version_add(mark, sizeof(mark));
	for (size_t g = 0; g < t->n; g++)
		version_add(t->groups[g].version, VERSION_SIZE);
	version_end(ret);
}

void part_tree_version_once(const struct item *const *parts, size_t n, const void *head, size_t len,
			    uint8_t ret[VERSION_SIZE])
{
	struct part_tree t = { 0 };

	part_tree_build(&t, parts, n);
	part_tree_version(&t, parts, n, head, len, ret);
	part_tree_done(&t);
}
