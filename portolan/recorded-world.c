/* The objects at a moment of a recording. Runs in the portolan command. */
#include <errno.h>
#include <stdio.h>

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
	return w->transfers ? 0 : -ENODATA;
}

void recorded_world_say(const struct recorded_world *w)
{
	const struct recording_damage *d = recording_reader_damage(w->reader);
	char time[RECORDING_TIME_SIZE];

	(void)fprintf(stderr, "world %llu of %s (change %llu)\n", (unsigned long long)state_source(w->mirror),
		      recording_time(w->usec, time), (unsigned long long)w->transfers);
	if (d->bad_blocks || d->lost_transfers)
		(void)fprintf(stderr, "the recording is damaged before that: %llu changes are lost\n",
			      (unsigned long long)d->lost_transfers);
}
