/* Metrics of links. Used by every stage that has a neighbour. */
#include <stddef.h>

#include "common/base/cleanup.h"
#include "common/base/metric.h"
#include "common/link/link.h"

static const struct {
	enum metric metric;
	size_t offset; /* in struct link_counters */
} rows[] = {
	{ METRIC_LINK_CONNECTS, offsetof(struct link_counters, connects) },
	{ METRIC_LINK_DISCONNECTS, offsetof(struct link_counters, disconnects) },
	{ METRIC_LINK_RESYNCS_ASKED, offsetof(struct link_counters, resyncs_asked) },
	{ METRIC_LINK_RESYNCS_SENT, offsetof(struct link_counters, resyncs_sent) },
	{ METRIC_LINK_REJECTED_FRAMES, offsetof(struct link_counters, rejected_frames) },
	{ METRIC_LINK_FRAMES_IN, offsetof(struct link_counters, frames_in) },
	{ METRIC_LINK_FRAMES_OUT, offsetof(struct link_counters, frames_out) },
	{ METRIC_LINK_BYTES_IN, offsetof(struct link_counters, bytes_in) },
	{ METRIC_LINK_BYTES_OUT, offsetof(struct link_counters, bytes_out) },
	{ METRIC_LINK_SNAPSHOTS_IN, offsetof(struct link_counters, snapshots_in) },
	{ METRIC_LINK_SNAPSHOTS_OUT, offsetof(struct link_counters, snapshots_out) },
	{ METRIC_LINK_DELTAS_IN, offsetof(struct link_counters, deltas_in) },
	{ METRIC_LINK_DELTAS_OUT, offsetof(struct link_counters, deltas_out) },
	{ METRIC_LINK_PENDING_KEYS, offsetof(struct link_counters, pending_keys) },
	{ METRIC_LINK_UNSENDABLE_ITEMS, offsetof(struct link_counters, unsendable_items) },
};

void link_metrics_all(struct link *const *links, size_t n, struct strbuf *b)
{
	metric_family(b, METRIC_LINK_CONNECTED);
	for (size_t i = 0; i < n; i++)
		metric_sample(b, METRIC_LINK_CONNECTED, link_connected(links[i]),
			      link_name(links[i]));
	metric_family(b, METRIC_LINK_IN_SYNC);
	for (size_t i = 0; i < n; i++)
		metric_sample(b, METRIC_LINK_IN_SYNC, link_in_sync(links[i]), link_name(links[i]));
	for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
		metric_family(b, rows[k].metric);
		for (size_t i = 0; i < n; i++) {
			const char *counters = (const char *)link_counters(links[i]);

			metric_sample(b, rows[k].metric,
				      *(const uint64_t *)(const void *)(counters + rows[k].offset),
				      link_name(links[i]));
		}
	}
}

void link_metrics(const struct link *l, struct strbuf *b)
{
	struct link *const links[] = { (struct link *)l };

	link_metrics_all(links, 1, b);
}
