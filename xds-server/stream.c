/* The rules of an xDS stream: what a client asks for, holds, accepts and refuses. answer.c decides
 * what is sent. For every stream of every Envoy. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "xds-server/answer.h"
#include "xds-server/scrub.h"
#include "xds-server/stream.h"

/* Where a client does not say which of the resources it means. */
#define BLAMED_MAX 4

struct stream *stream_new(const struct stream_config *config)
{
	struct stream *s = xnew(struct stream, 1);

	s->c = *config;
	s->c.fleet = xstrdup(config->fleet ? config->fleet : "");
	s->opened = s->c.clock();
	return s;
}

bool stream_shed(struct stream *s)
{
	size_t left = INTAKE_PIECE;

	for (unsigned k = 0; k < RESOURCE_KIND_MAX_; k++)
		if (s->subs[k] && subscription_shed(s->subs[k], s->c.store, &left))
			return true;
	return false;
}

void stream_free(struct stream *s)
{
	if (!s)
		return;
	while (stream_shed(s))
		;
	for (unsigned k = 0; k < RESOURCE_KIND_MAX_; k++)
		subscription_free(s->subs[k]);
	pins_clear(&s->pins, s->c.store);
	bounds_done(&s->bounds);
	fleet_unref(&s->c.store->fleets, s->fleet);
	free((char *)(uintptr_t)s->c.fleet);
	free(s);
}

/* ---- a client's needs ---- */

enum stream_need stream_need(const struct subscription *sub _unused_, const struct entry *e,
			     const struct resource *r)
{
	if (r->item) {
		if ((e->flags & ENTRY_FORCE) || !(e->flags & ENTRY_HELD) || e->have != r->version)
			return NEED_PUT;
		return NEED_NOTHING;
	}
	if (e->flags & ENTRY_HELD)
		return NEED_REMOVAL;
	if ((e->flags & ENTRY_FORCE) || ((e->flags & ENTRY_NAMED) && !(e->flags & ENTRY_ABSENT)))
		return NEED_ABSENT;
	return NEED_NOTHING;
}

/* Whether others have to wait until this put is acknowledged. */
static bool gates(unsigned kind, const struct entry *e)
{
	switch (kind) {
	case RESOURCE_CLUSTER:
	case RESOURCE_LISTENER:
	case RESOURCE_SCOPED_ROUTE:
	case RESOURCE_ROUTE:
	case RESOURCE_VIRTUAL_HOST:
		return true;
	case RESOURCE_ENDPOINT:
		/* A cluster cannot be used before its first endpoints; later endpoints hold up
		 * no cluster. */
		return !(e->flags & ENTRY_HELD) || (e->flags & ENTRY_FORCE);
	default:
		return false;
	}
}

/* State of the world cannot say that a resource does not exist, except in kinds whose responses
 * carry all subscribed resources. */
static bool is_unsayable(const struct stream *s, const struct subscription *sub,
			 enum stream_need need)
{
	if (s->c.delta || need == NEED_NOTHING || need == NEED_PUT)
		return false;
	return need == NEED_ABSENT || !answer_is_full(s, sub->kind);
}

static bool has_scopes(struct stream *s)
{
	struct resource **all;
	size_t n;

	if (s->scopes_turn == s->c.store->turn)
		return s->scopes;
	s->scopes_turn = s->c.store->turn;
	s->scopes = false;
	all = resource_store_sorted(s->c.store, RESOURCE_SCOPED_ROUTE, &n);
	for (size_t i = 0; i < n && !s->scopes; i++)
		s->scopes = stream_sees(s, all[i]);
	return s->scopes;
}

/* With the last scope goes the listener that used them: until it is drained, its connections need
 * the former scopes. Envoy does not request any after it is gone. */
static bool keeps_scope(struct stream *s, const struct subscription *sub, enum stream_need need)
{
	if (sub->kind != RESOURCE_SCOPED_ROUTE || need != NEED_REMOVAL || has_scopes(s))
		return false;
	return s->keeps_scopes = true;
}

/* May free the entry. */
void stream_consider(struct stream *s, struct subscription *sub, struct entry *e,
		     struct resource *r, uint64_t floor)
{
	enum stream_need need;

