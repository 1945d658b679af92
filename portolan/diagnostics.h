/* Problems of objects from files, as compilers write them:
 *
 *	FILE:LINE:COLUMN: warning: Ingress default/web: spec.rules[0].host: … [Reason]
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/strbuf.h"
#include "common/link/state.h"

struct diagnostics_counts {
	size_t objects, accepted, partial, rejected, ignored;
	size_t errors, warnings;
};

/* statuses: of the translator; notes: of the watcher. Both have items with an ObjectStatus
 * (proto/ipc.proto). The lines are in order of files and lines. */
void diagnostics_write(const struct state *statuses, const struct state *notes, struct strbuf *out,
		       struct diagnostics_counts *ret);
/* "12 objects: 11 accepted, 1 rejected; 1 error, 2 warnings", a line. */
void diagnostics_summary(const struct diagnostics_counts *c, struct strbuf *out);
