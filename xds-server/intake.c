/* Requests, name by name. Used by xds-server's streams. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/alloc.h"
#include "xds-server/intake.h"
#include "xds-server/stream.h"

/* Subscribes to everything. Not for secrets: with on-demand certificates Envoy asks for names that
 * its own clients sent. */
static bool means_all(const struct subscription *sub)
{
	return sub->kind != RESOURCE_SECRET;
}

static bool is_star(const struct subscription *sub, const struct request_name *n)
{
	return n->len == 1 && n->name[0] == '*' && means_all(sub);
}

/* An empty subscription means everything for these; scoped routes are requested in the same way. */
static bool has_wildcard(unsigned kind)
{
	return kind == RESOURCE_CLUSTER || kind == RESOURCE_LISTENER ||
	       kind == RESOURCE_SCOPED_ROUTE;
}

/* The entry of a name in a request; NULL if that would be too much. */
static struct entry *add_name(struct stream *s, struct subscription *sub,
			      const struct request_name *n, struct resource **ret_r)
{
	struct entry *e;

	if (n->len > RESOURCE_NAME_MAX || sub->n >= STREAM_NAMES_MAX ||
	    sub->name_bytes > STREAM_NAME_BYTES_MAX)
		return NULL;
	if (sub->foreign >= STREAM_FOREIGN_MIN &&
	    s->c.store->foreign_bytes > STREAM_FOREIGN_BYTES_MAX)
		return NULL;
	*ret_r = resource_store_intern(s->c.store, sub->kind, n->name, n->len);
	e = subscription_add(sub, *ret_r);
	resource_store_unref(s->c.store, *ret_r);
	return e;
}

/* ---- one name ---- */

typedef int (*on_name)(struct stream *s, struct intake *in, const struct request_name *n);

static int take_unsubscribed(struct stream *s, struct intake *in, const struct request_name *n)
{
	struct subscription *sub = in->sub;
	struct resource *r = resource_store_find(s->c.store, sub->kind, n->name, n->len);
	struct entry *e = r ? subscription_find(sub, r) : NULL;

	if (!e || !(e->flags & ENTRY_NAMED))
		return 0;
	if (!sub->wildcard) {
		subscription_remove(sub, s->c.store, e);
		return 0;
	}
	/* It has forgotten the resource, which the wildcard may cover: it has to be told. */
	e->flags &= ~(uint32_t)(ENTRY_NAMED | ENTRY_ABSENT);
	e->flags |= ENTRY_FORCE;
	if (stream_ready(s))
		stream_consider(s, sub, e, r, 0);
	return 0;
}

static int take_initial(struct stream *s, struct intake *in, const struct request_name *n)
{
	struct resource *r;
	struct entry *e = add_name(s, in->sub, n, &r);

	if (!e)
		return -E2BIG;
	e->flags |= ENTRY_HELD | ENTRY_FRESH;
	e->have = resource_version_hash(n->version, n->version_len);
	return 0;
}

static int take_name(struct stream *s, struct intake *in, const struct request_name *n)
{
	struct resource *r;
	struct entry *e;

	if (is_star(in->sub, n))
		return 0;
	e = add_name(s, in->sub, n, &r);
	if (!e)
		return -E2BIG;
	e->flags |= ENTRY_NAMED;
	/* A client that subscribes again has forgotten the resource, unless the request says
	 * otherwise. */
	if (!(e->flags & ENTRY_FRESH)) {
		e->flags &= ~(uint32_t)ENTRY_ABSENT;
		e->flags |= ENTRY_FORCE;
	}
	if (stream_ready(s) && !(in->all && r->item))
		stream_consider(s, in->sub, e, r, 0);
	return 0;
}

static int take_listed(struct stream *s, struct intake *in, const struct request_name *n)
{
	struct resource *r;
	struct entry *e;
	bool new_name;

	if (is_star(in->sub, n))
		return 0;
	e = add_name(s, in->sub, n, &r);
	if (!e)
		return -E2BIG;
	new_name = !(e->flags & ENTRY_NAMED);
	e->flags |= ENTRY_NAMED | ENTRY_FRESH;
	if (new_name && stream_ready(s) && !(in->all && r->item))
		stream_consider(s, in->sub, e, r, 0);
	return 0;
}

static int take_kept(struct stream *s, struct intake *in, const struct request_name *n)
{
	struct subscription *sub = in->sub;
	struct resource *r = resource_store_find(s->c.store, sub->kind, n->name, n->len);
	struct entry *e = r ? subscription_find(sub, r) : NULL;

	if (!e)
		return 0;
	e->flags &= ~(uint32_t)ENTRY_FRESH;
	if (!sub->wildcard && !(e->flags & ENTRY_NAMED))
		subscription_remove(sub, s->c.store, e);
	else if (stream_ready(s) && !r->item)
		stream_consider(s, sub, e, r, 0);
	return 0;
}

/* ---- subscribed resources that the request does not name ---- */

typedef void (*on_subscribed)(struct stream *s, struct intake *in, struct resource *r);

static void drop_unnamed(struct stream *s, struct intake *in, struct resource *r)
{
	struct entry now;

	if (subscription_look(in->sub, r, &now) && !(now.flags & ENTRY_NAMED))
		subscription_remove(in->sub, s->c.store, subscription_find(in->sub, r));
}