	r = stream_serves(s, r);
	if (e->flags & (ENTRY_IN_FLIGHT | ENTRY_QUEUED))
		return;
	need = stream_need(sub, e, r);
	if (keeps_scope(s, sub, need))
		return;
	if (is_unsayable(s, sub, need)) {
		e->flags &= ~(uint32_t)(ENTRY_HELD | ENTRY_FORCE);
		e->flags |= ENTRY_ABSENT;
		need = NEED_NOTHING;
	}
	if (sub->kind == RESOURCE_LISTENER && need == NEED_NOTHING && r->item &&
	    !(e->flags & ENTRY_REJECTED))
		bounds_set(&s->bounds, r->id, r->item);
	if (need == NEED_PUT)
		subscription_queue(sub, e, &sub->puts, floor, gates(sub->kind, e));
	else if (need != NEED_NOTHING)
		subscription_queue(sub, e, &sub->removals, floor, false);
	else if (!r->item && !(e->flags & ENTRY_NAMED))
		subscription_remove(sub, s->c.store, e);
	else
		subscription_rest(sub, e, r);
}

static void add_unless_there(struct subscription *sub, struct resource *r)
{
	struct entry now;

	if (!subscription_look(sub, r, &now))
		(void)subscription_add(sub, r);
}

/* Makes entries for all resources that the wildcard covers. */
static void add_all(struct stream *s, struct subscription *sub)
{
	size_t n;
	struct resource **all = resource_store_sorted(s->c.store, sub->kind, &n);

	for (size_t i = 0; i < n; i++)
		if (stream_sees(s, all[i]))
			add_unless_there(sub, all[i]);
}

static bool is_claimed(struct stream *s, struct subscription *sub)
{
	char text[ANSWER_VERSION_SIZE];
	uint8_t version[16];

	if (!sub->claimed[0] || !sub->wildcard || !answer_is_full(s, sub->kind))
		return false;
	answer_full_version(s, sub, version);
	answer_version_text(version, text);
	if (strcmp(text, sub->claimed) != 0)
		return false;
	memcpy(sub->last_version, version, sizeof(version));
	return true;
}

void stream_consider_all(struct stream *s, struct subscription *sub, bool missing)
{
	_cleanup_free_ struct resource **all = NULL;
	bool claimed;
	size_t n;

	if (sub->wildcard)
		add_all(s, sub);
	/* A client that comes back with the version of exactly this world gets no answer. */
	claimed = is_claimed(s, sub);
	if (claimed)
		sub->owes = false;
	sub->claimed[0] = '\0';
	all = missing ? subscription_resources(sub, s->c.store, &n)
		      : subscription_existing(sub, s->c.store, &n);
	for (size_t i = 0; i < n; i++) {
		struct entry *e = subscription_awake(sub, all[i]->id);

		/* It is at rest. */
		if (!e)
			continue;
		if (claimed && stream_serves(s, all[i])->item) {
			e->flags |= ENTRY_HELD;
			e->have = stream_serves(s, all[i])->version;
		}
		stream_consider(s, sub, e, all[i], 0);
	}
}

void stream_follow_clusters(struct stream *s)
{
	struct subscription *clusters = s->subs[RESOURCE_CLUSTER];
	_cleanup_free_ struct resource **all = NULL;
	size_t n;

	if (!clusters)
		return;
	all = subscription_existing(clusters, s->c.store, &n);
	for (size_t i = 0; i < n; i++) {
		struct entry now;

		if (subscription_look(clusters, all[i], &now) && (now.flags & ENTRY_SENT))
			answer_follow(s, all[i], 0);
	}
}

/* ---- acknowledgements ---- */

