/* One connection of a link: HELLO, frames in and out, limits of time and memory. Used by every
 * stage that has a neighbour. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/incident.h"
#include "common/base/log.h"
#include "common/link/frame.h"
#include "common/link/hello.h"
#include "common/link/link-conn.h"
#include "ipc.pb-c.h"

#define OUT_LOW    (256u * 1024)                  /* below this the next frame is made */
#define OUT_MAX    (FRAME_ITEM_MAX + 8 * OUT_LOW) /* most bytes that the peer has not read */
#define TURN_BYTES (1024u * 1024)                 /* written before others get their turn */
#define HELLO_USEC (5 * USEC_PER_SEC)
#define STALL_USEC (30 * USEC_PER_SEC)

/* ---- ending ---- */

static void die(struct link_conn *c)
{
	c->dead = true;
	(void)event_del(c->read);
	(void)event_del(c->write);
	(void)evtimer_del(c->watch);
	event_active(c->link->reap, 0, 0);
}

static char *_printf_(1, 0) sentence(const char *fmt, va_list ap)
{
	char text[FRAME_REASON_MAX];

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	return xstrdup(text);
}

void link_conn_end(struct link_conn *c, const char *fmt, ...)
{
	va_list ap;

	if (c->dead)
		return;
	va_start(ap, fmt);
	free(c->error);
	c->error = sentence(fmt, ap);
	va_end(ap);
	log_debug("link %s: %s", c->link->config.name, c->error);
	die(c);
}

static void add_frame(struct link_conn *c, enum frame_type type, uint64_t generation,
		      const ProtobufCMessage *m)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	frame_append(&b, type, generation, m);
	(void)evbuffer_add(c->out, b.s, b.len);
	c->link->counters.frames_out++;
}

static void say_bye(struct link_conn *c, char *why, bool stopping)
{
	Portolan__Ipc__Bye bye = PORTOLAN__IPC__BYE__INIT;

	bye.reason = why;
	bye.has_stopping = stopping;
	bye.stopping = stopping;
	add_frame(c, FRAME_BYE, 0, &bye.base);
	if (!c->mute)
		(void)evbuffer_write(c->out, c->fd);
}

void link_conn_stop(struct link_conn *c)
{
	char why[FRAME_REASON_MAX];

	if (c->dead)
		return;
	(void)snprintf(why, sizeof(why), "the %s is stopping", c->link->config.role);
	say_bye(c, why, true);
	link_conn_end(c, "%s", why);
}

void link_conn_refuse(struct link_conn *c, const char *fmt, ...)
{
	_cleanup_free_ char *why = NULL;
	va_list ap;

	if (c->dead)
		return;
	va_start(ap, fmt);
	why = sentence(fmt, ap);
	va_end(ap);
	say_bye(c, why, false);
	c->fault = true;
	link_conn_end(c, "the %s was refused: %s", c->reader ? "reader" : c->link->config.peer_role,
		      why);
}

/* The peer's role, as far as it is known. */
static const char *peer_of(const struct link_conn *c)
{
	return c->reader ? "reader" : c->link->config.peer_role;
}

static void reject(struct link_conn *c, enum incident_kind kind, const char *fmt, ...)
	_printf_(3, 4);
static void reject(struct link_conn *c, enum incident_kind kind, const char *fmt, ...)
{
	_cleanup_free_ char *why = NULL;
	va_list ap;

	va_start(ap, fmt);
	why = sentence(fmt, ap);
	va_end(ap);
	c->link->counters.rejected_frames++;
	incident(kind, c->link->config.name, "link %s: %s; the connection of %s%s was closed",
		 c->link->config.name, why, c->up ? "the " : "what should be the ", peer_of(c));
	(void)link_count_reject(c, why);
	link_conn_refuse(c, "%s", why);
}

/* ---- writing ---- */

static void count_out(struct link_conn *c, int type)
{
	struct link_counters *n = &c->link->counters;

	n->frames_out++;
	n->snapshots_out += type == FRAME_SNAPSHOT_END;
	n->deltas_out += type == FRAME_DELTA && c->feed.ended;
	log_debug("link %s: -> %s generation=%" PRIu64, c->link->config.name,
		  frame_type((uint16_t)type)->name, c->feed.generation);
}

static void fill(struct link_conn *c)
{
	int type;

	while (c->up && c->feeds && evbuffer_get_length(c->out) < OUT_LOW &&
	       (type = feed_peer_next(&c->feed, c->out)))
		count_out(c, type);
}

/* Whether the peer owes us something: reading, an acknowledgement, or its HELLO. */
static bool owed(const struct link_conn *c)
{
	return !c->up || evbuffer_get_length(c->out) || (c->feeds && feed_peer_busy(&c->feed));
}

static int64_t patience(const struct link_conn *c)
{
	const struct link_limits *limits = &c->link->config.limits;

	if (!c->up)
		return limits->hello_usec ? limits->hello_usec : HELLO_USEC;
	return limits->stall_usec ? limits->stall_usec : STALL_USEC;
}

