/* The life of the last worlds. */
#include "xds-server/change-log.h"
#include "common/base/clock.h"

/* A world of a recording, or one that was kept over a restart, is older than this when it arrives:
 * its number is not the moment of an event that anyone waited for. */
#define LIVE_USEC (60 * (int64_t)USEC_PER_SEC)

static bool is_live(const struct change *c)
{
	int64_t event = (int64_t)c->world;

	return event <= c->arrived_usec && c->arrived_usec - event < LIVE_USEC;
}

void change_log_arrived(struct change_log *l, uint64_t world, int64_t now)
{
	l->all[l->n++ % CHANGE_LOG_MAX] = (struct change){ .world = world, .arrived_usec = now };
}

void change_log_acked(struct change_log *l, uint64_t before, uint64_t world, int64_t connected_usec,
		      int64_t now)
{
	size_t kept = MIN(l->n, (size_t)CHANGE_LOG_MAX);

	for (size_t back = 0; back < kept; back++) {
		struct change *c = &l->all[(l->n - 1 - back) % CHANGE_LOG_MAX];

		if (c->world <= before || c->arrived_usec < connected_usec)
			break;
		if (c->world > world)
			continue;
		if (!c->envoys++)
			c->first_ack_usec = now;
		c->last_ack_usec = now;
		if (is_live(c))
			metric_observe(&l->event_to_ack,
				       (double)(now - (int64_t)c->world) / USEC_PER_SEC);
	}
}

void change_log_document(const struct change_log *l, struct document *d)
{
	size_t kept = MIN(l->n, (size_t)CHANGE_LOG_MAX);

	document_list(d);
	for (size_t back = 0; back < kept; back++) {
		const struct change *c = &l->all[(l->n - 1 - back) % CHANGE_LOG_MAX];

		document_map(d);
		document_put_uint(d, "world", c->world);
		document_put_bool(d, "live", is_live(c));
		document_put_int(d, "arrived_usec", c->arrived_usec);
		document_put_int(d, "first_ack_usec", c->first_ack_usec);
		document_put_int(d, "last_ack_usec", c->last_ack_usec);
		document_put_uint(d, "envoys", c->envoys);
		document_end(d);
	}
	document_end(d);
}
