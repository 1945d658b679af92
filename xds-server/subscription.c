/* The bookkeeping of one stream and kind. Used by xds-server's streams. */
#include <assert.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/hash.h"
#include "xds-server/subscription.h"

/* Fewer stale elements are not looked for. */
#define STALE_MIN 64
/* An empty queue keeps memory for this many elements. */
#define QUEUE_KEPT 64
/* A bitmap of that size is always worth it. */
#define BED_MIN 512
/* Fewer names, or a smaller share of all, are sorted by themselves. */
#define SORTED_MIN   64
#define SORTED_SHARE 8

/* The number of the first name of the element. */
static uint32_t first(uint32_t element, uint64_t bits)
{
	return element * 64 + (uint32_t)__builtin_ctzll(bits);
}

struct subscription *subscription_new(unsigned kind, bool delta, bool newer)
{
	struct subscription *s = xnew(struct subscription, 1);

	s->kind = kind;
	s->newer = newer;
	/* State of the world repeats its lists; listeners are few, and looked at often. */
	s->may_rest = delta && kind != RESOURCE_LISTENER;
	return s;
}

static void entry_done(struct flight_entry *e, struct resource_store *store)
{
	item_unref(e->item);
	resource_store_unref(store, e->resource);
}

void flight_done(struct flight *f, struct resource_store *store)
{
	for (size_t i = 0; i < f->n; i++)
		entry_done(&f->entries[i], store);
	free(f->entries);
}

static void shed_flights(struct subscription *s, struct resource_store *store, size_t *left)
{
	while (s->n_flights && *left) {
		struct flight *f = &s->flights[s->n_flights - 1];

		for (; f->n && *left; --*left)
			entry_done(&f->entries[--f->n], store);
		if (f->n)
			return;
		free(f->entries);
		s->n_flights--;
	}
}

bool subscription_shed(struct subscription *s, struct resource_store *store, size_t *left)
{
	shed_flights(s, store, left);
	for (; s->cap && *left; --*left) {
		uint32_t id = s->entries[--s->cap].id;

		if (id != ENTRY_NONE)
			resource_store_unref(store, resource_store_by_id(store, s->kind, id));
	}
	while (s->n_rest && *left) {
		struct rest *w = &s->rest[s->n_rest - 1];

		for (; w->at_rest && *left; w->at_rest &= w->at_rest - 1, --*left)
			resource_store_unref(
				store, resource_store_by_id(store, s->kind,
							    first(s->n_rest - 1, w->at_rest)));
		s->n_rest -= !w->at_rest;
	}
	return s->n_flights || s->cap || s->n_rest;
}

void subscription_free(struct subscription *s)
{
	if (!s)
		return;
	assert(!s->n_flights && !s->cap && !s->n_rest);
	free(s->entries);
	free(s->rest);
	free(s->flights);
	free(s->puts.q);
	free(s->removals.q);
	free(s->all.f);
	free(s->gate.f);
	free(s);
}

/* ---- entries ---- */

static uint32_t slot_of(const struct subscription *s, uint32_t id)
{
	return (uint32_t)(hash_number(id) >> 32) & (s->cap - 1);
}

static uint32_t place(const struct subscription *s, uint32_t id)
{
	uint32_t i = slot_of(s, id);

	while (s->entries[i].id != ENTRY_NONE && s->entries[i].id != id)
		i = (i + 1) & (s->cap - 1);
	return i;
}

struct entry *subscription_awake(const struct subscription *s, uint32_t id)
{
	struct entry *e;

	if (!s->cap)
		return NULL;
	e = &s->entries[place(s, id)];
	return e->id == ENTRY_NONE ? NULL : e;
}

static void resize(struct subscription *s, uint32_t cap)
{
	struct entry *old = s->entries;
	uint32_t old_cap = s->cap;

	s->entries = xreallocarray(NULL, cap, sizeof(*s->entries));
	s->cap = cap;
	for (uint32_t i = 0; i < cap; i++)
		s->entries[i].id = ENTRY_NONE;
	for (uint32_t i = 0; i < old_cap; i++)
		if (old[i].id != ENTRY_NONE)
			s->entries[place(s, old[i].id)] = old[i];
	free(old);
}

/* Makes an entry for a name without one. */
static struct entry *make(struct subscription *s, const struct entry *e)
{
	struct entry *made;

	if (s->used >= s->cap - s->cap / 8)
		resize(s, s->cap ? s->cap * 2 : 8);
	made = &s->entries[place(s, e->id)];
	*made = *e;
	s->used++;
	return made;
}

struct entry *subscription_add(struct subscription *s, struct resource *r)
{
	const struct entry new = { .id = r->id, .flags = r->item ? 0 : ENTRY_FOREIGN };
	struct entry *e = subscription_find(s, r);

