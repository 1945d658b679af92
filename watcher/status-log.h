/* Says each new problem of an object once, as the translator's statuses come in. */
#pragma once

#include "common/log.h"
#include "common/state.h"

struct status_log {
	struct log_limit limit;
};

/* before and after: ObjectStatus items, as a state's observer gets them. objects: where they came
 * from. */
void status_log_change(struct status_log *l, const struct state *objects, const struct item *before,
		       const struct item *after);
