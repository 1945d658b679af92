/* Keeps the last complete world across restarts. Used by xds-server. */
#include <errno.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/alloc.h"
#include "common/base/incident.h"
#include "common/base/log.h"
#include "common/base/metric.h"
#include "common/link/feed.h"
#include "common/link/frame-input.h"
#include "common/link/hello.h"
#include "common/link/mirror.h"
#include "xds-server/saved-state.h"

#define ROLE "xds-server"
/* Written before the loop gets its turn. */
#define STEP_BYTES (256u * 1024)
/* A file is rewritten when its deltas are larger than its snapshot and this. */
#define DELTAS_MIN (1u << 20)
#define RETRY_USEC 10000000LL

/* ---- reading ---- */

struct reader {
	struct frame_input in;
	struct mirror mirror;
	bool greeted;
};

static int take(struct reader *r, const struct frame *f, char *error)
{
	char reason[FRAME_REASON_MAX];
	struct hello hello;
	int result;

	if (!r->greeted) {
		result = hello_read(f, &hello, reason);
		if (result < 0) {
			(void)snprintf(error, SAVED_STATE_ERROR_MAX, "%s", reason);
			return result;
		}
		if (strcmp(hello.role, ROLE) != 0) {
			(void)snprintf(error, SAVED_STATE_ERROR_MAX, "it is the state of a %s",
				       hello.role);
			return -EBADMSG;
		}
		r->greeted = true;
		return 0;
	}
	result = mirror_take(&r->mirror, f);
	if (result < 0) {
		(void)snprintf(error, SAVED_STATE_ERROR_MAX, "%s",
			       result == -EBADMSG ? r->mirror.reason
						  : "it holds a frame out of place");
		return -EBADMSG;
	}
	return 0;
}

static int read_frames(struct reader *r, int fd, char *error)
{
	for (;;) {
		char reason[FRAME_REASON_MAX];
		struct frame f;
		ssize_t n;
		int result = frame_input_next(&r->in, &f);

		if (result < 0) {
			hello_explain(result, &f, reason);
			(void)snprintf(error, SAVED_STATE_ERROR_MAX, "%s", reason);
			return result;
		}
		if (result > 0) {
			result = take(r, &f, error);
			if (result < 0)
				return result;
			continue;
		}
		n = frame_input_fill(&r->in, fd);
		if (n < 0)
			(void)snprintf(error, SAVED_STATE_ERROR_MAX, "reading failed: %s",
				       strerror((int)-n));
		if (n <= 0)
			return (int)n;
	}
}

static int open_own(const char *path, char *error)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		int r = -errno;

		(void)snprintf(error, SAVED_STATE_ERROR_MAX, "%s", strerror(-r));
		return r;
	}
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077)) {
		(void)snprintf(error, SAVED_STATE_ERROR_MAX,
			       "it must be a file of this user that nobody else may read or write");
		return -EPERM;
	}
	return TAKE_FD(fd);
}

int saved_state_load(const char *path, char error[SAVED_STATE_ERROR_MAX], struct state **ret)
{
	_cleanup_(state_freep) struct state *state = state_new();
	_cleanup_close_ int fd = open_own(path, error);
	struct reader reader = { 0 };
	int r;

	if (fd < 0)
		return fd;
	mirror_init(&reader.mirror, state, 0, 0);
	r = read_frames(&reader, fd, error);
	mirror_done(&reader.mirror);
	frame_input_done(&reader.in);
	if (r < 0)
		return r;
	if (!state_complete(state)) {
		(void)snprintf(error, SAVED_STATE_ERROR_MAX,
			       "it ends before its first complete state");
		return -EBADMSG;
	}
	*ret = TAKE_PTR(state);
	return 0;
}

/* ---- writing ---- */

struct writer {
	int fd;
	struct feed_peer peer;
	struct evbuffer *out;
	uint64_t snapshot_bytes, delta_bytes;
};

struct saved_state {
	const char *path;
	char *new_path;
	struct feed feed;
	struct event *timer;
	struct writer *current; /* of path; NULL: no file that can be added to */
	struct writer *next;    /* of new_path, to become current when it has caught up */
	char error[SAVED_STATE_ERROR_MAX];
	uint64_t files, failures, bytes;
};

static void writer_free(struct writer *w)
{
	if (!w)
		return;
	feed_peer_done(&w->peer);
	evbuffer_free(w->out);
	(void)close(w->fd);
	free(w);
}
DEFINE_CLEANUP(struct writer *, writer_free)

