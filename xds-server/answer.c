/* The order in which a stream's client learns of changes, and the responses themselves.
 *
 * Make before break: first clusters and endpoints, then the resources that refer to them
 * (listeners, scopes, routes), which wait until the clusters are acknowledged; removals come last.
 * A change waits only for changes that it can depend on: a route waits for clusters that changed in
 * the same turn or before. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/base/alloc.h"
#include "xds-server/answer.h"
#include "xds-server/listener-order.h"
#include "xds-server/message.h"

/* How far a queue is searched for an element that may go now. */
#define SEARCH_MAX 256
/* Resources of one answer, and removals. */
#define PUTS_MAX     16384
#define REMOVALS_MAX 4096
/* Envoy takes ten milliseconds and more for a resource of that size: small ones of the same change
 * or before go first. */
#define LARGE_BYTES (64u << 10)

static const struct {
	enum resource_kind kind;
	bool waits; /* for clusters and endpoints */
} put_order[] = {
	{ RESOURCE_CLUSTER, false },     { RESOURCE_ENDPOINT, false },
	{ RESOURCE_SECRET, false },      { RESOURCE_EXTENSION_CONFIG, false },
	{ RESOURCE_RUNTIME, false },     { RESOURCE_LISTENER, true },
	{ RESOURCE_SCOPED_ROUTE, true }, { RESOURCE_ROUTE, true },
	{ RESOURCE_VIRTUAL_HOST, true },
};

static const enum resource_kind removal_order[] = {
	RESOURCE_LISTENER,     RESOURCE_SCOPED_ROUTE,     RESOURCE_ROUTE,
	RESOURCE_VIRTUAL_HOST, RESOURCE_CLUSTER,          RESOURCE_ENDPOINT,
	RESOURCE_SECRET,       RESOURCE_EXTENSION_CONFIG, RESOURCE_RUNTIME,
};

struct pick {
	struct resource *r;
	struct item *item; /* of a put: the version that is sent, borrowed */
	uint64_t version;
	uint64_t floor;
	enum flight_what what;
	bool gating;
};

struct picks {
	struct pick *p;
	size_t n, cap, n_puts;
	size_t bytes;
	const struct pin *pin; /* of the only resource, if an older version of it is sent */
};

static void picks_done(struct picks *p)
{
	free(p->p);
}

/* ---- order ---- */

static bool outstanding(const struct stream *s, enum resource_kind kind, uint64_t turn)
{
	return s->subs[kind] && floors_min(&s->subs[kind]->gate) <= turn;
}

/* Whether the client may still lack a cluster that a change of this turn refers to. */
static bool put_waits(const struct stream *s, uint64_t turn)
{
	return outstanding(s, RESOURCE_CLUSTER, turn) || outstanding(s, RESOURCE_ENDPOINT, turn);
}

static bool refers(unsigned kind)
{
	return kind == RESOURCE_LISTENER || kind == RESOURCE_SCOPED_ROUTE ||
	       kind == RESOURCE_ROUTE || kind == RESOURCE_VIRTUAL_HOST;
}

/* Whether the client may still use a resource that was removed in this turn. A route can be so far
 * behind that its next change is its removal: clusters wait for that, too. */
static bool removal_waits(const struct stream *s, unsigned kind, uint64_t turn)
{
	if (put_waits(s, turn))
		return true;
	for (unsigned k = 0; k < RESOURCE_KIND_MAX_; k++) {
		const struct subscription *sub = s->subs[k];

		if (sub && refers(k) && floors_min(refers(kind) ? &sub->gate : &sub->all) <= turn)
			return true;
	}
	return false;
}

static bool puts_wait(const struct subscription *sub)
{
	if (!sub)
		return false;
	for (unsigned i = 0; i < sub->n_flights; i++)
		if (sub->flights[i].n_puts)
			return true;
	return !queue_empty(&sub->puts);
}

/* A listener that takes the place of another one asks for its secrets and routes before the client
 * accepts it, and begins when it has them. Until then the other one goes on with its own. */
static bool listener_may_lack(const struct stream *s, unsigned kind)
{
	return kind == RESOURCE_SECRET &&
	       (puts_wait(s->subs[RESOURCE_SECRET]) || puts_wait(s->subs[RESOURCE_ROUTE]));
}

