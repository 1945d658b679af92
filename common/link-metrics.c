/* Prometheus lines of links. Used by every stage that has a neighbour. */
#include <inttypes.h>
#include <stddef.h>

#include "common/cleanup.h"
#include "common/link.h"

struct row {
	const char *name, *type, *help;
	size_t offset; /* in struct link_counters */
};

#define COUNTER(name, member, help)                                                                \
	{ "portolan_link_" name, "counter", help, offsetof(struct link_counters, member) }
#define GAUGE(name, member, help)                                                                  \
	{ "portolan_link_" name, "gauge", help, offsetof(struct link_counters, member) }

static const struct row rows[] = {
	COUNTER("connects_total", connects, "Times that the peer connected."),
	COUNTER("disconnects_total", disconnects, "Times that the peer was lost."),
	COUNTER("resyncs_asked_total", resyncs_asked, "Snapshots asked of the peer."),
	COUNTER("resyncs_sent_total", resyncs_sent, "Snapshots sent because the peer asked."),
	COUNTER("rejected_frames_total", rejected_frames, "Frames that could not be taken."),
	COUNTER("frames_in_total", frames_in, "Frames received."),
	COUNTER("frames_out_total", frames_out, "Frames sent."),
	COUNTER("bytes_in_total", bytes_in, "Bytes received."),
	COUNTER("bytes_out_total", bytes_out, "Bytes sent."),
	COUNTER("snapshots_in_total", snapshots_in, "Snapshots received and applied."),
	COUNTER("snapshots_out_total", snapshots_out, "Snapshots sent."),
	COUNTER("deltas_in_total", deltas_in, "Deltas received and applied."),
	COUNTER("deltas_out_total", deltas_out, "Deltas sent."),
	GAUGE("pending_keys", pending_keys, "Items that changed and were not sent yet."),
	GAUGE("unsendable_items", unsendable_items, "Items that are too large for a frame."),
};

static void head(struct strbuf *b, const char *name, const char *type, const char *help)
{
	strbuf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Names of links are our own words: nothing in them has to be escaped. */
static void line(struct strbuf *b, const char *name, const struct link *l, uint64_t value)
{
	strbuf_printf(b, "%s{link=\"%s\"} %" PRIu64 "\n", name, link_name(l), value);
}

void link_metrics_all(struct link *const *links, size_t n, struct strbuf *b)
{
	static const char connected[] = "portolan_link_connected";
	static const char synced[] = "portolan_link_in_sync";

	head(b, connected, "gauge", "Whether the peer is connected.");
	for (size_t i = 0; i < n; i++)
		line(b, connected, links[i], link_connected(links[i]));
	head(b, synced, "gauge", "Whether the peer has acknowledged all that was committed.");
	for (size_t i = 0; i < n; i++)
		line(b, synced, links[i], link_in_sync(links[i]));
	for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
		head(b, rows[k].name, rows[k].type, rows[k].help);
		for (size_t i = 0; i < n; i++) {
			const char *counters = (const char *)link_counters(links[i]);

			line(b, rows[k].name, links[i],
			     *(const uint64_t *)(const void *)(counters + rows[k].offset));
		}
	}
}

void link_metrics(const struct link *l, struct strbuf *b)
{
	struct link *const links[] = { (struct link *)l };

	link_metrics_all(links, 1, b);
}