/* refused: refused changes count as well. */
static uint64_t settled_source(const struct stream *s, bool refused)
{
	uint64_t floor = FLOOR_NONE;
	bool any = false;

	/* An Envoy that starts has clusters first, and has accepted a world when it has asked for
	 * listeners too. */
	if (!s->c.only && s->subs[RESOURCE_CLUSTER] && !s->subs[RESOURCE_LISTENER])
		return 0;
	for (unsigned k = 0; k < RESOURCE_KIND_MAX_; k++) {
		const struct subscription *sub = s->subs[k];

		if (!sub)
			continue;
		if ((sub->rejected && !refused) || sub->owes)
			return 0;
		any = true;
		floor = MIN(floor, floors_min(&sub->all));
	}
	if (floor == FLOOR_NONE)
		return any ? state_source(s->c.store->state) : 0;
	return resource_store_source_before(s->c.store, floor);
}

void stream_update_acked(struct stream *s)
{
	uint64_t acked = settled_source(s, false), answered = settled_source(s, true);

	if (acked <= s->info.acked_source && answered <= s->info.answered_source)
		return;
	s->info.acked_source = MAX(acked, s->info.acked_source);
	s->info.answered_source = MAX(answered, s->info.answered_source);
	s->c.ops->updated(s->c.ctx);
}

static void observe(struct stream *s, unsigned kind, const struct flight *f)
{
	uint64_t floor = FLOOR_NONE;
	int64_t at;

	for (size_t i = 0; i < f->n; i++)
		if (f->entries[i].floor)
			floor = MIN(floor, f->entries[i].floor);
	at = floor == FLOOR_NONE ? 0 : resource_store_time_of(s->c.store, floor);
	if (at)
		metric_observe(&s->c.stats->kinds[kind].commit_to_ack,
			       (double)(s->c.clock() - at) / USEC_PER_SEC);
}

/* Whether an error message names any of a response's resources. */
static bool names_any(const struct flight *f, const char *message)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->entries[i].what == FLIGHT_PUT &&
		    strstr(message, f->entries[i].resource->name))
			return true;
	return false;
}

/* How a response was taken. */
struct verdict {
	const char *message; /* of a rejection, else NULL */
	bool split;          /* to be found out resource by resource */
	bool names;          /* the message names the bad resources */
};

static bool is_blamed(const struct flight *f, const struct flight_entry *fe,
		      const struct verdict *v)
{
	if (!v->message || v->split || fe->what != FLIGHT_PUT)
		return false;
	return v->names ? strstr(v->message, fe->resource->name) != NULL : f->n_puts <= BLAMED_MAX;
}

static void land_entry(struct stream *s, struct subscription *sub, const struct flight *f,
		       const struct flight_entry *fe, const struct verdict *v)
{
	struct entry *e = subscription_find(sub, resource_base(fe->resource));
	bool split = v->split && fe->what == FLIGHT_PUT;

	subscription_settle(sub, fe->floor, fe->gating);
	if (sub->kind == RESOURCE_LISTENER && !v->message)
		bounds_set(&s->bounds, fe->resource->id, fe->what == FLIGHT_PUT ? fe->item : NULL);
	if (is_blamed(f, fe, v)) {
		if (e && e->have == resource_version_hash(item_meta(fe->item), fe->item->meta_len))
			subscription_reject(sub, e, true);
		s->c.ops->rejected(s->c.ctx, fe->item, v->message);
	}
	if (!e)
		return;
	/* In state of the world it is not in any queue. */
	if (fe->what == FLIGHT_ASIDE && !s->c.delta)
		e->flags &= ~(uint32_t)ENTRY_QUEUED;
	/* A removed resource can be on its way again already. */
	if (fe->what == FLIGHT_PUT)
		e->flags &= ~(uint32_t)(ENTRY_IN_FLIGHT | ENTRY_ALONE);
	if (split)
		e->flags |= ENTRY_ALONE | ENTRY_FORCE;
	stream_consider(s, sub, e, fe->resource, split ? fe->floor : f->turn + 1);
}

/* The refusal may have been about an address that is free now. */
static void try_listeners_again(struct stream *s, struct subscription *sub)
{
	_cleanup_free_ struct resource **all = NULL;
	size_t n;

	if (!sub->rejected)
		return;
	all = subscription_resources(sub, s->c.store, &n);
	for (size_t i = 0; i < n; i++) {
		struct entry *e = subscription_awake(sub, all[i]->id);

		if (!(e->flags & ENTRY_REJECTED))
			continue;
		e->flags |= ENTRY_FORCE;
		stream_consider(s, sub, e, all[i], s->c.store->turn);
	}
}

