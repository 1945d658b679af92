/* The bookkeeping of one stream and kind. Used by xds-server's streams. */
#include <assert.h>
#include <string.h>

#include "common/alloc.h"
#include "xds-server/subscription.h"

/* Elements for which an empty queue keeps its memory. */
#define QUEUE_KEPT 64

struct subscription *subscription_new(unsigned kind)
{
	struct subscription *s = xnew(struct subscription, 1);

	s->kind = kind;
	return s;
}

void flight_done(struct flight *f, struct resource_store *store)
{
	for (size_t i = 0; i < f->n; i++) {
		item_unref(f->entries[i].item);
		resource_store_unref(store, f->entries[i].resource);
	}
	free(f->entries);
}

void subscription_free(struct subscription *s, struct resource_store *store)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->n_flights; i++)
		flight_done(&s->flights[i], store);
	for (uint32_t i = 0; i < s->cap; i++)
		if (s->entries[i].id != ENTRY_NONE)
			resource_store_unref(store, resource_store_by_id(store, s->kind,
									 s->entries[i].id));
	free(s->entries);
	free(s->puts.q);
	free(s->removals.q);
	free(s->all.f);
	free(s->gate.f);
	free(s);
}

/* ---- entries ---- */

static uint32_t slot_of(const struct subscription *s, uint32_t id)
{
	return (uint32_t)((id * 0x9e3779b97f4a7c15ull) >> 32) & (s->cap - 1);
}

static uint32_t place(const struct subscription *s, uint32_t id)
{
	uint32_t i = slot_of(s, id);

	while (s->entries[i].id != ENTRY_NONE && s->entries[i].id != id)
		i = (i + 1) & (s->cap - 1);
	return i;
}

struct entry *subscription_find(const struct subscription *s, uint32_t id)
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

struct entry *subscription_add(struct subscription *s, struct resource *r)
{
	struct entry *e = subscription_find(s, r->id);

	if (e)
		return e;
	if (s->n >= s->cap - s->cap / 8)
		resize(s, s->cap ? s->cap * 2 : 8);
	e = &s->entries[place(s, r->id)];
	*e = (struct entry){ .id = r->id };
	(void)resource_ref(r);
	s->n++;
	s->name_bytes += r->name_len;
	return e;
}

void subscription_remove(struct subscription *s, struct resource_store *store, struct entry *e)
{
	struct resource *r = resource_store_by_id(store, s->kind, e->id);
	uint32_t mask = s->cap - 1, hole = (uint32_t)(e - s->entries);

	subscription_reject(s, e, false);
	s->n--;
	s->name_bytes -= r->name_len;
	for (uint32_t i = (hole + 1) & mask; s->entries[i].id != ENTRY_NONE; i = (i + 1) & mask) {
		uint32_t home = slot_of(s, s->entries[i].id);

		/* It may move back unless its home lies between the hole and it. */
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			s->entries[hole] = s->entries[i];
			hole = i;
		}
	}
	s->entries[hole].id = ENTRY_NONE;
	resource_store_unref(store, r);
	if (s->cap > 64 && s->n < s->cap / 8)
		resize(s, s->cap / 4);
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

struct resource **subscription_resources(const struct subscription *s, const struct resource_store *store,
					 size_t *ret_n)
{
	struct resource **all = xreallocarray(NULL, s->n + 1, sizeof(struct resource *));
	size_t n = 0;

	for (uint32_t i = 0; i < s->cap; i++)
		if (s->entries[i].id != ENTRY_NONE)
			all[n++] = resource_store_by_id(store, s->kind, s->entries[i].id);
	qsort(all, n, sizeof(struct resource *), resource_compare_names);
	*ret_n = n;
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

struct flight *subscription_fly(struct subscription *s, uint64_t nonce, uint64_t turn,
				struct flight_entry *entries, size_t n, size_t n_puts)
{
	struct flight *f;

	assert(s->n_flights < FLIGHTS_MAX);
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
