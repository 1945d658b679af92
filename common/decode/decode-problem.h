/* What is wrong in a document, and where. Inside libdecode only. */
#pragma once

#include "common/base/arena.h"
#include "common/decode/decode.h"

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
