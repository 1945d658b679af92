/* The typed core of the decoder: a tree and a descriptor become a message. Inside libdecode only. */
#pragma once

#include "common/decode-node.h"
#include "common/decode-schema.h"

struct path {
	const struct path *parent;
	const char *key; /* NULL: index */
	size_t key_len;
	size_t index;
	bool in_map; /* key of a map, printed in brackets */
};

struct problems {
	struct arena *arena;
	unsigned max;
	struct decode_problem *list;
	size_t n, cap;
	size_t dropped;
	bool failed; /* one of them is an error */
};

/* The arena is new or was reset. */
void problems_begin(struct problems *p, struct arena *arena, unsigned max);
void problems_add(struct problems *p, bool error, const char *reason, const struct path *path,
		  unsigned line, const char *fmt, ...) _printf_(6, 7);
/* Says how many were left out. */
void problems_end(struct problems *p);

/* Never NULL: what could not be taken is left out and is among the problems. node is a map. Strings
 * are borrowed from the tree. */
ProtobufCMessage *message_from_node(struct arena *arena, struct schemas *schemas,
				    const ProtobufCMessageDescriptor *type, const struct node *node,
				    const struct path *path, struct problems *problems);

/* Brings a message that was unpacked from Kubernetes' protobuf into the same form: no unknown fields,
 * no zero where zero means absent, maps sorted. False: a string is not UTF-8. */
bool message_canonical(struct schemas *schemas, ProtobufCMessage *m);
