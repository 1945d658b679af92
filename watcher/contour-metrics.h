/* Contour's metrics under Contour's names (--contour-metrics), for its dashboards and alerts:
 * https://projectcontour.io/docs/main/guides/prometheus/ */
#pragma once

#include <stdint.h>

#include "common/base/strbuf.h"
#include "common/link/state.h"

/* objects: of the store; statuses: of the translator. commits: changes of the objects so far;
 * world: when the latest was, microseconds of real time. Unpacks every HTTPProxy. */
void contour_metrics(const struct state *objects, const struct state *statuses, uint64_t commits,
		     uint64_t world, struct strbuf *out);