static void land(struct stream *s, struct subscription *sub, struct flight *flying,
		 const char *message)
{
	struct flight f = subscription_land(sub, flying);
	struct verdict v = {
		.message = message,
		.split = message && f.n_puts > 1 && !answer_is_full(s, sub->kind),
	};

	/* Searching thousands of bytes for thousands of names is slow: only when it matters. */
	v.names = message && f.n_puts > 1 && !v.split && names_any(&f, message);

	if (message) {
		s->info.nacks++;
		s->info.nacked_usec = clock_realtime();
		s->c.stats->kinds[sub->kind].nacks++;
		s->c.stats->splits += v.split;
		scrub(message, s->info.last_reject, sizeof(s->info.last_reject));
	} else {
		s->info.acks++;
		s->info.acked_usec = clock_realtime();
		s->c.stats->kinds[sub->kind].acks++;
		observe(s, sub->kind, &f);
	}
	for (size_t i = 0; i < f.n; i++)
		land_entry(s, sub, &f, &f.entries[i], &v);
	if (sub->kind == RESOURCE_LISTENER && !message && f.n)
		try_listeners_again(s, sub);
	flight_done(&f, s->c.store);
	stream_update_acked(s);
	s->c.ops->updated(s->c.ctx);
}

/* ---- requests ---- */

static unsigned kind_of(struct stream *s, const struct request *q)
{
	unsigned kind;

	if (s->c.only && !q->type_url[0])
		return s->c.only;
	kind = resource_kind_of_url(q->type_url);
	return s->c.only && kind != s->c.only ? 0 : kind;
}

/* The client's word alone never decides: it must match the identity that it has shown, unless it is
 * trusted. */
static int find_fleet(struct stream *s, const struct request_node *n)
{
	const char *name = s->c.fleet;
	size_t said_len, len = strlen(name);
	const char *said = n ? fleet_of_uri(n->cluster, strlen(n->cluster), &said_len) : NULL;

	if (said && !s->c.trusted && (said_len != len || memcmp(said, name, len) != 0))
		return -EACCES;
	if (said) {
		name = said;
		len = said_len;
	}
	s->fleet = fleet_get(&s->c.store->fleets, name, len);
	s->caught_up = s->fleet && stream_ready(s);
	return s->fleet ? 0 : -EACCES;
}

static void take_node(struct stream *s, const struct request_node *n)
{
	if (!n || !n->id[0] || s->info.named)
		return;
	s->info.named = true;
	(void)snprintf(s->info.node_id, STREAM_TEXT_MAX, "%s", n->id);
	(void)snprintf(s->info.node_cluster, STREAM_TEXT_MAX, "%s", n->cluster);
	(void)snprintf(s->info.agent, STREAM_TEXT_MAX, "%s", n->agent);
	s->info.newer = n->newer;
	s->c.ops->updated(s->c.ctx);
}

/* 1: the request has names to take in. */
static int take_request(struct stream *s, const struct request *q)
{
	unsigned kind = kind_of(s, q);
	struct subscription *sub;
	struct flight *f;
	bool first;
	int r;

	r = s->fleet ? 0 : find_fleet(s, q->node);
	if (r < 0)
		return r;
	take_node(s, q->node);
	/* "The node identifier should always be present in the first message on the stream." */
	if (!s->info.named)
		return -ENODATA;
	if (!kind) {
		s->c.stats->unknown_types++;
		return s->c.only ? -EBADMSG : 0;
	}
	first = !s->subs[kind];
	if (first)
		s->subs[kind] = subscription_new(kind, s->c.delta, s->info.newer);
	sub = s->subs[kind];
	s->c.stats->kinds[kind].requests++;
	f = q->nonce[0] ? subscription_flight(sub, strtoull(q->nonce, NULL, 10)) : NULL;
	if (f)
		land(s, sub, f, q->rejects ? q->error : NULL);
	else if (q->nonce[0] && !first && strtoull(q->nonce, NULL, 10) != sub->last_nonce)
		s->c.stats->stale++;
	/* An outdated list: the client repeats it when it answers the message that is on the
	 * way. */
	if (!s->c.delta && sub->last_nonce && strtoull(q->nonce, NULL, 10) != sub->last_nonce)
		return 0;
	intake_begin(s, sub, q, first);
	return 1;
}

