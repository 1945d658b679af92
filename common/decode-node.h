/* The tree of one document, the same for JSON and YAML: what the typed core of the decoder reads. Lives
 * in the decoder's arena. Inside libdecode only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/decode.h"

enum node_type {
	NODE_NULL,
	NODE_BOOL,
	NODE_INT,
	NODE_FLOAT,
	NODE_STRING,
	NODE_MAP,
	NODE_LIST,
};

struct node {
	enum node_type type;
	uint32_t line;    /* from 1; 0 if not known (JSON) */
	uint32_t len;     /* of text */
	uint32_t key_len;
	uint32_t n;       /* children */
	uint32_t weight;  /* values in here, itself included */
	const char *text; /* NODE_STRING; for other scalars what was written */
	const char *key;  /* in a map */
	struct node *next;
	union {
		struct node *first; /* NODE_MAP, NODE_LIST */
		int64_t integer;    /* NODE_INT, NODE_BOOL */
		double number;      /* NODE_FLOAT */
	};
};

/* "a string", "a number"… */
const char *node_type_name(const struct node *n);
bool node_key_is(const struct node *n, const char *key);
/* NULL if there is none, or n is no map. */
const struct node *node_member(const struct node *n, const char *key);

/* Types a plain YAML scalar by YAML 1.1's core rules, as sigs.k8s.io/yaml does. */
void node_resolve_plain(struct node *n);

/* The second of two members of a map with the same key, or NULL. */
const struct node *node_duplicate(struct arena *arena, const struct node *map);

/* Where the tree of a document goes, and what is to be said about it. root is NULL if the text could
 * not be read, and then p has the reason. False from the callback ends the reading. */
typedef bool (*node_document_fn)(void *ctx, unsigned document, unsigned line, const struct node *root,
				 const struct decode_problem *p);

/* Both reset the arena before each document. */
void node_read_yaml(struct arena *arena, const struct decode_limits *limits, const char *text,
		    size_t len, node_document_fn fn, void *ctx);
void node_read_json(struct arena *arena, const struct decode_limits *limits, const char *text,
		    size_t len, node_document_fn fn, void *ctx);
/* Strings are borrowed from the object. False: *ret_problem says why. */
bool node_from_json(struct arena *arena, const struct decode_limits *limits, struct json_object *object,
		    struct node **ret, struct decode_problem *ret_problem);
