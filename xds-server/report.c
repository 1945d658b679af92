/* Reports for the translator, as a state that the link mirrors. Used by xds-server. */
#include <stdio.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/strbuf.h"
#include "proto/ipc.pb-c.h"
#include "xds-server/refusal.h"
#include "xds-server/report.h"

/* With more clients than this, acknowledgements come in bursts. */
#define PROMPT_MAX   8
#define CLIENTS_USEC 500000LL
/* The interval of looking for Envoys that owe an answer for too long, or are gone. */
#define TICK_USEC 1000000LL
/* Between two parts of counting refusals. */
#define COUNT_USEC 5000LL

struct report {
	struct resource_store *store;
	struct client *const *clients;
	struct state *state;
	struct refusals *refusals;
	struct event *timer;
	struct event *on_answers; /* counts the clients' answers, once a turn of the loop */
	bool answered;
	bool again;                     /* so have others while it was counted */
	bool due;                       /* the timer has run since the last commit */
	struct state_observer observer; /* of the resources */
	/* Resources with parts, few; a reference each, and the version that all clients had
	 * accepted. */
	struct composed {
		struct resource *resource;
		uint64_t accepted;
	} *composed;
	size_t n_composed, cap_composed;
};

static void commit(struct report *r)
{
	state_commit(r->state, state_source(r->store->state));
}

static void put(struct report *r, enum report_kind kind, const char *key, size_t key_len,
		const ProtobufCMessage *m)
{
	size_t n = protobuf_c_message_get_packed_size(m);
	_cleanup_free_ uint8_t *packed = xmalloc(n + 1);

	(void)protobuf_c_message_pack(m, packed);
	(void)state_put(r->state, item_new(kind, key, key_len, NULL, 0, packed, n));
}

/* ---- clients ---- */

static size_t client_key(const struct client *c, char key[24])
{
	return (size_t)snprintf(key, 24, "%llu", (unsigned long long)c->number);
}

static void put_client(struct report *r, struct client *c)
{
	struct stream_info *i = &c->stream->info;
	Portolan__Ipc__EnvoyReport m = PORTOLAN__IPC__ENVOY_REPORT__INIT;
	char key[24];

	m.node_id = i->node_id;
	m.node_cluster = i->node_cluster;
	m.peer = c->peer;
	m.protocol = (char *)(uintptr_t)c->protocol;
	m.has_connected_usec = m.has_acked_source = m.has_sent = m.has_acks = m.has_nacks = 1;
	m.connected_usec = c->connected_usec;
	m.acked_source = i->acked_source;
	m.has_answered_source = m.has_stalled = 1;
	m.answered_source = i->answered_source;
	m.stalled = c->stalled;
	m.has_acked_usec = i->acked_usec != 0;
	m.acked_usec = i->acked_usec;
	m.sent = i->sent;
	m.acks = i->acks;
	m.nacks = i->nacks;
	m.last_reject = i->last_reject[0] ? i->last_reject : NULL;
	if (c->stream->fleet && !c->stream->fleet->is_default)
		m.fleet = c->stream->fleet->name;
	put(r, REPORT_ENVOY, key, client_key(c, key), &m.base);
}

/* True if some client has still to answer. */
static bool look_who_stalls(struct report *r)
{
	bool any = false;

	for (struct client *c = *r->clients; c; c = c->next) {
		bool stalled = stream_stalled(c->stream);

		any |= !stalled && stream_outstanding(c->stream) > 0;
		c->unreported |= stalled != c->stalled;
		c->stalled = stalled;
	}
	return any;
}

static void count_soon(struct report *r)
{
	if (!r->answered)
		event_loop_arm(r->on_answers, 0);
	else
		r->again |= refusals_counting(r->refusals);
	r->answered = true;
}

static void on_timer(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct report *r = ctx;
	bool more = look_who_stalls(r);

	for (struct client *c = *r->clients; c; c = c->next)
		if (c->unreported) {
			c->unreported = false;
			put_client(r, c);
		}
	more |= refusals_tick(r->refusals);
	r->due = true;
	count_soon(r);
	if (more)
		event_loop_arm(r->timer, TICK_USEC);
}

static void tell_soon(struct report *r)
{
	if (!event_pending(r->timer, EV_TIMEOUT, NULL))
		event_loop_arm(r->timer, CLIENTS_USEC);
}

/* A client has accepted it, or no client can ever get it; and no client that we wait for has yet to
 * answer. */
static bool is_accepted(const struct report *r, struct resource *x)
{
	bool accepts = false, refuses = false, other = false;

	for (struct client *c = *r->clients; c; c = c->next) {
		enum stream_stand stand = stream_stand(c->stream, x);

		if (stand == STAND_UNDECIDED && !stream_stalled(c->stream))
			return false;
		accepts |= stand == STAND_ACCEPTS;
		refuses |= stand == STAND_REFUSES;
		other |= stand == STAND_OTHER;
	}
	return accepts || (other && !refuses);
}

static void report_acceptance(struct report *r)
{
	for (size_t i = 0; i < r->n_composed; i++) {
		struct composed *one = &r->composed[i];
		Portolan__Ipc__AcceptReport m = PORTOLAN__IPC__ACCEPT_REPORT__INIT;
		struct resource *x = one->resource;
		_cleanup_free_ char *key = NULL;
		size_t n;

		if (!x->item || x->version == one->accepted || !is_accepted(r, x))
			continue;
		one->accepted = x->version;
		m.has_version = 1;
		m.version.data = (uint8_t *)(uintptr_t)item_meta(x->item);
		m.version.len = x->item->meta_len;
		n = refusals_key(&key, x->item_kind, x->name, x->name_len);
		put(r, REPORT_ACCEPT, key, n, &m.base);
	}
}

