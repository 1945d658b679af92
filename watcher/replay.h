/* A recording as a source: what another watcher held, at its times or faster. */
#pragma once

#include "common/control.h"
#include "common/event-loop.h"
#include "common/options.h"
#include "watcher/source.h"
#include "watcher/store.h"

struct replay_config {
	struct option_list files;
	const char *speed; /* NULL or "1": as it was; "N", "max", "step" */
	const char *until; /* NULL: all of it; else as common/recording-moment.h reads it */
};

/* position: path of the file in which it remembers how far it got, so that a watcher that starts again
 * does not go back in time. Has logged why if it fails. */
int replay_new(struct event_loop *loop, struct control *control, struct store *store,
	       const struct replay_config *config, const char *position, struct source **ret);
