/* Logs each new problem of an object once, as the translator's statuses come in; and bounds the
 * messages about problems in all. */
#pragma once

#include "common/base/log.h"
#include "common/link/state.h"

struct status_log {
	struct log_limit limit;
	bool unbounded; /* a single reading logs everything */
	bool silent;    /* logs nothing */
};

/* May there be another line now? Says how many there were not. */
bool status_log_pass(struct status_log *l);

/* before and after: ObjectStatus items, as a state's observer gets them. objects: where they came
 * from. */
void status_log_change(struct status_log *l, const struct state *objects, const struct item *before,
		       const struct item *after);