static void drop_unlisted(struct stream *s, struct intake *in, struct resource *r)
{
	struct entry *e = subscription_find(in->sub, r);

	if (!e)
		return;
	if (!(e->flags & ENTRY_FRESH))
		e->flags &= ~(uint32_t)ENTRY_NAMED;
	e->flags &= ~(uint32_t)ENTRY_FRESH;
	if (!in->sub->wildcard && !(e->flags & ENTRY_NAMED))
		subscription_remove(in->sub, s->c.store, e);
}

/* Few at once; many by number, which stays while others come and go. */
static int walk(struct stream *s, struct intake *in, size_t *left, on_subscribed each)
{
	const struct resource_table *t = &s->c.store->tables[in->sub->kind];
	_cleanup_free_ struct resource **all = NULL;
	size_t n = 0;

	if (!in->started && in->sub->n <= INTAKE_PIECE) {
		all = subscription_resources(in->sub, s->c.store, &n);
		for (size_t i = 0; i < n; i++)
			each(s, in, all[i]);
		*left -= MIN(*left, n);
		return 0;
	}
	in->started = true;
	for (; in->id < t->n_ids && *left; in->id++, --*left)
		if (t->by_id[in->id])
			each(s, in, t->by_id[in->id]);
	return in->id < t->n_ids ? -EAGAIN : 0;
}

/* ---- steps ---- */

static int through(struct stream *s, struct intake *in, size_t *left, enum request_list list,
		   on_name each)
{
	struct request_name n;
	int r;

	if (!in->started)
		in->at = request_begin(&in->q, list);
	in->started = true;
	while ((r = request_next(&in->at, left, &n)) > 0) {
		r = each(s, in, &n);
		if (r < 0)
			return r;
	}
	return r;
}

static int end(struct stream *s, struct intake *in)
{
	struct subscription *sub = in->sub;

	if (!s->c.delta && (in->first || (sub->wildcard && !in->wildcard_before)))
		sub->owes = true;
	if (stream_ready(s) && in->all)
		stream_consider_all(s, sub, false);
	if (stream_ready(s) && s->c.delta && in->first && sub->kind == RESOURCE_ENDPOINT)
		stream_follow_clusters(s);
	subscription_sweep(sub);
	*in = (struct intake){ 0 };
	stream_update_acked(s);
	return 0;
}

/* 0 when the step is done, -EAGAIN if more is left. */
static int go(struct stream *s, struct intake *in, size_t *left)
{
	bool delta = s->c.delta;

	switch (in->step) {
	case INTAKE_DROP:
		if (!delta || !in->wildcard_before || in->sub->wildcard)
			return 0;
		return walk(s, in, left, drop_unnamed);
	case INTAKE_UNSUBSCRIBE:
		return through(s, in, left, REQUEST_UNSUBSCRIBE, take_unsubscribed);
	case INTAKE_INITIAL:
		return in->first ? through(s, in, left, REQUEST_INITIAL, take_initial) : 0;
	case INTAKE_NAMES:
		return through(s, in, left, REQUEST_NAMES, delta ? take_name : take_listed);
	case INTAKE_KEPT:
		return in->first ? through(s, in, left, REQUEST_INITIAL, take_kept) : 0;
	case INTAKE_UNLISTED:
		return !delta && in->sub->named_once ? walk(s, in, left, drop_unlisted) : 0;
	case INTAKE_END:
		break;
	}
	return 0;
}

int intake_piece(struct stream *s, size_t *left)
{
	struct intake *in = &s->intake;
	int r = 0;

	while (in->step != INTAKE_END) {
		r = go(s, in, left);
		if (r == -EAGAIN)
			return 1;
		if (r < 0) {
			*in = (struct intake){ 0 };
			return r;
		}
		in->step++;
		in->started = false;
		in->id = 0;
	}
	return end(s, in);
}

/* ---- begin ---- */

/* Whether the wildcard is subscribed. */
static bool has_star(const struct subscription *sub, const struct request *q, bool first)
{
	if (q->star && means_all(sub))
		return true;
	if (first && !q->n[REQUEST_NAMES] && has_wildcard(sub->kind))
		return true;
	return sub->wildcard && !(q->unsubscribes_star && means_all(sub));
}

void intake_begin(struct stream *s, struct subscription *sub, const struct request *q, bool first)
{
	struct intake *in = &s->intake;
	bool before = sub->wildcard;

	*in = (struct intake){ .sub = sub, .q = *q, .first = first, .wildcard_before = before };
	if (s->c.delta) {
		sub->wildcard = has_star(sub, q, first);
		/* Envoy waits for a first answer; one that comes back with resources does not. */
		if (sub->wildcard && !before)
			sub->owes = q->n[REQUEST_INITIAL] == 0;
		in->all = first || (sub->wildcard && !before);
		return;
	}
	if (first)
		(void)snprintf(sub->claimed, sizeof(sub->claimed), "%s", q->version);
	sub->named_once |= q->n[REQUEST_NAMES] > 0;
	sub->wildcard = (q->star && means_all(sub)) ||
			(!sub->named_once && has_wildcard(sub->kind));
	in->all = first || sub->wildcard != before;
}
