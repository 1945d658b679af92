/* The part of YAML that most manifests are written in, read without libyaml: printable ASCII, block
 * mappings and lists, plain and quoted scalars of one line, flow collections of one line.
 * Everything else is left to libyaml, and so is every error. Inside libdecode only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The parts found, in the order of the text. Lines are counted from 0. A key of a mapping is a
 * plain scalar. False ends the reading. */
struct plain_ops {
	bool (*open)(void *ctx, bool map, unsigned line);
	bool (*close)(void *ctx, unsigned line);
	/* quoted: a string, whatever its form. Not terminated. */
	bool (*scalar)(void *ctx, const char *text, size_t len, bool quoted, unsigned line);
};

/* One document, with or without its "---". False: the text has to be read by libyaml, from its
 * beginning; what was found is void. True: libyaml would have found just this. */
bool plain_read(const char *text, size_t len, const struct plain_ops *ops, void *ctx);