	if (e)
		return e;
	(void)resource_ref(r);
	s->foreign += !r->item;
	s->n++;
	s->name_bytes += r->name_len;
	return make(s, &new);
}

/* Closes the hole that it leaves. */
static void take_away(struct subscription *s, struct entry *e)
{
	uint32_t mask = s->cap - 1, hole = (uint32_t)(e - s->entries);

	for (uint32_t i = (hole + 1) & mask; s->entries[i].id != ENTRY_NONE; i = (i + 1) & mask) {
		uint32_t home = slot_of(s, s->entries[i].id);

		/* It may move back unless its home is between the hole and it. */
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			s->entries[hole] = s->entries[i];
			hole = i;
		}
	}
	s->entries[hole].id = ENTRY_NONE;
	s->used--;
	if (!s->used) {
		free(TAKE_PTR(s->entries));
		s->cap = 0;
	} else if (s->cap > 64 && s->used < s->cap / 8) {
		resize(s, s->cap / 4);
	}
}

void subscription_remove(struct subscription *s, struct resource_store *store, struct entry *e)
{
	struct resource *r = resource_store_by_id(store, s->kind, e->id);

	subscription_reject(s, e, false);
	s->stale += (e->flags & ENTRY_QUEUED) != 0;
	s->foreign -= (e->flags & ENTRY_FOREIGN) != 0;
	s->n--;
	s->name_bytes -= r->name_len;
	take_away(s, e);
	resource_store_unref(store, r);
	if (!s->n) {
		free(TAKE_PTR(s->rest));
		s->n_rest = 0;
	}
}

/* ---- at rest ---- */

static bool is_at_rest(const struct subscription *s, uint32_t id)
{
	return id / 64 < s->n_rest && (s->rest[id / 64].at_rest >> id % 64 & 1);
}

static struct entry as_entry(const struct subscription *s, uint32_t id, uint64_t have)
{
	const struct rest *w = &s->rest[id / 64];
	uint32_t flags = ENTRY_HELD;

	if (w->named >> id % 64 & 1)
		flags |= ENTRY_NAMED;
	if (w->sent >> id % 64 & 1)
		flags |= ENTRY_SENT;
	return (struct entry){ .id = id, .flags = flags, .have = have };
}

/* A name at rest holds the served version: its fleet needs it. */
static uint64_t version_at_rest(const struct subscription *s, const struct resource *r)
{
	return s->newer && r->newer && r->newer->version ? r->newer->version : r->version;
}

static struct entry *wake(struct subscription *s, uint32_t id, uint64_t have)
{
	struct entry e = as_entry(s, id, have);

	s->rest[id / 64].at_rest &= ~(1ull << id % 64);
	return make(s, &e);
}

bool subscription_look(const struct subscription *s, const struct resource *r, struct entry *ret)
{
	const struct entry *e = subscription_awake(s, r->id);

	if (e)
		*ret = *e;
	else if (is_at_rest(s, r->id))
		*ret = as_entry(s, r->id, version_at_rest(s, r));
	else
		return false;
	return true;
}

struct entry *subscription_find(struct subscription *s, const struct resource *r)
{
	if (is_at_rest(s, r->id))
		return wake(s, r->id, version_at_rest(s, r));
	return subscription_awake(s, r->id);
}

void subscription_rouse(struct subscription *s, const struct resource *r)
{
	if (is_at_rest(s, r->id))
		(void)wake(s, r->id, resource_version_before(r, s->newer));
}

/* The bitmap never takes more memory than entries would. */
static bool make_bed(struct subscription *s, uint32_t id)
{
	uint32_t n = MAX(id / 64 + 1, s->n_rest * 2);

	if (id / 64 < s->n_rest)
		return true;
	if ((size_t)n * sizeof(*s->rest) > (size_t)s->n * sizeof(struct entry) + BED_MIN)
		return false;
	s->rest = xreallocarray(s->rest, n, sizeof(*s->rest));
	memset(s->rest + s->n_rest, 0, (n - s->n_rest) * sizeof(*s->rest));
	s->n_rest = n;
	return true;
}

void subscription_rest(struct subscription *s, struct entry *e, const struct resource *r)
{
	const uint32_t quiet = ENTRY_NAMED | ENTRY_HELD | ENTRY_SENT | ENTRY_FORMER;
	uint32_t id = e->id;
	uint64_t bit = 1ull << id % 64;
	struct rest *w;

	if (r->item && (e->flags & ENTRY_FOREIGN)) {
		e->flags &= ~(uint32_t)ENTRY_FOREIGN;
		s->foreign--;
	}
	if (!s->may_rest || (e->flags & ~quiet) || !(e->flags & ENTRY_HELD) || !r->item ||
	    e->have != r->version || !make_bed(s, id))
		return;
	w = &s->rest[id / 64];
	w->at_rest |= bit;
	w->named = e->flags & ENTRY_NAMED ? w->named | bit : w->named & ~bit;
	w->sent = e->flags & ENTRY_SENT ? w->sent | bit : w->sent & ~bit;
	take_away(s, e);
}