int stream_continue(struct stream *s)
{
	size_t left = INTAKE_PIECE;
	int r = intake_piece(s, &left);

	if (r == 0)
		stream_pump(s);
	return r;
}

int stream_begin(struct stream *s, const uint8_t *data, size_t len)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(4096);
	struct request q;
	int r = request_read(a, s->c.delta, data, len, &q);

	if (r == 0)
		r = take_request(s, &q);
	if (r == 0)
		stream_pump(s);
	return r > 0 ? stream_continue(s) : r;
}

int stream_request(struct stream *s, const uint8_t *data, size_t len)
{
	int r = stream_begin(s, data, len);

	while (r > 0)
		r = stream_continue(s);
	return r;
}

/* ---- the world, and time ---- */

static void take_change(struct stream *s, struct resource *r)
{
	struct subscription *sub = s->subs[r->kind];
	bool exists = r->item && stream_sees(s, r);
	struct entry *e;

	if (!sub)
		return;
	e = subscription_find(sub, r);
	/* A kept resource may refer to this cluster, which the client will never get. */
	if (r->kind == RESOURCE_CLUSTER && !exists && e && !(e->flags & ENTRY_HELD))
		pins_clear(&s->pins, s->c.store);
	if (!e && sub->wildcard && exists)
		e = subscription_add(sub, r);
	if (e)
		stream_consider(s, sub, e, r, s->c.store->turn);
}

void stream_world(struct stream *s, bool first)
{
	const struct resource_store *store = s->c.store;

	for (size_t i = 0; i < store->n_changed; i++)
		if (s->subs[store->changed[i]->kind])
			subscription_rouse(s->subs[store->changed[i]->kind], store->changed[i]);
	/* A client of a deleted fleet keeps its resources until the fleet comes back. */
	if (!stream_ready(s)) {
		s->caught_up = false;
		return;
	}
	if (first || !s->caught_up) {
		s->caught_up = true;
		for (unsigned k = 0; k < RESOURCE_KIND_MAX_; k++)
			if (s->subs[k])
				stream_consider_all(s, s->subs[k], true);
		stream_follow_clusters(s);
	} else {
		for (size_t i = 0; i < store->n_changed; i++)
			take_change(s, store->changed[i]);
		if (s->keeps_scopes && s->subs[RESOURCE_SCOPED_ROUTE] && has_scopes(s)) {
			s->keeps_scopes = false;
			stream_consider_all(s, s->subs[RESOURCE_SCOPED_ROUTE], true);
		}
	}
	stream_update_acked(s);
}

static void arm(struct stream *s, int64_t now)
{
	int64_t at = s->gated_since + STREAM_GATE_USEC, patience = s->opened + STREAM_PATIENCE_USEC;

	s->c.ops->timer(s->c.ctx, now < patience ? MIN(at, patience) : at);
}

void stream_pump(struct stream *s)
{
	if (s->sending || s->intake.sub || !stream_ready(s))
		return;
	if (answer_next(s))
		return;
	if (!s->blocked) {
		s->gated_since = 0;
	} else if (!s->gated_since) {
		s->gated_since = s->c.clock();
		arm(s, s->gated_since);
	}
	stream_update_acked(s);
}

void stream_sent(struct stream *s)
{
	assert(s->sending);
	s->sending = false;
	stream_pump(s);
}

static void open_gates(struct stream *s)
{
	s->gated_since = 0;
	s->c.stats->gate_timeouts++;
	for (unsigned k = 0; k < RESOURCE_KIND_MAX_; k++)
		if (s->subs[k])
			subscription_ungate(s->subs[k]);
}

void stream_timer(struct stream *s)
{
	int64_t now = s->c.clock();

	if (!s->gated_since)
		return;
	if (now >= s->gated_since + STREAM_GATE_USEC)
		open_gates(s);
	else
		arm(s, now);
	stream_pump(s);
}
