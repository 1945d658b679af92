/* Remarks in objects' statuses about a resource that Envoy refuses, and the facts that tell
 * units. */
#pragma once

#include "proto/ipc.pb-c.h"
#include "translator/graph/cell.h"
#include "translator/graph/graph.h"

struct refused {
	uint32_t kind; /* of the item, and its key */
	const char *key;
	size_t key_len;
	const char *name;    /* of the resource, for people */
	const char *message; /* Envoy's */
	const char *outcome; /* a sentence without its dot */
	Portolan__Ipc__Verdict verdict;
	char *const *nodes; /* of the Envoys that refuse it: some of … */
	size_t n_nodes;
	size_t n_all;
	bool whole; /* the table or listener is refused, of which the object has made a part */
	bool taken; /* others have accepted it: a warning, and no fact */
};

/* One note for each object of a front end that made the item; without any, for all its objects. */
void notes_add(struct graph *g, const struct refused *what, struct vec *ret_notes);
/* "Envoy a refuses", "Envoys a, b and 3 more refuse"; without names "Envoy refuses". The caller
 * frees it. */
char *notes_who(char *const *nodes, size_t n_nodes, size_t n_all);
/* Takes them back. */
void notes_remove(struct graph *g, struct vec *notes);
/* Frees only the memory: the graph is freed, too. */
void notes_free(struct vec *notes);