void subscription_reject(struct subscription *s, struct entry *e, bool rejected)
{
	if (rejected && !(e->flags & ENTRY_REJECTED)) {
		e->flags |= ENTRY_REJECTED;
		s->rejected++;
	} else if (!rejected && (e->flags & ENTRY_REJECTED)) {
		e->flags &= ~(uint32_t)ENTRY_REJECTED;
		s->rejected--;
	}
}

uint32_t subscription_lacking(const struct subscription *s)
{
	uint32_t n = 0;

	for (uint32_t i = 0; s->rejected && i < s->cap; i++)
		n += s->entries[i].id != ENTRY_NONE &&
		     (s->entries[i].flags & (ENTRY_REJECTED | ENTRY_FORMER)) == ENTRY_REJECTED;
	return n;
}

/* Most clients have about all that there is, which is in order already. */
static bool is_nearly_all(const struct subscription *s, const struct resource_store *store)
{
	return s->n >= SORTED_MIN && s->n >= store->tables[s->kind].count / SORTED_SHARE;
}

static size_t pick_sorted(const struct subscription *s, struct resource_store *store,
			  struct resource **all)
{
	size_t n_sorted, n = 0;
	struct resource **sorted = resource_store_sorted(store, s->kind, &n_sorted);

	for (size_t i = 0; i < n_sorted && n < s->n; i++)
		if (is_at_rest(s, sorted[i]->id) || subscription_awake(s, sorted[i]->id))
			all[n++] = sorted[i];
	return n;
}

static size_t pick_and_sort(const struct subscription *s, const struct resource_store *store,
			    struct resource **all)
{
	size_t n = 0;

	for (uint32_t i = 0; i < s->cap; i++) {
		uint32_t id = s->entries[i].id;
		struct resource *r;

		if (id == ENTRY_NONE)
			continue;
		r = resource_store_by_id(store, s->kind, id);
		if (r && r->item)
			all[n++] = r;
	}
	for (uint32_t i = 0; i < s->n_rest; i++)
		for (uint64_t bits = s->rest[i].at_rest; bits; bits &= bits - 1)
			all[n++] = resource_store_by_id(store, s->kind, first(i, bits));
	qsort(all, n, sizeof(struct resource *), resource_compare_names);
	return n;
}

/* Not sorted by name: a client may ask for very many, and sorting is slow. */
static size_t pick_missing(const struct subscription *s, const struct resource_store *store,
			   struct resource **all)
{
	size_t n_words = store->tables[s->kind].n_ids / 64 + 1, n = 0;
	_cleanup_free_ uint64_t *set = xnew(uint64_t, n_words);

	for (uint32_t i = 0; i < s->cap; i++)
		if (s->entries[i].id != ENTRY_NONE)
			set[s->entries[i].id / 64] |= 1ull << s->entries[i].id % 64;
	for (uint32_t i = 0; i < n_words; i++)
		for (; set[i]; set[i] &= set[i] - 1) {
			struct resource *r = resource_store_by_id(store, s->kind, first(i, set[i]));

			if (!r->item)
				all[n++] = r;
		}
	return n;
}

struct resource **subscription_existing(const struct subscription *s, struct resource_store *store,
					size_t *ret_n)
{
	struct resource **all = xreallocarray(NULL, s->n + 1, sizeof(struct resource *));

	*ret_n = is_nearly_all(s, store) ? pick_sorted(s, store, all)
					 : pick_and_sort(s, store, all);
	return all;
}

struct resource **subscription_resources(const struct subscription *s, struct resource_store *store,
					 size_t *ret_n)
{
	struct resource **all = subscription_existing(s, store, ret_n);

	if (*ret_n < s->n)
		*ret_n += pick_missing(s, store, all + *ret_n);
	assert(*ret_n == s->n);
	return all;
}

/* ---- floors ---- */

uint64_t floors_min(const struct floors *f)
{
	return f->n ? f->f[0].turn : FLOOR_NONE;
}