/* A client that comes back reports the resources that it holds type by type. A removed one may be
 * in use by a route that it has not named yet. */
static bool waits_for_routes(const struct stream *s, unsigned kind)
{
	if (s->c.only || s->subs[RESOURCE_ROUTE] ||
	    s->c.clock() >= s->opened + STREAM_PATIENCE_USEC)
		return false;
	return kind == RESOURCE_CLUSTER || kind == RESOURCE_ENDPOINT || kind == RESOURCE_SECRET;
}

void answer_follow(struct stream *s, const struct resource *cluster, uint64_t floor)
{
	struct subscription *sub = s->subs[RESOURCE_ENDPOINT];
	struct resource *r = cluster->endpoints;
	struct entry now, *e;

	/* Resources that the client lacks come by themselves. */
	if (!sub || !r || !subscription_look(sub, r, &now) || !(now.flags & ENTRY_HELD))
		return;
	if ((now.flags & ENTRY_REJECTED) && now.have == r->version)
		return;
	e = subscription_find(sub, r);
	e->flags |= ENTRY_FORCE;
	stream_consider(s, sub, e, r, floor);
}

/* ---- choice ---- */

static void take(struct picks *p, const struct queued *el, struct resource *r,
		 enum flight_what what)
{
	GROW(p->p, p->n, p->cap);
	p->p[p->n++] = (struct pick){ r, r->item, r->version, el->floor, what, el->gating };
	p->n_puts += what == FLIGHT_PUT;
	p->bytes += what == FLIGHT_PUT ? resource_encoded_size(r, NULL) : (size_t)r->name_len + 4;
}

static void take_pin(struct picks *p, const struct queued *el, const struct pin *pin)
{
	GROW(p->p, p->n, p->cap);
	p->p[p->n++] = (struct pick){ pin->resource, pin->item,  pin->version,
				      el->floor,     FLIGHT_PUT, el->gating };
	p->n_puts++;
	p->pin = pin;
}

/* The entry of a queued element; NULL if it is not wanted any more, which is then settled. */
static struct entry *wanted(struct stream *s, struct subscription *sub, const struct queued *el,
			    struct resource **ret_r, enum stream_need *ret_need)
{
	struct entry *e = subscription_awake(sub, el->id);

	if (e && (e->flags & ENTRY_QUEUED)) {
		*ret_r = stream_serves(s, resource_store_by_id(s->c.store, sub->kind, el->id));
		*ret_need = stream_need(sub, e, *ret_r);
		if (*ret_need != NEED_NOTHING)
			return e;
		e->flags &= ~(uint32_t)ENTRY_QUEUED;
		subscription_rest(sub, e, *ret_r);
	} else {
		sub->stale--;
	}
	pins_drop(&s->pins, s->c.store, sub->kind, el->id);
	subscription_settle(sub, el->floor, el->gating);
	return NULL;
}

/* It came back, or went, while it was waiting. */
static void requeue(struct stream *s, struct subscription *sub, struct queued el, bool gone)
{
	s->returned |= !gone;
	if (gone)
		pins_drop(&s->pins, s->c.store, sub->kind, el.id);
	if (gone && el.gating) {
		floors_sub(&sub->gate, el.floor);
		el.gating = false;
	} else if (!gone && !el.gating) {
		floors_add(&sub->gate, el.floor);
		el.gating = true;
	}
	queue_push(gone ? &sub->removals : &sub->puts, el);
}

static size_t batch_limit(void)
{
	return buffer_total() > STREAM_SENDING_HIGH ? STREAM_BATCH_BYTES_LOW : STREAM_BATCH_BYTES;
}

/* The end of listeners that the picked one takes an address from. */
static void take_ends(struct stream *s, struct subscription *sub, const struct listener_order *o,
		      struct picks *p)
{
	struct queued el = { .floor = s->c.store->turn };

	for (size_t i = 0; i < o->n_aside; i++) {
		el.id = o->aside[i]->id;
		floors_add(&sub->all, el.floor);
		take(p, &el, o->aside[i], FLIGHT_ASIDE);
	}
	for (size_t i = 0; i < o->n_gone; i++)
		if (queue_take_out(&sub->removals, o->gone[i]->id, &el))
			take(p, &el, o->gone[i], FLIGHT_REMOVAL);
}