/* Few clients are reported as soon as they owe no answer: statuses wait for it. */
static void put_prompt(struct report *r)
{
	size_t n = 0;

	for (struct client *c = *r->clients; c; c = c->next)
		if (++n > PROMPT_MAX)
			return;
	for (struct client *c = *r->clients; c; c = c->next)
		if (c->unreported && stream_outstanding(c->stream) == 0) {
			c->unreported = false;
			put_client(r, c);
		}
}

static void on_answers(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct report *r = ctx;

	/* What an Envoy has answered is not told before what it has refused. */
	if (refusals_count(r->refusals)) {
		event_loop_arm(r->on_answers, COUNT_USEC);
		return;
	}
	r->answered = r->again;
	r->again = false;
	if (r->answered)
		event_loop_arm(r->on_answers, COUNT_USEC);
	put_prompt(r);
	report_acceptance(r);
	if (r->due || state_dirty(r->state))
		commit(r);
	r->due = false;
}

void report_client(struct report *r, struct client *c)
{
	count_soon(r);
	if (c->unreported)
		return;
	c->unreported = true;
	tell_soon(r);
}

void report_gone(struct report *r, const struct client *c)
{
	char key[24];

	refusals_gone(r->refusals);
	if (state_remove(r->state, REPORT_ENVOY, key, client_key(c, key)))
		tell_soon(r);
}

/* ---- refused versions ---- */

void report_reject(struct report *r, const struct client *c, const struct item *item,
		   const char *message)
{
	refusals_add(r->refusals, c, item, message);
}

static void note_composed(struct report *r, struct resource *x)
{
	if (!x->item || !x->parts)
		return;
	for (size_t i = 0; i < r->n_composed; i++)
		if (r->composed[i].resource == x)
			return;
	GROW(r->composed, r->n_composed, r->cap_composed);
	r->composed[r->n_composed++] = (struct composed){ resource_ref(x), 0 };
}

static void forget_composed(struct report *r, const struct resource *x)
{
	for (size_t i = 0; i < r->n_composed; i++)
		if (r->composed[i].resource == x) {
			_cleanup_free_ char *key = NULL;
			size_t n = refusals_key(&key, x->item_kind, x->name, x->name_len);

			(void)state_remove(r->state, REPORT_ACCEPT, key, n);
			resource_store_unref(r->store, r->composed[i].resource);
			r->composed[i] = r->composed[--r->n_composed];
			return;
		}
}

static void expect_refusers(struct report *r, const struct item *quarantine)
{
	Portolan__Ipc__Quarantine *m = portolan__ipc__quarantine__unpack(
		NULL, quarantine->value_len, item_value(quarantine));

	for (size_t i = 0; m && i < m->n_node_ids; i++)
		refusals_expect(r->refusals, m->node_ids[i]);
	portolan__ipc__quarantine__free_unpacked(m, NULL);
	tell_soon(r);
}

/* Changes that the translator holds back are kept with the resources, and sent to every new
 * translator. */
static void on_resource(void *ctx, struct item *before, struct item *after)
{
	struct report *r = ctx;
	const struct item *i = after ? after : before;

	if (i->kind != RESOURCE_QUARANTINE)
		return;
	if (after) {
		expect_refusers(r, after);
		(void)state_put(r->state, item_new(REPORT_QUARANTINE, i->data, i->key_len, NULL, 0,
						   item_value(i), i->value_len));
	} else {
		(void)state_remove(r->state, REPORT_QUARANTINE, i->data, i->key_len);
	}
}

static void note_change(struct report *r, struct resource *x)
{
	if (x->item) {
		note_composed(r, x);
		return;
	}
	forget_composed(r, x);
	refusals_forget(r->refusals, x);
}

void report_world(struct report *r)
{
	const struct resource_store *s = r->store;
	bool changed = state_dirty(r->state);

	for (size_t i = 0; i < s->n_changed; i++) {
		note_change(r, s->changed[i]);
		if (s->changed[i]->newer)
			note_change(r, s->changed[i]->newer);
	}
	changed |= state_dirty(r->state);
	if (changed && !refusals_counting(r->refusals))
		commit(r);
}

/* ---- life ---- */

struct report *report_new(struct event_loop *loop, struct resource_store *store,
			  struct client *const *clients)
{
	struct report *r = xnew(struct report, 1);
	struct item *i;
	size_t pos = 0;

	r->store = store;
	r->clients = clients;
	r->state = state_new();
	r->refusals = refusals_new(store, r->state, clients);
	r->on_answers = event_loop_timer(loop, on_answers, r);
	r->timer = event_loop_timer(loop, on_timer, r);
	r->observer = (struct state_observer){ on_resource, NULL, r, NULL };
	state_observe(store->state, &r->observer);
	while ((i = state_next(store->state, &pos)))
		on_resource(r, NULL, i);
	/* "No Envoy is connected" is a report, too. */
	state_commit(r->state, 0);
	return r;
}

void report_free(struct report *r)
{
	if (!r)
		return;
	event_free(r->timer);
	event_free(r->on_answers);
	state_unobserve(r->store->state, &r->observer);
	while (r->n_composed)
		resource_store_unref(r->store, r->composed[--r->n_composed].resource);
	free(r->composed);
	refusals_free(r->refusals);
	state_free(r->state);
	free(r);
}

struct state *report_state(struct report *r)
{
	return r->state;
}

uint64_t report_dropped(const struct report *r)
{
	return refusals_dropped(r->refusals);
}
