/* The rules of an xDS stream: what a client asks for, holds, accepts and refuses. answer.c decides
 * what it is sent. Used by xds-server, for every stream of every Envoy. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "xds-server/answer.h"
#include "xds-server/scrub.h"
#include "xds-server/stream.h"

/* Where a client does not say which of the resources it means. */
#define BLAMED_MAX 4

const double stream_buckets[STREAM_BUCKETS] = { 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
						0.05,   0.1,   0.25,   0.5,   1,    5 };

struct stream *stream_new(const struct stream_config *config)
{
	struct stream *s = xnew(struct stream, 1);

	s->c = *config;
	s->opened = s->c.clock();
	return s;
}

void stream_free(struct stream *s)
{
	if (!s)
		return;
	for (unsigned k = 0; k < RESOURCE_KIND_MAX_; k++)
		subscription_free(s->subs[k], s->c.store);
	pins_clear(&s->pins, s->c.store);
	free(s);
}

/* ---- what a client needs ---- */

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
		/* A cluster cannot be used before its first endpoints; new ones hold up nobody. */
		return !(e->flags & ENTRY_HELD) || (e->flags & ENTRY_FORCE);
	default:
		return false;
	}
}

/* State of the world has no way to say that something does not exist, but for the kinds of which
 * everything is sent. */
static bool is_unsayable(const struct stream *s, const struct subscription *sub, enum stream_need need)
{
	if (s->c.delta || need == NEED_NOTHING || need == NEED_PUT)
		return false;
	return need == NEED_ABSENT || !answer_is_full(s, sub->kind);
}

/* The entry may be gone afterwards. */
void stream_consider(struct stream *s, struct subscription *sub, struct entry *e,
		     struct resource *r, uint64_t floor)
{
	enum stream_need need;

	r = stream_serves(s, r);
	if (e->flags & (ENTRY_IN_FLIGHT | ENTRY_QUEUED))
		return;
	need = stream_need(sub, e, r);
	if (is_unsayable(s, sub, need)) {
		e->flags &= ~(uint32_t)(ENTRY_HELD | ENTRY_FORCE);
		e->flags |= ENTRY_ABSENT;
		need = NEED_NOTHING;
	}
	if (need == NEED_PUT)
		subscription_queue(sub, e, &sub->puts, floor, gates(sub->kind, e));
	else if (need != NEED_NOTHING)
		subscription_queue(sub, e, &sub->removals, floor, false);
	else if (!r->item && !(e->flags & ENTRY_NAMED))
		subscription_remove(sub, s->c.store, e);
}

/* Makes entries for all that the wildcard stands for. */
static void add_all(struct stream *s, struct subscription *sub)
{
	size_t n;
	struct resource **all = resource_store_sorted(s->c.store, sub->kind, &n);

	for (size_t i = 0; i < n; i++)
		(void)subscription_add(sub, all[i]);
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

/* Looks at everything that is subscribed, in the order of names. */
static void consider_all(struct stream *s, struct subscription *sub)
{
	_cleanup_free_ struct resource **all = NULL;
	bool claimed;
	size_t n;

	if (sub->wildcard)
		add_all(s, sub);
	/* A client that comes back with the version of just this world is sent nothing. */
	claimed = is_claimed(s, sub);
	if (claimed)
		sub->owes = false;
	sub->claimed[0] = '\0';
	all = subscription_resources(sub, s->c.store, &n);
	for (size_t i = 0; i < n; i++) {
		struct entry *e = subscription_find(sub, all[i]->id);

		if (claimed && all[i]->item) {
			e->flags |= ENTRY_HELD;
			e->have = stream_serves(s, all[i])->version;
		}
		stream_consider(s, sub, e, all[i], 0);
	}
}

/* Forgets what is neither named nor covered by the wildcard. */
static void drop_unsubscribed(struct stream *s, struct subscription *sub)
{
	_cleanup_free_ struct resource **all = NULL;
	size_t n;

	all = subscription_resources(sub, s->c.store, &n);
	for (size_t i = 0; i < n; i++) {
		struct entry *e = subscription_find(sub, all[i]->id);

		e->flags &= ~(uint32_t)ENTRY_FRESH;
		if (!sub->wildcard && !(e->flags & ENTRY_NAMED))
			subscription_remove(sub, s->c.store, e);
	}
}

/* Envoy warms a cluster that we sent before it named its endpoints on this stream, and does not take
 * those that it holds from before: they have to come again. */
static void follow_clusters(struct stream *s)
{
	struct subscription *clusters = s->subs[RESOURCE_CLUSTER];
	_cleanup_free_ struct resource **all = NULL;
	size_t n;

	if (!clusters)
		return;
	all = subscription_resources(clusters, s->c.store, &n);
	for (size_t i = 0; i < n; i++)
		if (subscription_find(clusters, all[i]->id)->flags & ENTRY_SENT)
			answer_follow(s, all[i], 0);
}

/* ---- acknowledgements ---- */

static uint64_t acked_source(const struct stream *s)
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
		if (sub->rejected || sub->owes)
			return 0;
		any = true;
		floor = MIN(floor, floors_min(&sub->all));
	}
	if (floor == FLOOR_NONE)
		return any ? state_source(s->c.store->state) : 0;
	return resource_store_source_before(s->c.store, floor);
}

