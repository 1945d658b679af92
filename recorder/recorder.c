/* The recorder's process: its link, its file, and the redacted objects between the two. */
#include <errno.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/document.h"
#include "common/base/incident.h"
#include "common/base/log.h"
#include "common/base/metric.h"
#include "common/daemon/control-wait.h"
#include "common/link/link.h"
#include "common/link/neighbour.h"
#include "common/recording/recording.h"
#include "common/redact/redact.h"
#include "recorder/recorder.h"

#define RETRY_USEC (5 * USEC_PER_SEC)

struct recorder_options recorder_options = {
	.sync = "block",
	.max_mib = 256,
	.max_age_seconds = 86400,
	.keep = 7,
	.flush_msec = 1000,
};

struct recorder {
	struct daemon *daemon;
	struct state *objects; /* the watcher's, mirrored */
	struct state *kept;    /* the recorded state: the same, or redacted */
	struct state_observer on_objects;
	struct redact *redact;
	struct recording_writer *writer;
	struct link *link;
	struct neighbour *watcher;
	struct control_wait *wait;
	char *socket_path;
	struct event *flush, *retry;
	int failed; /* -errno of the last attempt to write */
	uint64_t failures;
	int64_t began;
};

/* ---- writing ---- */

static void tell_supervisor(struct recorder *r)
{
	if (r->failed)
		daemon_status(r->daemon, "cannot write: %s", strerror(-r->failed));
	else if (state_complete(r->kept))
		daemon_status(r->daemon, "recording %zu objects", state_count(r->kept));
	else
		daemon_status(r->daemon, "waiting for the watcher");
}

static void outcome(struct recorder *r, int result)
{
	if (result < 0) {
		r->failures++;
		event_loop_arm(r->retry, RETRY_USEC);
		incident(incident_is_descriptors(result) ? INCIDENT_DESCRIPTORS : INCIDENT_STORAGE,
			 "recording", "cannot write %s: %s; changes are lost until it can be",
			 recorder_options.path, strerror(-result));
	}
	if (result == r->failed)
		return;
	if (result == 0)
		log_info("%s can be written again, from here on", recorder_options.path);
	r->failed = result;
	tell_supervisor(r);
}

static void record(struct recorder *r)
{
	int result = recording_writer_write(r->writer, clock_realtime());

	if (result == -EAGAIN)
		return;
	outcome(r, result);
	if (recording_writer_pending(r->writer) && !evtimer_pending(r->flush, NULL))
		event_loop_arm(r->flush, recorder_options.flush_msec * USEC_PER_MSEC);
}

static void on_flush(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct recorder *r = ctx;

	outcome(r, recording_writer_flush(r->writer));
}

static void on_retry(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	record(ctx);
}

/* ---- the watcher's objects ---- */

static void on_object(void *ctx, struct item *before, struct item *after)
{
	struct recorder *r = ctx;

	if (after)
		(void)state_put(r->kept, redact_item(r->redact, after));
	else
		(void)state_remove(r->kept, before->kind, item_key(before), before->key_len);
}

static void on_objects_committed(void *ctx)
{
	struct recorder *r = ctx;
	bool first = !state_complete(r->kept);

	if (r->redact)
		state_commit(r->kept, state_source(r->objects));
	record(r);
	if (first || state_generation(r->objects) == 1)
		tell_supervisor(r);
}

static void on_link(void *ctx, bool connected)
{
	struct recorder *r = ctx;

	neighbour_changed(r->watcher, connected, link_last_error(r->link));
}

/* ---- pages ---- */

static int on_debug_status(void *ctx, const char *query _unused_, struct strbuf *out)
{
	struct recorder *r = ctx;
	const struct recording_counters *c = recording_writer_counters(r->writer);
	_cleanup_strbuf_ struct strbuf why = STRBUF_INIT;
	bool ready = recorder_ready(r->daemon, &why);
	struct document d;

	document_init(&d, out, DOCUMENT_JSON);
	document_map(&d);
	document_put_string(&d, "stage", "recorder");
	document_put_string(&d, "state", !ready ? "starting" : why.len ? "degraded" : "running");
	document_put_bool(&d, "ready", ready);
	document_put_lines(&d, "reasons", strbuf_str(&why));
	document_put_int(&d, "pid", getpid());
	document_put_uint(&d, "generation", state_generation(r->kept));
	document_put_uint(&d, "source", state_source(r->kept));
	document_put_uint(&d, "objects", state_count(r->kept));
	document_put_int(&d, "uptime_seconds", (clock_monotonic() - r->began) / USEC_PER_SEC);
	document_put_string(&d, "file", recorder_options.path);
	document_put_uint(&d, "transfers", c->transfers);
	document_put_uint(&d, "bytes", c->bytes_out);
	document_put_bool(&d, "pending", recording_writer_pending(r->writer));
	document_put_uint(&d, "failures", r->failures);
	document_end(&d);
	return 200;
}

/* Writes the waiting frames, and answers when they are in the file. */
static int on_flush_page(void *ctx, const char *query _unused_, struct strbuf *out)
{
	struct recorder *r = ctx;
	struct document d;

	outcome(r, recording_writer_flush(r->writer));
	document_init(&d, out, DOCUMENT_JSON);
	document_map(&d);
	document_put_uint(&d, "source", state_source(r->kept));
	document_put_uint(&d, "failures", r->failures);
	document_end(&d);
	return r->failed ? 503 : 200;
}

