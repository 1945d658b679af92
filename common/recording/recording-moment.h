/* A moment in a recording, as people give it: "start", "end", a time ("2026-01-31T12:00:00.5Z",
 * UTC), a time since the first transfer ("+90s", "+1.5m", "+2h") or the number of a world (a
 * source, see common/link/state.h). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum moment_kind {
	MOMENT_END,
	MOMENT_START,
	MOMENT_TIME,   /* usec, realtime */
	MOMENT_OFFSET, /* usec, since the first transfer */
	MOMENT_SOURCE,
};

struct recording_moment {
	enum moment_kind kind;
	int64_t usec;
	uint64_t source;
};

/* -EINVAL if it has another form. */
int recording_moment_parse(const char *word, struct recording_moment *ret);
/* Whether a transfer comes after the moment. first_usec: the time of the recording's first
 * transfer, which is never after it. */
bool recording_moment_before(const struct recording_moment *m, int64_t first_usec, int64_t usec,
			     uint64_t source);

#define RECORDING_TIME_SIZE 40
/* "2026-01-31T12:00:00.500000Z" */
const char *recording_time(int64_t usec, char out[RECORDING_TIME_SIZE]);
