/* The version of a resource with many parts, as a tree: parts are grouped, each group has a version
 * of its own, and the resource's covers these. So a changed part costs its group, not the whole.
 * The keys alone decide where a group begins, so equal parts have equal groups whatever the
 * history. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/link/version.h"

struct part_group {
	uint32_t n;
	bool known; /* version is up to date */
	uint8_t version[VERSION_SIZE];
};

struct part_tree {
	struct part_group *groups; /* in the order of the parts, without gaps */
	size_t n, cap;
};

void part_tree_done(struct part_tree *t);
/* Builds it anew. The parts are in the order of their keys, here and below. */
void part_tree_build(struct part_tree *t, const struct item *const *parts, size_t n);
/* The part at this place is new; the others have moved up. */
void part_tree_insert(struct part_tree *t, const struct item *const *parts, size_t n, size_t at);
/* The part that was at this place is gone. */
void part_tree_remove(struct part_tree *t, size_t at);
/* The version of the resource with this head and these parts. */
void part_tree_version(struct part_tree *t, const struct item *const *parts, size_t n,
		       const void *head, size_t len, uint8_t ret[VERSION_SIZE]);
/* The same of parts that no tree is kept of. */
void part_tree_version_once(const struct item *const *parts, size_t n, const void *head, size_t len,
			    uint8_t ret[VERSION_SIZE]);
