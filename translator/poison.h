/* Objects that crash the translator. What is being read is noted in a small file that is mapped into
 * memory, so that it survives a crash; an object that was being read when the translator died, twice
 * with the same content, is set aside until it changes. What is read without harm between the two was
 * only there when something else ended the translator. */
#pragma once

#include <stdbool.h>

#include "common/cleanup.h"
#include "common/object-kind.h"
#include "common/state.h"

struct poison;

/* Opens the file at path, or makes it; what a former process was reading when it died is counted now.
 * -errno: cannot be made, and there is then no protection. A damaged file is begun anew. */
int poison_open(const char *path, struct poison **ret);
/* A clean end: nothing was being read. */
void poison_close(struct poison *p);
DEFINE_CLEANUP(struct poison *, poison_close)

/* The object is read from now on, until the next call. NULL: none is. Costs a copy of its key. p may be
 * NULL. */
void poison_reading(struct poison *p, const struct item *object);
/* All that was due was read: objects of this life's reading that were suspected are so no more. Without
 * it, kills from outside would add up to an object set aside. */
void poison_survived(struct poison *p);
/* Whether this object, with this content, is set aside. */
bool poison_is(const struct poison *p, const struct item *object);
unsigned poison_count(const struct poison *p);
