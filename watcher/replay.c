/* Plays a recording into the store: each of its transfers becomes a commit with the recorded world
 * number, so that all stages repeat their work. Runs in portolan-watcher --replay. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/incident.h"
#include "common/base/log.h"
#include "common/base/metric.h"
#include "common/link/frame.h"
#include "common/recording/recording-moment.h"
#include "common/recording/recording.h"
#include "watcher/replay.h"

/* Plays for this long at a time, then the loop looks at its sockets again. */
#define TURN_USEC (10 * USEC_PER_MSEC)

struct replay {
	struct source source;
	struct store *store;
	struct state *mirror; /* the recording's state at the present place */
	struct state_observer observer;
	struct recording_reader *reader;
	struct recording_moment until;
	double speed; /* 0: as fast as it can be read */
	bool stepping, complete, ended;
	struct event *timer;
	int64_t first_usec, last_usec; /* of the recording */
	int64_t began;                 /* monotonic: when first_usec was */
	uint64_t transfers, world, resume;
	char *position;
	int error;
};

static struct replay *replay_of(const struct source *s)
{
	return (struct replay *)s;
}

/* ---- where it was ---- */

/* "ID WORLD": which recording, and how far. */
static void recall(struct replay *r)
{
	uint64_t id, world;
	char text[64] = "";
	int fd = open(r->position, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		(void)close(fd);
	if (n > 0 && sscanf(text, "%" SCNu64 " %" SCNu64, &id, &world) == 2 &&
	    id == recording_reader_header(r->reader)->id)
		r->resume = world;
}

static void remember(const struct replay *r)
{
	_cleanup_free_ char *aside = xasprintf("%s.new", r->position);
	FILE *f = fopen(aside, "we");
	bool good = f && fprintf(f, "%" PRIu64 " %" PRIu64 "\n",
				 recording_reader_header(r->reader)->id, r->world) > 0;

	if (f)
		good = fclose(f) == 0 && good;
	if (!good || rename(aside, r->position) < 0)
		incident(incident_is_descriptors(-errno) ? INCIDENT_DESCRIPTORS : INCIDENT_STORAGE,
			 "replay",
			 "cannot write %s: %s; a watcher that starts again begins at the start",
			 r->position, strerror(errno));
}

/* ---- playing ---- */

static void on_change(void *ctx, struct item *before, struct item *after)
{
	struct replay *r = ctx;

	if (after)
		store_put(r->store, item_ref(after));
	else
		store_remove(r->store, before->kind, item_key(before), before->key_len);
}

static void end(struct replay *r, int error)
{
	const struct recording_damage *d = recording_reader_damage(r->reader);

	r->ended = true;
	r->error = error;
	if (error < 0)
		log_error_errno(error, "the recording cannot be read on: %m; its last state stays");
	else
		log_info("the recording is at its end after %" PRIu64
			 " changes; its last state stays",
			 r->transfers);
	if (d->bad_blocks || d->torn_bytes || d->lost_transfers)
		log_warning("the recording is damaged: %" PRIu64 " blocks, %" PRIu64
			    " changes lost, %" PRIu64 " bytes torn",
			    d->bad_blocks, d->lost_transfers, d->torn_bytes);
}

/* Whether there is a next transfer, and when it is. */
static bool look(struct replay *r, int64_t *ret_usec, uint64_t *ret_world)
{
	int result;

	if (r->ended)
		return false;
	result = recording_reader_peek(r->reader, ret_usec, ret_world);
	if (result > 0 && r->transfers &&
	    recording_moment_before(&r->until, r->first_usec, *ret_usec, *ret_world))
		result = 0;
	if (result <= 0)
		end(r, result);
	return result > 0;
}

/* Plays the next transfer; transfers played before this start of the watcher are not committed one
 * by one. */
static bool play(struct replay *r)
{
	int64_t usec;
	int result = recording_reader_next(r->reader, &usec);

	if (result <= 0) {
		end(r, result);
		return false;
	}
	if (!r->transfers++) {
		r->first_usec = usec;
		r->began = clock_monotonic();
	}
	r->last_usec = usec;
	r->world = state_source(r->mirror);
	if (r->world < r->resume)
		return true;
	r->complete = true;
	store_commit_world(r->store, r->world);
	return true;
}

/* Until it is the turn of a transfer at usec. */
static int64_t wait_for(const struct replay *r, int64_t usec)
{
	int64_t due;

	if (!r->transfers || r->speed <= 0 || r->world < r->resume)
		return 0;
	due = r->began + (int64_t)((double)(usec - r->first_usec) / r->speed);
	return due - clock_monotonic();
}

/* After a resumption the clock runs from the place reached. */
static void set_clock(struct replay *r)
{
	if (r->resume && r->world >= r->resume) {
		if (r->speed > 0)
			r->began = clock_monotonic() -
				   (int64_t)((double)(r->last_usec - r->first_usec) / r->speed);
		r->resume = 0;
	}
}

static void on_turn(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	int64_t began = clock_monotonic(), wait = 0, usec;
	struct replay *r = ctx;
	uint64_t world;

	while (look(r, &usec, &world)) {
		if (r->stepping && r->complete)
			break;
		wait = wait_for(r, usec);
		if (wait > 0)
			break;
		if (!play(r))
			break;
		set_clock(r);
		if (clock_monotonic() - began > TURN_USEC)
			break;
	}
	if (r->complete)
		remember(r);
	/* The place that was got to last time is not in it any more. */
	if (r->ended && r->transfers && !r->complete) {
		r->complete = true;
		store_commit_world(r->store, r->world);
	}
	if (!r->ended && !(r->stepping && r->complete))
		event_loop_arm(r->timer, wait > 0 ? wait : 0);
}

/* ---- pages ---- */

static void put_place(struct document *d, const struct replay *r)
{
	char time[RECORDING_TIME_SIZE];

	document_put_string(d, "time", recording_time(r->last_usec, time));
	document_key(d, "offset_seconds");
	document_double(d, (double)(r->last_usec - r->first_usec) / USEC_PER_SEC);
	document_put_uint(d, "world", r->world);
	document_put_uint(d, "changes", r->transfers);
	document_put_bool(d, "ended", r->ended);
}

/* ?n=N: plays so many more (default 1). */
static int on_step(void *ctx, const char *query, struct strbuf *out)
{
	struct replay *r = ctx;
	unsigned long n = 1;
	int64_t usec;
	uint64_t world;
	struct document d;

	document_init(&d, out, DOCUMENT_JSON);
	document_map(&d);
	if (!r->stepping) {
		document_put_string(&d, "error", "the replay was not started with --speed step");
		document_end(&d);
		return 409;
	}
	if (strncmp(query, "n=", 2) == 0)
		n = strtoul(query + 2, NULL, 10);
	while (n-- && look(r, &usec, &world) && play(r))
		;
	/* For a caller that asks whether there is more. */
	(void)look(r, &usec, &world);
	remember(r);
	put_place(&d, r);
	document_end(&d);
	return 200;
}

static void debug(const struct source *s, struct document *d)
{
	put_place(d, replay_of(s));
}

static void metrics(const struct source *s, struct strbuf *out)
{
	const struct replay *r = replay_of(s);

	metric_single(out, METRIC_REPLAY_CHANGES, r->transfers);
	metric_single(out, METRIC_REPLAY_ENDED, r->ended);
}

static bool complete(const struct source *s)
{
	return replay_of(s)->complete;
}

static void why(const struct source *s, struct strbuf *out)
{
	const struct replay *r = replay_of(s);

	if (r->error)
		strbuf_printf(out, "degraded: the recording cannot be read on: %s\n",
			      strerror(-r->error));
	else if (r->ended && !r->complete)
		strbuf_puts(out, "the recording has no complete state\n");
	else if (!r->complete)
		strbuf_puts(out, "reading the recording\n");
}

/* ---- life ---- */

static void replay_free(struct source *s)
{
	struct replay *r = replay_of(s);

	if (r->timer)
		event_free(r->timer);
	recording_reader_free(r->reader);
	if (r->mirror)
		state_unobserve(r->mirror, &r->observer);
	state_free(r->mirror);
	free(r->position);
	free(r);
}

static const struct source_ops ops = {
	.name = "replay",
	.free = replay_free,
	.complete = complete,
	.why = why,
	.metrics = metrics,
	.debug = debug,
};

static int read_speed(struct replay *r, const char *word)
{
	char *rest;

	if (!word)
		word = "1";
	if (strcmp(word, "max") == 0)
		return 0;
	r->stepping = strcmp(word, "step") == 0;
	if (r->stepping)
		return 0;
	r->speed = strtod(word, &rest);
	if (rest == word || *rest || !(r->speed > 0 && r->speed <= 1e6))
		return log_error_errno(
			-EINVAL, "--replay-speed: \"%s\" is not a number above 0, max or step",
			word);
	return 0;
}

int replay_new(struct event_loop *loop, struct control *control, struct store *store,
	       const struct replay_config *config, const char *position, struct source **ret)
{
	struct replay *r = xnew(struct replay, 1);
	char reason[FRAME_REASON_MAX] = "";
	int result;

	r->source.ops = &ops;
	r->store = store;
	r->position = xstrdup(position);
	r->mirror = state_new();
	r->observer = (struct state_observer){ on_change, NULL, r, NULL };
	state_observe(r->mirror, &r->observer);
	result = read_speed(r, config->speed);
	if (result >= 0 && config->until && recording_moment_parse(config->until, &r->until) < 0)
		result = log_error_errno(
			-EINVAL,
			"--replay-until: \"%s\" is not a time (2026-01-31T12:00:00Z), "
			"no offset (+90s) and no world's number",
			config->until);
	if (result >= 0) {
		result = recording_reader_new(config->files.words, config->files.n, "watcher",
					      r->mirror, &r->reader, reason);
		if (result < 0)
			log_error("%s", reason);
	}
	if (result < 0) {
		replay_free(&r->source);
		return result;
	}
	recall(r);
	r->timer = event_loop_timer(loop, on_turn, r);
	event_loop_arm(r->timer, 0);
	control_add(control, "/replay/step", "application/json", on_step, r);
	store_add_source(store, &r->source);
	*ret = &r->source;
	return 0;
}
