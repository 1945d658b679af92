/* Writes a document of maps, lists and scalars as JSON or as YAML in block style, value by value
 * and in the order given: the same calls make the same bytes.
 *
 *	document_map(d); document_key(d, "name"); document_string(d, "x", 1); document_end(d);
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/strbuf.h"

enum document_format {
	DOCUMENT_JSON, /* indented */
	DOCUMENT_LINE, /* JSON without spaces, in one line */
	DOCUMENT_YAML,
};

/* Maps and lists inside each other; going deeper is a bug of the caller. */
#define DOCUMENT_DEPTH_MAX 160

struct document_level {
	bool list;
	uint8_t lead; /* written before its first item */
	unsigned indent;
	size_t items;
};

struct document {
	struct strbuf *out;
	enum document_format format;
	unsigned depth;
	struct document_level levels[DOCUMENT_DEPTH_MAX];
};

/* out is borrowed, and appended to. */
void document_init(struct document *d, struct strbuf *out, enum document_format format);

void document_map(struct document *d);
void document_list(struct document *d);
/* Ends the map or list that was begun last; the outermost one ends the document, with a newline. */
void document_end(struct document *d);

/* Call it before each value in a map. */
void document_key(struct document *d, const char *key);
void document_key_n(struct document *d, const char *key, size_t n);

void document_string(struct document *d, const char *s);
void document_string_n(struct document *d, const char *s, size_t n);
void document_bool(struct document *d, bool value);
void document_int(struct document *d, int64_t value);
void document_uint(struct document *d, uint64_t value);
void document_null(struct document *d);
/* A key and its value, in a map. */
void document_put_string(struct document *d, const char *key, const char *value);
void document_put_bool(struct document *d, const char *key, bool value);
void document_put_int(struct document *d, const char *key, int64_t value);
void document_put_uint(struct document *d, const char *key, uint64_t value);
/* A list of the lines' strings. */
void document_put_lines(struct document *d, const char *key, const char *lines);
/* A finite number in the fewest digits that read back as the same double. */
void document_double(struct document *d, double value);