static bool is_large(const struct resource *r)
{
	return resource_encoded_size(r, NULL) > LARGE_BYTES;
}

/* Whether a small element in the queue is as old as this one, and may go. */
static bool small_is_queued(struct stream *s, struct subscription *sub, const struct queued *el,
			    bool waits)
{
	const struct queue *q = &sub->puts;

	for (size_t i = q->head + 1; i < q->n && i < q->head + SEARCH_MAX; i++) {
		const struct entry *e = subscription_awake(sub, q->q[i].id);
		struct resource *r;

		if (!e || !(e->flags & ENTRY_QUEUED) || q->q[i].floor > el->floor)
			continue;
		r = stream_serves(s, resource_store_by_id(s->c.store, sub->kind, q->q[i].id));
		if (r->item && !is_large(r) && !(waits && put_waits(s, r->turn)))
			return true;
	}
	return false;
}

/* A large change waits for small ones, and until the client has asked for the resources that the
 * listeners and scopes of that change named: it asks before it acknowledges them. It never waits
 * for later changes, so it goes out however many small ones follow. */
static bool stands_back(struct stream *s, struct subscription *sub, const struct queued *el,
			const struct resource *r, bool waits)
{
	if (!el->floor || !s->c.delta || s->c.only || !is_large(r))
		return false;
	if (sub->kind == RESOURCE_ROUTE && (outstanding(s, RESOURCE_LISTENER, el->floor) ||
					    outstanding(s, RESOURCE_SCOPED_ROUTE, el->floor))) {
		s->blocked = true;
		return true;
	}
	return small_is_queued(s, sub, el, waits);
}

static void pick_puts(struct stream *s, struct subscription *sub, bool waits, struct picks *p)
{
	struct queue *q = &sub->puts;
	bool burst = q->n - q->head > STREAM_BURST;
	struct queued kept[SEARCH_MAX];
	size_t n_kept = 0, limit = batch_limit();
	struct listener_order order;

	while (!queue_empty(q)) {
		struct queued el = q->q[q->head];
		enum stream_need need;
		struct resource *r;
		struct entry *e = wanted(s, sub, &el, &r, &need);
		bool batch, later = false;

		if (!e || need != NEED_PUT) {
			q->head++;
			if (e)
				requeue(s, sub, el, true);
			continue;
		}
		if (waits && put_waits(s, r->turn)) {
			const struct pin *pin = pins_find(&s->pins, r);

			if (pin && !p->n && !put_waits(s, pin->turn)) {
				take_pin(p, &el, pin);
				q->head++;
				break;
			}
			s->blocked = later = true;
			pins_add(&s->pins, s->c.store, r);
		} else if (sub->kind == RESOURCE_LISTENER && !listener_order(s, sub, r, &order)) {
			s->blocked = later = true;
		} else if (!p->n && !burst) {
			later = stands_back(s, sub, &el, r, waits);
		}
		if (later && n_kept < SEARCH_MAX) {
			kept[n_kept++] = q->q[q->head++];
			continue;
		}
		if (later)
			break;
		/* Answers to a question go together, changes one by one so that a bad one harms
		 * no other, unless there are very many: a rejected batch is repeated in pieces. */
		batch = (el.floor == 0 || burst) && !(e->flags & ENTRY_ALONE);
		if (p->n && !batch)
			break;
		take(p, &el, r, FLIGHT_PUT);
		q->head++;
		if (sub->kind == RESOURCE_LISTENER && order.n_aside + order.n_gone) {
			take_ends(s, sub, &order, p);
			break;
		}
		if (!batch || p->bytes >= limit || p->n >= PUTS_MAX)
			break;
	}
	while (n_kept)
		q->q[--q->head] = kept[--n_kept];
	queue_rest(q);
}