int stream_accepts(const struct stream *s, struct resource *r)
{
	const struct subscription *sub = s->subs[r->kind];
	const struct entry *e = sub ? subscription_find(sub, r->id) : NULL;

	if (sub && stream_serves(s, r) != r)
		return 2;
	if (!e)
		return sub && sub->wildcard ? -1 : 0;
	if (e->flags & (ENTRY_REJECTED | ENTRY_IN_FLIGHT | ENTRY_QUEUED))
		return -1;
	return (e->flags & ENTRY_HELD) && e->have == r->version ? 1 : -1;
}

static void update_acked(struct stream *s)
{
	uint64_t source = acked_source(s);

	if (source <= s->info.acked_source)
		return;
	s->info.acked_source = source;
	s->c.ops->updated(s->c.ctx);
}

static void observe(struct stream *s, unsigned kind, const struct flight *f)
{
	struct stream_kind_stats *stats = &s->c.stats->kinds[kind];
	uint64_t floor = FLOOR_NONE;
	double seconds;
	int64_t at;
	size_t b = 0;

	for (size_t i = 0; i < f->n; i++)
		if (f->entries[i].floor)
			floor = MIN(floor, f->entries[i].floor);
	at = floor == FLOOR_NONE ? 0 : resource_store_time_of(s->c.store, floor);
	if (!at)
		return;
	seconds = (double)(s->c.clock() - at) / USEC_PER_SEC;
	while (b < STREAM_BUCKETS && seconds > stream_buckets[b])
		b++;
	stats->buckets[b]++;
	stats->n_observed++;
	stats->seconds_observed += seconds;
}

/* Whether an error message names any of a response's resources. */
static bool names_any(const struct flight *f, const char *message)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->entries[i].what == FLIGHT_PUT && strstr(message, f->entries[i].resource->name))
			return true;
	return false;
}

/* How a response was taken. */
struct verdict {
	const char *message; /* of a rejection, else NULL */
	bool split;          /* to be found out resource by resource */
	bool names;          /* the message names those that are bad */
};

static bool is_blamed(const struct flight *f, const struct flight_entry *fe, const struct verdict *v)
{
	if (!v->message || v->split || fe->what != FLIGHT_PUT)
		return false;
	return v->names ? strstr(v->message, fe->resource->name) != NULL : f->n_puts <= BLAMED_MAX;
}

