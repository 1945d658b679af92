/* A recording as a source: another watcher's objects, at the recorded times or faster. */
#pragma once

#include "common/base/event-loop.h"
#include "common/base/options.h"
#include "common/daemon/control.h"
#include "watcher/source.h"
#include "watcher/store.h"

struct replay_config {
	struct option_list files;
	const char *speed; /* NULL or "1": as it was; "N", "max", "step" */
	const char
		*until; /* NULL: to the end; else as common/recording/recording-moment.h reads it */
};

/* position: path of the file that remembers the place reached, so that a watcher that starts again
 * does not go back in time. On failure, logs why. */
int replay_new(struct event_loop *loop, struct control *control, struct store *store,
	       const struct replay_config *config, const char *position, struct source **ret);