/* Removals, and answers about absent resources, which need not wait. */
static void pick_removals(struct stream *s, struct subscription *sub, struct picks *p)
{
	struct queue *q = &sub->removals;
	struct queued kept[SEARCH_MAX];
	size_t n_kept = 0;

	while (!queue_empty(q) && p->bytes < STREAM_BATCH_BYTES && p->n < REMOVALS_MAX) {
		struct queued el = q->q[q->head];
		enum stream_need need;
		struct resource *r;
		struct entry *e = wanted(s, sub, &el, &r, &need);

		if (!e || need == NEED_PUT) {
			q->head++;
			if (e)
				requeue(s, sub, el, false);
			continue;
		}
		if (need == NEED_REMOVAL &&
		    (removal_waits(s, sub->kind, r->turn) || listener_may_lack(s, sub->kind) ||
		     (!el.floor && waits_for_routes(s, sub->kind)))) {
			s->blocked = true;
			if (n_kept == SEARCH_MAX)
				break;
			kept[n_kept++] = el;
		} else {
			take(p, &el, r, need == NEED_REMOVAL ? FLIGHT_REMOVAL : FLIGHT_ABSENT);
		}
		q->head++;
	}
	while (n_kept)
		q->q[--q->head] = kept[--n_kept];
	queue_rest(q);
}

/* ---- sending ---- */

static void note_sent(struct subscription *sub, const struct pick *pick)
{
	struct entry *e = subscription_awake(sub, pick->r->id);

	if (pick->what == FLIGHT_ASIDE) {
		/* It waits to be put again; until then the client has no version of it. */
		e->flags &= ~(uint32_t)(ENTRY_HELD | ENTRY_FORMER);
		return;
	}
	/* What was in a rejected batch was not accepted. */
	if ((e->flags & ENTRY_HELD) && !(e->flags & (ENTRY_REJECTED | ENTRY_ALONE)))
		e->flags |= ENTRY_FORMER;
	e->flags &= ~(uint32_t)(ENTRY_QUEUED | ENTRY_FORCE);
	subscription_reject(sub, e, false);
	if (pick->what == FLIGHT_PUT) {
		e->flags &= ~(uint32_t)ENTRY_ABSENT;
		e->flags |= ENTRY_HELD | ENTRY_SENT | ENTRY_IN_FLIGHT;
		e->have = pick->version;
	} else {
		e->flags &= ~(uint32_t)(ENTRY_HELD | ENTRY_FORMER);
		e->flags |= ENTRY_ABSENT;
	}
}

static void fly(struct stream *s, struct subscription *sub, const struct picks *p)
{
	struct flight_entry *entries = p->n ? xnew(struct flight_entry, p->n) : NULL;

	for (size_t i = 0; i < p->n; i++) {
		const struct pick *pick = &p->p[i];

		note_sent(sub, pick);
		entries[i] = (struct flight_entry){
			.resource = resource_ref(pick->r),
			.item = pick->what == FLIGHT_PUT ? item_ref(pick->item) : NULL,
			.floor = pick->floor,
			.what = (uint8_t)pick->what,
			.gating = pick->gating,
		};
	}
	(void)subscription_fly(sub, s->nonce, p->pin ? p->pin->turn : s->c.store->turn, entries,
			       p->n, p->n_puts);
	if (sub->kind == RESOURCE_CLUSTER)
		for (size_t i = 0; i < p->n; i++)
			if (p->p[i].what == FLIGHT_PUT)
				answer_follow(s, p->p[i].r, p->p[i].floor);
}

static void add_removed(struct message *m, struct stream *s, const struct subscription *sub,
			const struct picks *p)
{
	struct resource **removed = xreallocarray(NULL, p->n + 1, sizeof(struct resource *));
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		if (p->p[i].what != FLIGHT_PUT)
			removed[n++] = p->p[i].r;
	message_add_tail(m, sub->kind, NULL, s->nonce, removed, n);
	free(removed);
}

/* puts: the resources of the response, which are more than were picked where all are sent. */
static void send_message(struct stream *s, struct subscription *sub, const struct picks *p,
			 struct resource **puts, size_t n_puts, const char *version)
{
	struct stream_kind_stats *stats = &s->c.stats->kinds[sub->kind];
	struct message m = { .delta = s->c.delta };

	s->nonce++;
	if (p->pin)
		message_add_pin(&m, p->pin);
	else if (sub->kind == RESOURCE_SECRET)
		message_add_secrets(&m, s->c.store, puts, n_puts);
	else
		message_add_resources(&m, s->c.store, puts, n_puts);
	if (m.delta)
		add_removed(&m, s, sub, p);
	else
		message_add_tail(&m, sub->kind, version, s->nonce, NULL, 0);
	fly(s, sub, p);
	for (size_t i = 0; i < p->n && s->pins.n; i++)
		pins_drop(&s->pins, s->c.store, sub->kind, p->p[i].r->id);
	sub->owes = false;
	sub->last_nonce = s->nonce;
	stats->responses++;
	stats->resources += n_puts;
	stats->removals += p->n - p->n_puts;
	stats->bytes += m.bytes;
	s->info.sent++;
	s->info.bytes += m.bytes;
	s->sending = true;
	s->c.ops->send(s->c.ctx, m.s, m.n);
	free(m.s);
}