static void land_entry(struct stream *s, struct subscription *sub, const struct flight *f,
		       const struct flight_entry *fe, const struct verdict *v)
{
	struct entry *e = subscription_find(sub, fe->resource->id);
	bool split = v->split && fe->what == FLIGHT_PUT;

	subscription_settle(sub, fe->floor, fe->gating);
	if (is_blamed(f, fe, v)) {
		if (e && e->have == resource_version_hash(item_meta(fe->item), fe->item->meta_len))
			subscription_reject(sub, e, true);
		s->c.ops->rejected(s->c.ctx, fe->item, v->message);
	}
	if (!e)
		return;
	/* What was removed can be on its way again already. */
	if (fe->what == FLIGHT_PUT)
		e->flags &= ~(uint32_t)(ENTRY_IN_FLIGHT | ENTRY_ALONE);
	if (split)
		e->flags |= ENTRY_ALONE | ENTRY_FORCE;
	stream_consider(s, sub, e, fe->resource, split ? fe->floor : f->turn + 1);
}

static void land(struct stream *s, struct subscription *sub, struct flight *flying, const char *message)
{
	struct flight f = subscription_land(sub, flying);
	struct verdict v = {
		.message = message,
		.split = message && f.n_puts > 1 && !answer_is_full(s, sub->kind),
		.names = message && f.n_puts > 1 && names_any(&f, message),
	};

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
	flight_done(&f, s->c.store);
	update_acked(s);
	s->c.ops->updated(s->c.ctx);
}

/* ---- requests ---- */

/* "Everything". Not of secrets: with on-demand certificates Envoy asks for what a client of its own sent. */
static bool is_star(const struct subscription *sub, const char *name)
{
	return name[0] == '*' && name[1] == '\0' && sub->kind != RESOURCE_SECRET;
}

/* An empty subscription means everything for these; scoped routes are asked for in the same way. */
static bool has_wildcard(unsigned kind)
{
	return kind == RESOURCE_CLUSTER || kind == RESOURCE_LISTENER || kind == RESOURCE_SCOPED_ROUTE;
}

/* The entry of a name in a request; NULL if that would be too much. */
static struct entry *add_name(struct stream *s, struct subscription *sub, const char *name,
			      struct resource **ret_r)
{
	size_t len = strlen(name);
	struct entry *e;

	if (len > RESOURCE_NAME_MAX || sub->n >= STREAM_NAMES_MAX ||
	    sub->name_bytes > STREAM_NAME_BYTES_MAX)
		return NULL;
	*ret_r = resource_store_intern(s->c.store, sub->kind, name, len);
	e = subscription_add(sub, *ret_r);
	resource_store_unref(s->c.store, *ret_r);
	return e;
}

static int take_initial(struct stream *s, struct subscription *sub, const struct request *q)
{
	struct resource *r;

	for (size_t i = 0; i < q->n_initial; i++) {
		struct entry *e = add_name(s, sub, q->initial[i].name, &r);

		if (!e)
			return -E2BIG;
		e->flags |= ENTRY_HELD | ENTRY_FRESH;
		e->have = resource_version_hash(q->initial[i].version, strlen(q->initial[i].version));
	}
	return 0;
}

static void unsubscribe(struct stream *s, struct subscription *sub, const char *name)
{
	struct resource *r = resource_store_find(s->c.store, sub->kind, name, strlen(name));
	struct entry *e = r ? subscription_find(sub, r->id) : NULL;

	if (!e || !(e->flags & ENTRY_NAMED))
		return;
	if (!sub->wildcard) {
		subscription_remove(sub, s->c.store, e);
		return;
	}
	/* It has forgotten the resource, which the wildcard may cover: it has to be told. */
	e->flags &= ~(uint32_t)(ENTRY_NAMED | ENTRY_ABSENT);
	e->flags |= ENTRY_FORCE;
	if (resource_store_complete(s->c.store))
		stream_consider(s, sub, e, r, 0);
}

/* Returns whether everything has to be looked at. */
static bool take_wildcard(struct stream *s, struct subscription *sub, const struct request *q, bool first)
{
	bool before = sub->wildcard;

	for (size_t i = 0; i < q->n_unsubscribe; i++)
		if (is_star(sub, q->unsubscribe[i]))
			sub->wildcard = false;
	if (before && !sub->wildcard)
		drop_unsubscribed(s, sub);
	if (first && !q->n_names && has_wildcard(sub->kind))
		sub->wildcard = true;
	for (size_t i = 0; i < q->n_names; i++)
		if (is_star(sub, q->names[i]))
			sub->wildcard = true;
	/* Envoy waits for a first answer; one that comes back with resources does not. */
	if (sub->wildcard && !before)
		sub->owes = q->n_initial == 0;
	return first || (sub->wildcard && !before);
}

