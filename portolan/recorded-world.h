/* The objects as they were at a moment of a recording. */
#pragma once

#include "common/link/frame-stream.h"
#include "common/link/state.h"
#include "common/recording/recording-moment.h"
#include "common/recording/recording.h"

struct recorded_world {
	struct recording_reader *reader;
	struct state *mirror;
	int64_t first_usec, usec;
	uint64_t transfers;
	bool too_early, too_late; /* the wanted moment is not in the recording */
};

/* why: at least FRAME_REASON_MAX bytes. */
int recorded_world_open(struct recorded_world *w, const char *const *paths, size_t n, char *why);
void recorded_world_close(struct recorded_world *w);
/* Reads on up to the moment: 0, -ENODATA if the recording has no world, -errno. A moment before the
 * first world means that world, one after the last the last. */
int recorded_world_go_to(struct recorded_world *w, const struct recording_moment *m);
/* Which world it is, on stderr. */
void recorded_world_say(const struct recorded_world *w);
