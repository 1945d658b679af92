/* The sources of a state, as a number: two states of different folders, clusters or classes differ
 * in it. The stage that knows a source notes it in RUNTIME/sources/STAGE, so that another stage
 * that kept a state can tell whether the state is of the present sources. */
#pragma once

#include <stdint.h>

#include "common/daemon/daemon.h"

/* Call it before the sandbox is entered: makes the folder, and lets the stage read or write
 * there. */
void origin_allow(const struct daemon *d, struct sandbox_paths *paths, bool write);
/* The number of both; 0 if one is 0, which is not known. */
uint64_t origin_join(uint64_t a, uint64_t b);
/* Notes the stage's sources; returns their number. If the file cannot be written, that is
 * logged. */
uint64_t origin_note(const struct daemon *d, const char *text);
/* The number that a stage noted (0: it noted none), with its text if ret_text is not NULL (the
 * caller's). */
uint64_t origin_noted(const struct daemon *d, const char *stage, char **ret_text);