static void watch(struct link_conn *c)
{
	if (!c->dead && owed(c) && !evtimer_pending(c->watch, NULL)) {
		c->progress_at = clock_monotonic();
		event_loop_arm(c->watch, patience(c));
	}
}

static void on_watch(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct link_conn *c = ctx;
	int64_t left;

	if (!owed(c))
		return;
	left = patience(c) - (clock_monotonic() - c->progress_at);
	if (left > 0)
		event_loop_arm(c->watch, left);
	else if (!c->up)
		link_conn_refuse(c, "no HELLO in %lld ms: is something else using this socket?",
				 (long long)(patience(c) / USEC_PER_MSEC));
	else
		link_conn_refuse(c, "nothing was read or acknowledged for %lld ms",
				 (long long)(patience(c) / USEC_PER_MSEC));
}

/* A closed peer may have left a BYE for us: it is read before the connection ends. */
static void go_mute(struct link_conn *c)
{
	c->mute = true;
	(void)evbuffer_drain(c->out, evbuffer_get_length(c->out));
	(void)event_del(c->write);
	event_active(c->read, EV_READ, 0);
}

void link_conn_pump(struct link_conn *c)
{
	size_t written = 0;

	if (c->reading)
		return;
	while (!c->dead && !c->mute) {
		int n;

		fill(c);
		if (evbuffer_get_length(c->out) == 0)
			break;
		if (written >= TURN_BYTES) {
			(void)event_add(c->write, NULL);
			break;
		}
		n = evbuffer_write(c->out, c->fd);
		if (n > 0) {
			written += (size_t)n;
			continue;
		}
		if (errno == EAGAIN || errno == EINTR)
			(void)event_add(c->write, NULL);
		else
			go_mute(c);
		break;
	}
	if (written) {
		c->link->counters.bytes_out += written;
		c->progress_at = clock_monotonic();
	}
	watch(c);
}

static void on_write(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	link_conn_pump(ctx);
}

/* Queues an answer to the peer's frame. The pump sends it at the end of the turn. */
static void answer(struct link_conn *c, enum frame_type type, uint64_t generation,
		   const ProtobufCMessage *m)
{
	if (c->dead || c->mute)
		return;
	if (evbuffer_get_length(c->out) > OUT_MAX)
		link_conn_end(c, "the peer sends, and does not read the answers");
	else
		add_frame(c, type, generation, m);
}

/* ---- reading ---- */

static void take_hello(struct link_conn *c, const struct frame *f)
{
	char why[FRAME_REASON_MAX];
	struct hello hello;
	int r;

	if (c->up) {
		reject(c, INCIDENT_FRAMES, "a second HELLO");
		return;
	}
	r = hello_read(f, &hello, why);
	if (r < 0) {
		reject(c, r == -EPROTONOSUPPORT ? INCIDENT_PROTOCOL : INCIDENT_FRAMES, "%s", why);
		return;
	}
	c->pid = hello.pid;
	link_admit(c, hello.role);
	if (c->dead)
		return;
	(void)evtimer_del(c->watch);
	if (c->link->feeds) {
		feed_peer_init(&c->feed, &c->link->feed);
		c->feeds = true;
	}
}

static void take_transfer(struct link_conn *c, const struct frame *f)
{
	Portolan__Ipc__Resync resync = PORTOLAN__IPC__RESYNC__INIT;
	struct link_counters *n = &c->link->counters;
	Portolan__Ipc__Ack ack = PORTOLAN__IPC__ACK__INIT;
	uint64_t generation = f->header.generation;
	uint16_t type = f->header.type;
	int r;

	r = mirror_take(&c->mirror, f);
	if (r > 0) {
		n->snapshots_in += type == FRAME_SNAPSHOT_END;
		n->deltas_in += type == FRAME_DELTA;
		answer(c, FRAME_ACK, generation, &ack.base);
	} else if (r < 0) {
		n->resyncs_asked++;
		n->rejected_frames++;
		resync.reason = c->mirror.reason;
		incident(INCIDENT_FRAMES, c->link->config.name,
			 "link %s: what the %s sent was not taken: %s", c->link->config.name,
			 peer_of(c), c->mirror.reason);
		if (link_count_reject(c, c->mirror.reason))
			link_conn_refuse(c, "%s", c->mirror.reason);
		else
			answer(c, FRAME_RESYNC, generation, &resync.base);
	}
}

static void take_ack(struct link_conn *c, const struct frame *f)
{
	if (!c->feeds || feed_peer_ack(&c->feed, f->header.generation) < 0)
		reject(c, INCIDENT_FRAMES, "an ACK of generation %" PRIu64 ", which was not sent",
		       f->header.generation);
	c->progress_at = clock_monotonic();
}

