/* Logs when a neighbouring stage has gone and when it is back. A stage that returns within two
 * seconds, as after a crash, is only worth a debug line: the supervisor has logged that it ended.
 * So a restart is one line, and a stage that keeps restarting does not fill the logs of the
 * others. */
#pragma once

#include <stdbool.h>

#include "common/base/event-loop.h"

struct neighbour;

/* name: "the watcher". consequence: the effect of its absence, "what is known stays". Both are
 * borrowed. */
struct neighbour *neighbour_new(struct event_loop *loop, const char *name, const char *consequence);
void neighbour_free(struct neighbour *n);
/* why: the reason of a loss in words; may be NULL. */
void neighbour_changed(struct neighbour *n, bool connected, const char *why);
