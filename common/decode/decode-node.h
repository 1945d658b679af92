/* The tree of one document, the same for JSON and YAML: the input of the decoder's typed core. In
 * the decoder's arena. Inside libdecode only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/decode/decode.h"

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
	uint32_t line; /* from 1; 0 if not known (JSON) */
	uint32_t len;  /* of text */
	uint32_t key_len;
	uint32_t n;       /* children */
	uint32_t weight;  /* values in here, itself included */
	size_t bytes;     /* of text and keys in here, aliases written out (YAML) */
	const char *text; /* NODE_STRING; for other scalars the text as written */
	const char *key;  /* in a map */
	struct node *next;
	union {
		struct node *first; /* NODE_MAP, NODE_LIST */
		int64_t integer;    /* NODE_INT, NODE_BOOL */
		double number;      /* NODE_FLOAT */
	};
};

/* For a text that contains "{{". */
#define DECODE_TEMPLATE_HINT "looks like a template: render it first (helm template)"

/* "a string", "a number"… */
const char *node_type_name(const struct node *n);
bool node_key_is(const struct node *n, const char *key);
/* NULL if absent, or if n is not a map. */
const struct node *node_member(const struct node *n, const char *key);

/* Kubernetes takes 8080.0 and 8.08e3 for 8080, as YAML does when it becomes JSON. */
void node_set_number(struct node *n, double number);

/* Types a plain YAML scalar by YAML 1.1's core rules, as sigs.k8s.io/yaml does. */
void node_resolve_plain(struct node *n);

/* The second of two members of a map with the same key, or NULL. */
const struct node *node_duplicate(struct arena *arena, const struct node *map);

/* Receives the tree of a document and its problems. root is NULL if the text could not be read; p
 * then has the reason. The callback may change the tree. False from it ends the reading. */
typedef bool (*node_document_fn)(void *ctx, unsigned document, unsigned line, struct node *root,
				 const struct decode_problem *p);

/* All of these reset the arena before each document. */
void node_read_yaml(struct arena *arena, const struct decode_limits *limits, const char *text,
		    size_t len, node_document_fn fn, void *ctx);
/* node_read_yaml() by libyaml alone, which finds the same: for tests. */
void node_read_libyaml(struct arena *arena, const struct decode_limits *limits, const char *text,
		       size_t len, node_document_fn fn, void *ctx);
void node_read_json(struct arena *arena, const struct decode_limits *limits, const char *text,
		    size_t len, node_document_fn fn, void *ctx);
/* Strings are borrowed from the object. False: *ret_problem says why. */
bool node_from_json(struct arena *arena, const struct decode_limits *limits,
		    struct json_object *object, struct node **ret,
		    struct decode_problem *ret_problem);