static int request_delta(struct stream *s, struct subscription *sub, const struct request *q, bool first)
{
	bool complete = resource_store_complete(s->c.store), all;
	struct resource *r;

	all = take_wildcard(s, sub, q, first);
	for (size_t i = 0; i < q->n_unsubscribe; i++)
		unsubscribe(s, sub, q->unsubscribe[i]);
	if (first && take_initial(s, sub, q) < 0)
		return -E2BIG;
	for (size_t i = 0; i < q->n_names; i++) {
		struct entry *e;

		if (is_star(sub, q->names[i]))
			continue;
		e = add_name(s, sub, q->names[i], &r);
		if (!e)
			return -E2BIG;
		e->flags |= ENTRY_NAMED;
		/* Who subscribes again has forgotten it, unless the request says otherwise. */
		if (!(e->flags & ENTRY_FRESH)) {
			e->flags &= ~(uint32_t)ENTRY_ABSENT;
			e->flags |= ENTRY_FORCE;
		}
		if (complete && !all)
			stream_consider(s, sub, e, r, 0);
	}
	if (first)
		drop_unsubscribed(s, sub);
	if (complete && all)
		consider_all(s, sub);
	if (complete && first && sub->kind == RESOURCE_ENDPOINT)
		follow_clusters(s);
	return 0;
}

/* A state-of-the-world request repeats the whole list. */
static int take_list(struct stream *s, struct subscription *sub, const struct request *q)
{
	bool complete = resource_store_complete(s->c.store);
	struct resource *r;

	for (size_t i = 0; i < q->n_names; i++) {
		struct entry *e;
		bool new_name;

		if (is_star(sub, q->names[i]))
			continue;
		e = add_name(s, sub, q->names[i], &r);
		if (!e)
			return -E2BIG;
		new_name = !(e->flags & ENTRY_NAMED);
		e->flags |= ENTRY_NAMED | ENTRY_FRESH;
		if (new_name && complete)
			stream_consider(s, sub, e, r, 0);
	}
	return 0;
}

/* Names that are not on the list any more. */
static void drop_unlisted(struct stream *s, struct subscription *sub)
{
	_cleanup_free_ struct resource **all = NULL;
	size_t n;

	all = subscription_resources(sub, s->c.store, &n);
	for (size_t i = 0; i < n; i++) {
		struct entry *e = subscription_find(sub, all[i]->id);

		if (!(e->flags & ENTRY_FRESH))
			e->flags &= ~(uint32_t)ENTRY_NAMED;
		e->flags &= ~(uint32_t)ENTRY_FRESH;
		if (!sub->wildcard && !(e->flags & ENTRY_NAMED))
			subscription_remove(sub, s->c.store, e);
	}
}

static int request_sotw(struct stream *s, struct subscription *sub, const struct request *q, bool first)
{
	bool before = sub->wildcard, star = false;

	if (first)
		(void)snprintf(sub->claimed, sizeof(sub->claimed), "%s", q->version);
	for (size_t i = 0; i < q->n_names; i++)
		star |= is_star(sub, q->names[i]);
	sub->named_once |= q->n_names > 0;
	sub->wildcard = star || (!sub->named_once && has_wildcard(sub->kind));
	if (take_list(s, sub, q) < 0)
		return -E2BIG;
	if (sub->named_once)
		drop_unlisted(s, sub);
	if (first || (sub->wildcard && !before))
		sub->owes = true;
	if (resource_store_complete(s->c.store) && (first || sub->wildcard != before))
		consider_all(s, sub);
	return 0;
}

