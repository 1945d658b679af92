/* Objects that crash the translator. The object being read is noted in a small file that is
 * mapped into memory, so that the note survives a crash. An object that was being read at two
 * crashes, with the same content, is set aside until it changes. An object that is read without
 * harm between two crashes is innocent. */
#pragma once

#include <stdbool.h>

#include "common/base/cleanup.h"
#include "common/decode/object-kind.h"
#include "common/link/state.h"

struct poison;

/* Opens the file at path, or makes it; counts the object that a former process was reading when it
 * died. -errno: it cannot be made, and there is no protection. A damaged file is replaced. */
int poison_open(const char *path, struct poison **ret);
/* A clean end: no object was being read. */
void poison_close(struct poison *p);
DEFINE_CLEANUP(struct poison *, poison_close)

/* The object is being read from now until the next call. NULL: none. Costs a copy of its key. p may
 * be NULL. */
void poison_reading(struct poison *p, const struct item *object);
/* All due objects have been read: those read in this run are no longer suspected. Without this,
 * kills from outside would add up and set an object aside. */
void poison_survived(struct poison *p);
/* Whether this object, with this content, is set aside. */
bool poison_is(const struct poison *p, const struct item *object);
unsigned poison_count(const struct poison *p);