static size_t floors_place(const struct floors *f, uint64_t turn)
{
	size_t low = 0, high = f->n;

	/* New ones are mostly of the latest turn. */
	if (high && f->f[high - 1].turn < turn)
		return high;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (f->f[mid].turn < turn)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void floors_add(struct floors *f, uint64_t turn)
{
	size_t at = floors_place(f, turn);

	if (at < f->n && f->f[at].turn == turn) {
		f->f[at].count++;
		return;
	}
	GROW(f->f, f->n, f->cap);
	memmove(f->f + at + 1, f->f + at, (f->n - at) * sizeof(*f->f));
	f->f[at] = (struct floor){ turn, 1 };
	f->n++;
}

void floors_sub(struct floors *f, uint64_t turn)
{
	size_t at = floors_place(f, turn);

	assert(at < f->n && f->f[at].turn == turn);
	if (--f->f[at].count)
		return;
	f->n--;
	memmove(f->f + at, f->f + at + 1, (f->n - at) * sizeof(*f->f));
	if (!f->n) {
		free(TAKE_PTR(f->f));
		f->cap = 0;
	}
}

void subscription_settle(struct subscription *s, uint64_t floor, bool gating)
{
	floors_sub(&s->all, floor);
	if (gating)
		floors_sub(&s->gate, floor);
}

/* ---- queues and flights ---- */

void queue_push(struct queue *q, struct queued element)
{
	if (q->head == q->n)
		q->head = q->n = 0;
	if (q->n == q->cap && q->head > q->cap / 2) {
		memmove(q->q, q->q + q->head, (q->n - q->head) * sizeof(*q->q));
		q->n -= q->head;
		q->head = 0;
	}
	GROW(q->q, q->n, q->cap);
	q->q[q->n++] = element;
}

bool queue_take_out(struct queue *q, uint32_t id, struct queued *ret)
{
	for (size_t i = q->head; i < q->n; i++) {
		if (q->q[i].id != id)
			continue;
		*ret = q->q[i];
		memmove(q->q + i, q->q + i + 1, (q->n - i - 1) * sizeof(*q->q));
		q->n--;
		return true;
	}
	return false;
}

void queue_rest(struct queue *q)
{
	if (!queue_empty(q) || q->cap <= QUEUE_KEPT)
		return;
	free(q->q);
	*q = (struct queue){ 0 };
}

void subscription_queue(struct subscription *s, struct entry *e, struct queue *q, uint64_t floor,
			bool gating)
{
	if (e->flags & ENTRY_QUEUED)
		return;
	e->flags |= ENTRY_QUEUED;
	queue_push(q, (struct queued){ floor, e->id, gating });
	floors_add(&s->all, floor);
	if (gating)
		floors_add(&s->gate, floor);
}

static bool still_queued(struct subscription *s, const struct queued *el)
{
	struct entry *e = subscription_awake(s, el->id);

	/* The oldest of several elements of one entry stays. */
	if (!e || !(e->flags & ENTRY_QUEUED) || (e->flags & ENTRY_SEEN))
		return false;
	e->flags |= ENTRY_SEEN;
	return true;
}

static void sweep(struct subscription *s, struct queue *q)
{
	size_t kept = q->head;

	for (size_t i = q->head; i < q->n; i++) {
		if (still_queued(s, &q->q[i]))
			q->q[kept++] = q->q[i];
		else
			subscription_settle(s, q->q[i].floor, q->q[i].gating);
	}
	q->n = kept;
	queue_rest(q);
}

void subscription_sweep(struct subscription *s)
{
	if (s->stale < STALE_MIN || s->stale < s->n)
		return;
	sweep(s, &s->puts);
	sweep(s, &s->removals);
	for (uint32_t i = 0; i < s->cap; i++)
		if (s->entries[i].id != ENTRY_NONE)
			s->entries[i].flags &= ~(uint32_t)ENTRY_SEEN;
	s->stale = 0;
}

struct flight *subscription_fly(struct subscription *s, uint64_t nonce, uint64_t turn,
				struct flight_entry *entries, size_t n, size_t n_puts)
{
	struct flight *f;

	assert(s->n_flights < FLIGHTS_MAX);
	if (!s->flights)
		s->flights = xnew(struct flight, FLIGHTS_MAX);
	f = &s->flights[s->n_flights++];
	*f = (struct flight){ nonce, turn, entries, n, n_puts };
	return f;
}

struct flight *subscription_flight(struct subscription *s, uint64_t nonce)
{
	for (unsigned i = 0; i < s->n_flights; i++)
		if (s->flights[i].nonce == nonce)
			return &s->flights[i];
	return NULL;
}

struct flight subscription_land(struct subscription *s, struct flight *f)
{
	struct flight landed = *f;
	size_t at = (size_t)(f - s->flights);

	s->n_flights--;
	memmove(f, f + 1, (s->n_flights - at) * sizeof(*f));
	if (!s->n_flights)
		free(TAKE_PTR(s->flights));
	return landed;
}

void subscription_ungate(struct subscription *s)
{
	for (size_t i = s->puts.head; i < s->puts.n; i++)
		s->puts.q[i].gating = false;
	for (unsigned i = 0; i < s->n_flights; i++)
		for (size_t k = 0; k < s->flights[i].n; k++)
			s->flights[i].entries[k].gating = false;
	free(TAKE_PTR(s->gate.f));
	s->gate.n = s->gate.cap = 0;
}