static void take_resync(struct link_conn *c, const struct frame *f)
{
	Portolan__Ipc__Resync *m;
	char reason[FRAME_REASON_MAX];

	m = portolan__ipc__resync__unpack(NULL, f->header.length, f->payload);
	if (!m || !c->feeds || !feed_peer_busy(&c->feed)) {
		reject(c, INCIDENT_FRAMES, "a RESYNC that answers nothing");
	} else {
		hello_clean(reason, sizeof(reason), m->reason ? m->reason : "");
		log_debug("link %s: a snapshot was asked for: %s", c->link->config.name, reason);
		c->link->counters.resyncs_sent++;
		feed_peer_resync(&c->feed);
		/* Each costs a snapshot. */
		if (link_count_reject(c, reason))
			link_conn_refuse(c, "too many snapshots were asked for");
	}
	if (m)
		portolan__ipc__resync__free_unpacked(m, NULL);
}

static void take_bye(struct link_conn *c, const struct frame *f)
{
	Portolan__Ipc__Bye *m = portolan__ipc__bye__unpack(NULL, f->header.length, f->payload);
	char reason[FRAME_REASON_MAX];

	hello_clean(reason, sizeof(reason), m && m->reason ? m->reason : "no reason given");
	c->stopping = m && m->stopping;
	c->fault = !c->stopping;
	link_conn_end(c, "the %s closed the connection: %s",
		      c->reader ? "reader" : c->link->config.peer_role, reason);
	if (m)
		portolan__ipc__bye__free_unpacked(m, NULL);
}

static void (*const handlers[FRAME_TYPE_MAX_])(struct link_conn *c, const struct frame *f) = {
	[FRAME_HELLO] = take_hello,
	[FRAME_SNAPSHOT_BEGIN] = take_transfer,
	[FRAME_SNAPSHOT_ITEMS] = take_transfer,
	[FRAME_SNAPSHOT_END] = take_transfer,
	[FRAME_DELTA] = take_transfer,
	[FRAME_ACK] = take_ack,
	[FRAME_RESYNC] = take_resync,
	[FRAME_BYE] = take_bye,
};

static void take_frame(struct link_conn *c, const struct frame *f)
{
	uint16_t type = f->header.type;

	c->link->counters.frames_in++;
	log_debug("link %s: <- %s generation=%" PRIu64 " length=%u", c->link->config.name,
		  frame_type(type)->name, f->header.generation, f->header.length);
	if (!c->up && type != FRAME_BYE)
		take_hello(c, f);
	else
		handlers[type](c, f);
}

static void take_frames(struct link_conn *c)
{
	char why[FRAME_REASON_MAX];
	struct frame f;
	int r = 0;

	while (!c->dead && (r = frame_input_next(&c->in, &f)) > 0)
		take_frame(c, &f);
	if (c->dead || r == 0)
		return;
	hello_explain(r, &f, why);
	reject(c, r == -EPROTONOSUPPORT ? INCIDENT_PROTOCOL : INCIDENT_FRAMES, "%s", why);
}

/* One read a turn, so that no peer keeps the loop to itself. */
static void on_read(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct link_conn *c = ctx;
	const char *peer = c->link->config.peer_role;
	ssize_t n = frame_input_fill(&c->in, c->fd);

	if (n == -EAGAIN && !c->mute)
		return;
	if (n > 0) {
		c->link->counters.bytes_in += (uint64_t)n;
		/* A change and the ACK go out in one write, and the peer wakes once. */
		c->reading = true;
		take_frames(c);
		c->reading = false;
		link_conn_pump(c);
	} else if (n == 0 || n == -ECONNRESET || n == -EAGAIN) {
		link_conn_end(c, "the %s has gone: the connection was closed", peer);
	} else {
		link_conn_end(c, "reading from the %s failed: %s", peer, strerror((int)-n));
	}
}

/* ---- beginning ---- */

void link_conn_new(struct link *l, int fd)
{
	struct link_conn *c = xnew(struct link_conn, 1);
	struct event_base *base = event_loop_base(l->loop);
	_cleanup_strbuf_ struct strbuf hello = STRBUF_INIT;

	c->link = l;
	c->fd = fd;
	c->out = evbuffer_new();
	c->read = event_new(base, fd, EV_READ | EV_PERSIST, on_read, c);
	c->write = event_new(base, fd, EV_WRITE, on_write, c);
	c->watch = event_loop_timer(l->loop, on_watch, c);
	c->began_at = c->progress_at = clock_monotonic();
	c->next = l->conns;
	l->conns = c;
	(void)event_add(c->read, NULL);
	hello_append(&hello, l->side == LINK_READER ? "reader" : l->config.role, false);
	(void)evbuffer_add(c->out, hello.s, hello.len);
	l->counters.frames_out++;
	link_conn_pump(c);
}

void link_conn_free(struct link_conn *c)
{
	for (struct link_conn **at = &c->link->conns; *at; at = &(*at)->next)
		if (*at == c) {
			*at = c->next;
			break;
		}
	if (c->feeds)
		feed_peer_done(&c->feed);
	mirror_done(&c->mirror);
	event_free(c->read);
	event_free(c->write);
	event_free(c->watch);
	evbuffer_free(c->out);
	frame_input_done(&c->in);
	(void)close(c->fd);
	free(c->error);
	free(c);
}