/* ---- state of the world ---- */

void answer_version_text(const uint8_t version[16], char ret[ANSWER_VERSION_SIZE])
{
	for (size_t i = 0; i < 16; i++)
		(void)snprintf(ret + 2 * i, 3, "%02x", version[i]);
}

/* The version of an answer with these items. */
static void version_of(struct item *const *items, size_t n, uint8_t ret[16])
{
	XXH3_state_t x;
	XXH128_canonical_t out;

	XXH3_INITSTATE(&x);
	(void)XXH3_128bits_reset(&x);
	for (size_t i = 0; i < n; i++) {
		(void)XXH3_128bits_update(&x, item_key(items[i]), (size_t)items[i]->key_len + 1);
		(void)XXH3_128bits_update(&x, item_meta(items[i]), (size_t)items[i]->meta_len + 1);
	}
	XXH128_canonicalFromHash(&out, XXH3_128bits_digest(&x));
	memcpy(ret, out.digest, 16);
}

bool answer_is_full(const struct stream *s, unsigned kind)
{
	return !s->c.delta && (kind == RESOURCE_CLUSTER || kind == RESOURCE_LISTENER ||
			       kind == RESOURCE_SCOPED_ROUTE);
}

static void version_of_all(struct resource **r, size_t n, uint8_t ret[16])
{
	struct item **items = xreallocarray(NULL, n + 1, sizeof(struct item *));

	for (size_t i = 0; i < n; i++)
		items[i] = r[i]->item;
	version_of(items, n, ret);
	free(items);
}

/* The client's subscribed resources that exist, by name; the caller frees it. */
static struct resource **everything(struct stream *s, struct subscription *sub, size_t *ret_n)
{
	struct resource **all = subscription_existing(sub, s->c.store, ret_n);
	size_t n = 0;

	for (size_t i = 0; i < *ret_n; i++)
		if (stream_serves(s, all[i])->item)
			all[n++] = stream_serves(s, all[i]);
	*ret_n = n;
	return all;
}

void answer_full_version(struct stream *s, struct subscription *sub, uint8_t ret[16])
{
	_cleanup_free_ struct resource **all = NULL;
	size_t n;

	all = everything(s, sub, &n);
	version_of_all(all, n, ret);
}

/* The next answer holds everything that is queued. If it holds only removals, it waits for
 * resources that may still use the removed ones; with puts as well it cannot wait. */
static bool pick_full(struct stream *s, struct subscription *sub, bool waits, struct picks *p)
{
	struct queue *queues[] = { &sub->puts, &sub->removals };
	bool puts = !queue_empty(&sub->puts), removals = !queue_empty(&sub->removals);
	uint64_t turn = s->c.store->turn;

	if ((waits && put_waits(s, turn)) ||
	    (!puts && !sub->owes && removals && removal_waits(s, sub->kind, turn))) {
		s->blocked |= puts || removals;
		return false;
	}
	for (size_t i = 0; i < ARRAY_SIZE(queues); i++) {
		while (!queue_empty(queues[i])) {
			struct queued el = queues[i]->q[queues[i]->head++];
			enum stream_need need;
			struct resource *r;

			if (wanted(s, sub, &el, &r, &need))
				take(p, &el, r, need == NEED_PUT ? FLIGHT_PUT : FLIGHT_REMOVAL);
		}
		queue_rest(queues[i]);
	}
	return p->n || sub->owes;
}

static bool is_aside(const struct picks *p, const struct resource *r)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->p[i].r == r && p->p[i].what == FLIGHT_ASIDE)
			return true;
	return false;
}

/* Listeners that have to be away while others take their addresses: state of the world says so by
 * leaving them out once. */
static void leave_out(struct stream *s, struct subscription *sub, struct resource **all, size_t *n,
		      struct picks *p)
{
	struct listener_order order;