static int writer_new(struct saved_state *s, struct writer **ret)
{
	_cleanup_strbuf_ struct strbuf hello = STRBUF_INIT;
	struct writer *w;
	int fd;

	(void)unlink(s->new_path);
	fd = open(s->new_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	w = xnew(struct writer, 1);
	w->fd = fd;
	w->out = evbuffer_new();
	feed_peer_init(&w->peer, &s->feed);
	hello_append(&hello, ROLE, true);
	(void)evbuffer_add(w->out, hello.s, hello.len);
	*ret = w;
	return 0;
}

static int flush(struct saved_state *s, struct writer *w, bool snapshot)
{
	size_t n = evbuffer_get_length(w->out);

	s->bytes += n;
	if (snapshot)
		w->snapshot_bytes += n;
	else
		w->delta_bytes += n;
	while (evbuffer_get_length(w->out))
		if (evbuffer_write(w->out, w->fd) < 0 && errno != EINTR)
			return -errno;
	return 0;
}

/* Writes about max bytes. 1: more is left; 0: the file holds everything committed. */
static int write_some(struct saved_state *s, struct writer *w, size_t max)
{
	uint64_t before = s->bytes;

	if (!state_complete(s->feed.state) || state_dirty(s->feed.state))
		return 0;
	while (s->bytes - before < max) {
		int type = feed_peer_next(&w->peer, w->out), r;

		if (type) {
			r = flush(s, w, type != FRAME_DELTA);
			if (r < 0)
				return r;
		} else if (feed_peer_busy(&w->peer)) {
			/* A written frame counts as held. */
			(void)feed_peer_ack(&w->peer, w->peer.generation);
		} else {
			return 0;
		}
	}
	return 1;
}

static void failed(struct saved_state *s, int r)
{
	incident(incident_is_descriptors(r) ? INCIDENT_DESCRIPTORS : INCIDENT_STORAGE, "state",
		 "cannot write %s: %s; a restart may have to wait for the translator", s->path,
		 strerror(-r));
	(void)snprintf(s->error, sizeof(s->error), "%s", strerror(-r));
	s->failures++;
	event_loop_arm(s->timer, RETRY_USEC);
}

/* The new file takes the old one's place. */
static int promote(struct saved_state *s)
{
	if (rename(s->new_path, s->path) < 0)
		return -errno;
	writer_free(s->current);
	s->current = TAKE_PTR(s->next);
	if (s->error[0])
		log_info("%s can be written again", s->path);
	s->error[0] = '\0';
	s->files++;
	return 0;
}

static bool outgrown(const struct writer *w)
{
	return w->delta_bytes > MAX(w->snapshot_bytes, (uint64_t)DELTAS_MIN);
}

static int advance_next(struct saved_state *s, size_t max)
{
	int r;

	if (!s->next) {
		if (s->current && !outgrown(s->current))
			return 0;
		r = writer_new(s, &s->next);
		if (r < 0)
			return r;
	}
	r = write_some(s, s->next, max);
	return r == 0 ? promote(s) : r;
}

static int advance(struct saved_state *s, size_t max)
{
	int r = 0;

	if (!state_complete(s->feed.state))
		return 0;
	if (s->current) {
		r = write_some(s, s->current, max);
		/* Its end may be torn: the file is left alone, and replaced. */
		if (r < 0)
			writer_free(TAKE_PTR(s->current));
		if (r)
			return r;
	}
	r = advance_next(s, max);
	if (r < 0 && s->next) {
		writer_free(TAKE_PTR(s->next));
		(void)unlink(s->new_path);
	}
	return r;
}

static void on_timer(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct saved_state *s = ctx;
	int r = advance(s, STEP_BYTES);

	if (r < 0)
		failed(s, r);
	else if (r > 0)
		event_loop_arm(s->timer, 0);
}

static void on_commit(void *ctx)
{
	struct saved_state *s = ctx;

	/* In the next turn of the loop, after the clients have been served; after a failure,
	 * later. */
	if (!s->error[0])
		event_loop_arm(s->timer, 0);
}

struct saved_state *saved_state_new(struct event_loop *loop, const char *path, struct state *state)
{
	struct saved_state *s = xnew(struct saved_state, 1);

	s->path = path;
	s->new_path = xasprintf("%s.new", path);
	s->timer = event_loop_timer(loop, on_timer, s);
	feed_init(&s->feed, state, on_commit, s);
	if (state_complete(state))
		event_loop_arm(s->timer, 0);
	return s;
}

void saved_state_free(struct saved_state *s)
{
	if (!s)
		return;
	event_free(s->timer);
	while (advance(s, SIZE_MAX) > 0)
		;
	if (s->next)
		(void)unlink(s->new_path);
	writer_free(s->current);
	writer_free(s->next);
	feed_done(&s->feed);
	free(s->new_path);
	free(s);
}

bool saved_state_current(const struct saved_state *s)
{
	return s->current && feed_peer_in_sync(&s->current->peer);
}

const char *saved_state_error(const struct saved_state *s)
{
	return s->error;
}

void saved_state_metrics(const struct saved_state *s, struct strbuf *b)
{
	metric_single(b, METRIC_XDS_SAVED_STATE_FILES, s->files);
	metric_single(b, METRIC_XDS_SAVED_STATE_FAILURES, s->failures);
	metric_single(b, METRIC_XDS_SAVED_STATE_BYTES, s->bytes);
	metric_single(b, METRIC_XDS_SAVED_STATE_CURRENT, saved_state_current(s));
}