static unsigned kind_of(struct stream *s, const struct request *q)
{
	unsigned kind;

	if (s->c.only && !q->type_url[0])
		return s->c.only;
	kind = resource_kind_of_url(q->type_url);
	return s->c.only && kind != s->c.only ? 0 : kind;
}

static void take_node(struct stream *s, const struct request_node *n)
{
	if (!n || s->info.named)
		return;
	s->info.named = true;
	(void)snprintf(s->info.node_id, STREAM_TEXT_MAX, "%s", n->id);
	(void)snprintf(s->info.node_cluster, STREAM_TEXT_MAX, "%s", n->cluster);
	(void)snprintf(s->info.agent, STREAM_TEXT_MAX, "%s", n->agent);
	s->info.newer = n->newer;
	s->c.ops->updated(s->c.ctx);
}

static int take_request(struct stream *s, const struct request *q)
{
	unsigned kind = kind_of(s, q);
	struct subscription *sub;
	struct flight *f;
	bool first;
	int r;

	take_node(s, q->node);
	if (!kind) {
		s->c.stats->unknown_types++;
		return s->c.only ? -EBADMSG : 0;
	}
	first = !s->subs[kind];
	if (first)
		s->subs[kind] = subscription_new(kind);
	sub = s->subs[kind];
	s->c.stats->kinds[kind].requests++;
	f = q->nonce[0] ? subscription_flight(sub, strtoull(q->nonce, NULL, 10)) : NULL;
	if (f)
		land(s, sub, f, q->rejects ? q->error : NULL);
	else if (q->nonce[0] && !first && strtoull(q->nonce, NULL, 10) != sub->last_nonce)
		s->c.stats->stale++;
	if (s->c.delta) {
		r = request_delta(s, sub, q, first);
	} else {
		/* An outdated list: the client repeats it with its answer to what is on the way. */
		if (sub->last_nonce && strtoull(q->nonce, NULL, 10) != sub->last_nonce)
			return 0;
		r = request_sotw(s, sub, q, first);
	}
	update_acked(s);
	return r;
}

int stream_request(struct stream *s, const uint8_t *data, size_t len)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(4096);
	struct request q;
	int r = request_read(a, s->c.delta, data, len, &q);

	if (r == 0)
		r = take_request(s, &q);
	if (r == 0)
		stream_pump(s);
	return r;
}

/* ---- the world, and time ---- */

static void take_change(struct stream *s, struct resource *r)
{
	struct subscription *sub = s->subs[r->kind];
	struct entry *e;

	if (!sub)
		return;
	e = subscription_find(sub, r->id);
	/* What was kept may refer to this cluster, which the client will never get. */
	if (r->kind == RESOURCE_CLUSTER && !r->item && e && !(e->flags & ENTRY_HELD))
		pins_clear(&s->pins, s->c.store);
	if (!e && sub->wildcard && r->item)
		e = subscription_add(sub, r);
	if (e)
		stream_consider(s, sub, e, r, s->c.store->turn);
}

void stream_world(struct stream *s, bool first)
{
	const struct resource_store *store = s->c.store;

	if (first) {
		for (unsigned k = 0; k < RESOURCE_KIND_MAX_; k++)
			if (s->subs[k])
				consider_all(s, s->subs[k]);
		follow_clusters(s);
	} else {
		for (size_t i = 0; i < store->n_changed; i++)
			take_change(s, store->changed[i]);
	}
	update_acked(s);
}

static void arm(struct stream *s, int64_t now)
{
	int64_t at = s->gated_since + STREAM_GATE_USEC, patience = s->opened + STREAM_PATIENCE_USEC;

	s->c.ops->timer(s->c.ctx, now < patience ? MIN(at, patience) : at);
}

void stream_pump(struct stream *s)
{
	if (s->sending || !resource_store_complete(s->c.store))
		return;
	if (answer_next(s))
		return;
	if (!s->blocked) {
		s->gated_since = 0;
	} else if (!s->gated_since) {
		s->gated_since = s->c.clock();
		arm(s, s->gated_since);
	}
	update_acked(s);
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