	for (size_t i = 0; i < *n; i++) {
		if (is_aside(p, all[i]) || !listener_order(s, sub, all[i], &order))
			continue;
		for (size_t k = 0; k < order.n_aside; k++)
			for (size_t j = 0; j < p->n; j++)
				if (p->p[j].r == order.aside[k] && p->p[j].what == FLIGHT_PUT) {
					p->p[j].what = FLIGHT_ASIDE;
					p->n_puts--;
				}
	}
	for (size_t j = 0; j < p->n; j++)
		for (size_t i = 0; p->p[j].what == FLIGHT_ASIDE && i < *n; i++)
			if (all[i] == p->p[j].r) {
				memmove(all + i, all + i + 1, (*n - i - 1) * sizeof(*all));
				(*n)--;
			}
}

static bool send_full(struct stream *s, struct subscription *sub, bool waits)
{
	_cleanup_(picks_done) struct picks p = { 0 };
	_cleanup_free_ struct resource **all = NULL;
	char text[ANSWER_VERSION_SIZE];
	uint8_t version[16];
	size_t n;

	if (!pick_full(s, sub, waits, &p))
		return false;
	all = everything(s, sub, &n);
	if (sub->kind == RESOURCE_LISTENER)
		leave_out(s, sub, all, &n, &p);
	version_of_all(all, n, version);
	if (!sub->owes && memcmp(version, sub->last_version, 16) == 0) {
		/* Changed and changed back: the client has it, or has refused it. */
		for (size_t i = 0; i < p.n; i++) {
			struct entry *e = subscription_awake(sub, p.p[i].r->id);

			note_sent(sub, &p.p[i]);
			e->flags &= ~(uint32_t)ENTRY_IN_FLIGHT;
			subscription_settle(sub, p.p[i].floor, p.p[i].gating);
			stream_consider(s, sub, e, p.p[i].r, 0);
		}
		return false;
	}
	memcpy(sub->last_version, version, 16);
	answer_version_text(version, text);
	send_message(s, sub, &p, all, n, text);
	return true;
}

/* ---- the next answer ---- */

static void send_picks(struct stream *s, struct subscription *sub, const struct picks *p)
{
	struct resource **puts = xreallocarray(NULL, p->n_puts + 1, sizeof(struct resource *));
	struct item **items = xreallocarray(NULL, p->n_puts + 1, sizeof(struct item *));
	char text[ANSWER_VERSION_SIZE];
	uint8_t version[16];
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		if (p->p[i].what == FLIGHT_PUT) {
			items[n] = p->p[i].item;
			puts[n++] = p->p[i].r;
		}
	if (!s->c.delta) {
		version_of(items, n, version);
		answer_version_text(version, text);
	}
	send_message(s, sub, p, puts, n, s->c.delta ? NULL : text);
	free(items);
	free(puts);
}

static bool has_room(const struct stream *s, const struct subscription *sub)
{
	return sub->n_flights < (s->c.delta ? FLIGHTS_MAX : 1);
}

static bool next_put(struct stream *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(put_order); i++) {
		struct subscription *sub = s->subs[put_order[i].kind];
		_cleanup_(picks_done) struct picks p = { 0 };

		if (!sub || !has_room(s, sub))
			continue;
		if (answer_is_full(s, sub->kind)) {
			if (send_full(s, sub, put_order[i].waits))
				return true;
			continue;
		}
		pick_puts(s, sub, put_order[i].waits, &p);
		if (!p.n && !(sub->owes && queue_empty(&sub->puts)))
			continue;
		send_picks(s, sub, &p);
		return true;
	}
	return false;
}

static bool next_removal(struct stream *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(removal_order); i++) {
		struct subscription *sub = s->subs[removal_order[i]];
		_cleanup_(picks_done) struct picks p = { 0 };

		if (!sub || !has_room(s, sub) || queue_empty(&sub->removals))
			continue;
		pick_removals(s, sub, &p);
		if (!p.n)
			continue;
		send_picks(s, sub, &p);
		return true;
	}
	return false;
}

bool answer_next(struct stream *s)
{
	do {
		s->blocked = s->returned = false;
		if (next_put(s) || (s->c.delta && next_removal(s)))
			return true;
	} while (s->returned);
	return false;
}
