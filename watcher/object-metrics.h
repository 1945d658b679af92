/* Verdicts on objects and their problems, counted. */
#pragma once

#include "common/base/strbuf.h"
#include "common/link/state.h"

/* statuses: of the translator; notes: the watcher's own. Values are ObjectStatus (proto/ipc.proto).
 */
void object_metrics(const struct state *statuses, const struct state *notes, struct strbuf *out);
