/* Warm start: the last complete world in a file of the runtime directory, as frames of the link: a
 * snapshot, and a delta for each commit after it. Written behind the answers to Envoys, so that even
 * a kill loses nothing but what was being written; rewritten in small steps when the deltas outgrow
 * the snapshot. */
#pragma once

#include "common/event-loop.h"
#include "common/state.h"
#include "common/strbuf.h"

struct saved_state;

#define SAVED_STATE_ERROR_MAX 640

/* Reads the file into a new state, which is complete. -ENOENT: there is none. Otherwise error says why
 * in a sentence: it is not ours, not such a file, or damaged. An end in the middle of a frame is the
 * mark of a kill: what is complete before it counts. */
int saved_state_load(const char *path, char error[SAVED_STATE_ERROR_MAX], struct state **ret);

/* Keeps the file up to date with the state from here on. path is borrowed. */
struct saved_state *saved_state_new(struct event_loop *loop, const char *path, struct state *state);
/* Writes what is left to write. */
void saved_state_free(struct saved_state *s);
DEFINE_CLEANUP(struct saved_state *, saved_state_free)
/* All that was committed is in the file. */
bool saved_state_current(const struct saved_state *s);
/* "" or why the file cannot be written at present. */
const char *saved_state_error(const struct saved_state *s);
void saved_state_metrics(const struct saved_state *s, struct strbuf *b);