static void on_metrics(void *ctx, struct strbuf *out)
{
	struct recorder *r = ctx;
	const struct recording_counters *c = recording_writer_counters(r->writer);

	metric_single(out, METRIC_RECORDER_TRANSFERS, c->transfers);
	metric_single(out, METRIC_RECORDER_BLOCKS, c->blocks);
	metric_single(out, METRIC_RECORDER_FILES, c->files);
	metric_single(out, METRIC_RECORDER_FRAME_BYTES, c->bytes_in);
	metric_single(out, METRIC_RECORDER_WRITTEN_BYTES, c->bytes_out);
	metric_single(out, METRIC_RECORDER_FAILURES, r->failures);
	link_metrics(r->link, out);
}

/* ---- life ---- */

static void recorder_free(struct recorder *r)
{
	if (!r)
		return;
	control_wait_free(r->wait);
	link_free(r->link);
	neighbour_free(r->watcher);
	if (r->writer && recording_writer_flush(r->writer) < 0)
		log_error("what came last could not be written to %s", recorder_options.path);
	recording_writer_free(r->writer);
	if (r->flush)
		event_free(r->flush);
	if (r->retry)
		event_free(r->retry);
	state_unobserve(r->objects, &r->on_objects);
	if (r->redact)
		state_free(r->kept);
	state_free(r->objects);
	redact_free(r->redact);
	free(r->socket_path);
	free(r);
}
DEFINE_CLEANUP(struct recorder *, recorder_free)

static int read_sync(const char *word, enum recording_sync *ret)
{
	static const char *const words[] = {
		[RECORDING_SYNC_NEVER] = "never",
		[RECORDING_SYNC_BLOCK] = "block",
		[RECORDING_SYNC_TRANSFER] = "change",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(words[i], word) == 0) {
			*ret = (enum recording_sync)i;
			return 0;
		}
	return log_error_errno(-EINVAL, "--sync: \"%s\" is not one of never, block, change", word);
}

static int open_writer(struct recorder *r)
{
	const struct recorder_options *o = &recorder_options;
	struct recording_options options = {
		.path = o->path,
		.role = "watcher",
		.redacted = r->redact != NULL,
		.max_bytes = (uint64_t)o->max_mib << 20,
		.max_age_usec = o->max_age_seconds * USEC_PER_SEC,
		.keep = o->keep,
	};
	int result = read_sync(o->sync, &options.sync);

	if (result < 0)
		return result;
	result = recording_writer_new(&options, r->kept, &r->writer);
	if (result == -EBADMSG)
		return log_error_errno(
			result, "%s is there and is not a recording: it is left alone", o->path);
	if (result == -EBUSY)
		return log_error_errno(result, "%s is being written by another recorder", o->path);
	return result < 0 ? log_error_errno(result, "cannot use %s: %m", o->path) : 0;
}

static struct recorder *recorder_new(struct daemon *d)
{
	struct recorder *r = xnew(struct recorder, 1);

	r->daemon = d;
	r->began = clock_monotonic();
	r->objects = r->kept = state_new();
	r->socket_path = daemon_path(d, "objects.sock");
	r->flush = event_loop_timer(d->loop, on_flush, r);
	r->retry = event_loop_timer(d->loop, on_retry, r);
	return r;
}

static int open_redact(struct recorder *r)
{
	int result;

	if (!recorder_options.redact)
		return recorder_options.redact_key
			       ? log_error_errno(-EINVAL, "--redact-key goes with --redact")
			       : 0;
	result = redact_new(recorder_options.redact_key, &r->redact);
	if (result < 0)
		return log_error_errno(result, "--redact-key: %s has no 16 bytes that can be read",
				       recorder_options.redact_key);
	r->kept = state_new();
	return 0;
}

int recorder_start(struct daemon *d)
{
	_cleanup_(recorder_freep) struct recorder *r = recorder_new(d);
	struct link_config config = {
		.name = "objects",
		.path = r->socket_path,
		.role = "reader",
		.peer_role = "watcher",
		.mirror = r->objects,
		.status = on_link,
		.ctx = r,
	};
	int result;

	if (!d->words[0] || d->words[1])
		return log_error_errno(-EINVAL, "say which file to record to, one");
	recorder_options.path = d->words[0];
	result = open_redact(r);
	if (result >= 0)
		result = open_writer(r);
	if (result < 0)
		return result;
	r->on_objects = (struct state_observer){ r->redact ? on_object : NULL, on_objects_committed,
						 r, NULL };
	state_observe(r->objects, &r->on_objects);
	r->watcher = neighbour_new(d->loop, "the watcher", "nothing is recorded meanwhile");
	result = link_connect_reader(d->loop, &config, &r->link);
	if (result < 0)
		return log_error_errno(result, "cannot connect to %s: %m", r->socket_path);
	control_add(d->control, "/debug/status", "application/json", on_debug_status, r);
	control_add(d->control, "/debug/flush", "application/json", on_flush_page, r);
	control_add_metrics(d->control, on_metrics, r);
	r->wait = control_wait_new(d->loop, d->control, r->kept);
	tell_supervisor(r);
	d->stage = TAKE_PTR(r);
	return 0;
}

void recorder_stop(struct daemon *d)
{
	recorder_free(d->stage);
}

bool recorder_ready(struct daemon *d, struct strbuf *why)
{
	struct recorder *r = d->stage;

	if (r->failed)
		strbuf_printf(why, "degraded: cannot write %s: %s\n", recorder_options.path,
			      strerror(-r->failed));
	else if (!link_connected(r->link))
		strbuf_printf(why, "degraded: no watcher: %s\n", link_last_error(r->link));
	return true;
}
