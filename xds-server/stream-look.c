/* Read-only views of a stream for the rest of xds-server. */
#include "common/base/clock.h"
#include "xds-server/stream.h"

enum stream_stand stream_stand(const struct stream *s, struct resource *r)
{
	const struct subscription *sub = s->subs[r->kind];
	struct entry now, *e = &now;

	if (!sub || !stream_sees(s, r))
		return STAND_NONE;
	if (stream_serves(s, r) != r)
		return STAND_OTHER;
	if (!subscription_look(sub, resource_base(r), &now))
		return sub->wildcard ? STAND_UNDECIDED : STAND_NONE;
	if (e->flags & (ENTRY_IN_FLIGHT | ENTRY_QUEUED) || e->have != r->version)
		return STAND_UNDECIDED;
	if (e->flags & ENTRY_REJECTED)
		return STAND_REFUSES;
	return e->flags & ENTRY_HELD ? STAND_ACCEPTS : STAND_UNDECIDED;
}

bool stream_stalled(const struct stream *s)
{
	uint64_t floor = FLOOR_NONE;
	int64_t at;

	for (unsigned k = 0; k < RESOURCE_KIND_MAX_; k++)
		if (s->subs[k])
			floor = MIN(floor, floors_min(&s->subs[k]->all));
	if (floor == FLOOR_NONE)
		return false;
	/* Its own subscriptions are as old as the stream at most. */
	at = floor ? resource_store_time_of(s->c.store, floor) : s->opened;
	return s->c.clock() - MAX(at, s->opened) > STREAM_STALLED_USEC;
}

uint32_t stream_rejected(const struct stream *s)
{
	uint32_t n = 0;

	for (unsigned k = 0; k < RESOURCE_KIND_MAX_; k++)
		n += s->subs[k] ? s->subs[k]->rejected : 0;
	return n;
}

size_t stream_names(const struct stream *s)
{
	size_t n = 0;

	for (unsigned k = 0; k < RESOURCE_KIND_MAX_; k++)
		n += s->subs[k] ? s->subs[k]->n : 0;
	return n;
}

size_t stream_outstanding(const struct stream *s)
{
	size_t n = 0;

	for (unsigned k = 0; k < RESOURCE_KIND_MAX_; k++)
		if (s->subs[k])
			for (size_t i = 0; i < s->subs[k]->all.n; i++)
				n += s->subs[k]->all.f[i].count;
	return n;
}
