/* Warm start: the last complete world in a file of the runtime directory, as frames of the link: a
 * snapshot, and a delta for each commit after it. It is written after the answers to Envoys. A kill
 * loses only the frames being written. The file is rewritten in small steps when the deltas outgrow
 * the snapshot. */
#pragma once

#include "common/base/event-loop.h"
#include "common/base/strbuf.h"
#include "common/link/state.h"

struct saved_state;

#define SAVED_STATE_ERROR_MAX 640

/* Reads the file into a new state, which is complete. -ENOENT: there is no file. Otherwise error
 * says why in a sentence: it is not ours, not such a file, or damaged. An end in the middle of a
 * frame is the mark of a kill: the complete frames before it count. */
int saved_state_load(const char *path, char error[SAVED_STATE_ERROR_MAX], struct state **ret);

/* Keeps the file up to date with the state from here on. path is borrowed. */
struct saved_state *saved_state_new(struct event_loop *loop, const char *path, struct state *state);
/* Writes the rest first. */
void saved_state_free(struct saved_state *s);
DEFINE_CLEANUP(struct saved_state *, saved_state_free)
/* All that was committed is in the file. */
bool saved_state_current(const struct saved_state *s);
/* "" or why the file cannot be written at present. */
const char *saved_state_error(const struct saved_state *s);
void saved_state_metrics(const struct saved_state *s, struct strbuf *b);
