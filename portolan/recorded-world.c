/* The objects at a moment of a recording. Runs in the portolan command. */
#include <errno.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "portolan/recorded-world.h"

int recorded_world_open(struct recorded_world *w, const char *const *paths, size_t n, char *why)
{
	*w = (struct recorded_world){ .mirror = state_new() };
	return recording_reader_new(paths, n, "watcher", w->mirror, &w->reader, why);
}

void recorded_world_close(struct recorded_world *w)
{
	recording_reader_free(w->reader);
	state_free(w->mirror);
}

/* The end and the start are always in it. */
static bool is_before(const struct recorded_world *w, const struct recording_moment *m)
{
	return m->kind != MOMENT_START &&
	       recording_moment_before(m, w->first_usec, w->usec, state_source(w->mirror));
}

static bool is_after(const struct recorded_world *w, const struct recording_moment *m)
{
	switch (m->kind) {
	case MOMENT_TIME:
		return m->usec > w->usec;
	case MOMENT_OFFSET:
		return m->usec > w->usec - w->first_usec;
	case MOMENT_SOURCE:
		return m->source > state_source(w->mirror);
	default:
		return false;
	}
}

int recorded_world_go_to(struct recorded_world *w, const struct recording_moment *m)
{
	uint64_t source;
	int64_t usec;
	int r;

	while ((r = recording_reader_peek(w->reader, &usec, &source)) > 0) {
		if (w->transfers && recording_moment_before(m, w->first_usec, usec, source))
			break;
		r = recording_reader_next(w->reader, &usec);
		if (r <= 0)
			break;
		if (!w->transfers++)
			w->first_usec = usec;
		w->usec = usec;
	}
	if (r < 0)
		return r;
	if (!w->transfers)
		return -ENODATA;
	w->too_early = is_before(w, m);
	w->too_late = r == 0 && is_after(w, m);
	return 0;
}

void recorded_world_say(const struct recorded_world *w)
{
	const struct recording_damage *d = recording_reader_damage(w->reader);
	char time[RECORDING_TIME_SIZE];

	(void)fprintf(stderr, "world %llu of %s (change %llu)\n",
		      (unsigned long long)state_source(w->mirror), recording_time(w->usec, time),
		      (unsigned long long)w->transfers);
	if (w->too_early)
		(void)fprintf(stderr, "the moment is before the recording begins: this is its "
				      "first world\n");
	if (w->too_late)
		(void)fprintf(stderr,
			      "the moment is after the recording ends (%+.6fs from its "
			      "start): this is its last world\n",
			      (double)(w->usec - w->first_usec) / USEC_PER_SEC);
	if (d->bad_blocks || d->lost_transfers)
		(void)fprintf(stderr,
			      "the recording is damaged before that: %llu changes are lost\n",
			      (unsigned long long)d->lost_transfers);
}
