/* Falls back to the last accepted version of a resource that Envoy refuses. quarantine.h has the
 * idea, quarantine-subject.h the parts. */
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/log.h"
#include "proto/ipc.pb-c.h"
#include "translator/guard/quarantine-note.h"
#include "translator/guard/quarantine-subject.h"
#include "translator/guard/secret-keeper.h"
#include "translator/kinds.h"

struct quarantine *quarantine_new(struct state *resources, struct state *reports)
{
	struct quarantine *q = xnew(struct quarantine, 1);

	q->resources = resources;
	q->reports = reports;
	q->subjects = HASHMAP_INIT(subject_key);
	q->injected = HASHMAP_INIT(hold_item_key);
	q->disputes = HASHMAP_INIT(dispute_key);
	q->envoys = HASHMAP_INIT(newcomer_key);
	return q;
}

void quarantine_free(struct quarantine *q)
{
	struct subject *s;
	struct item *i;

	if (!q)
		return;
	HASHMAP_FOREACH (&q->subjects, s)
		subject_free(s);
	hashmap_done(&q->subjects);
	HASHMAP_FOREACH (&q->injected, i)
		item_unref(i);
	hashmap_done(&q->injected);
	dispute_free_all(q);
	newcomer_free_all(q);
	vec_done(&q->dirty);
	free(q);
}

void quarantine_attach(struct quarantine *q, struct graph *g)
{
	q->graph = g;
}

const struct quarantine_counters *quarantine_counters(const struct quarantine *q)
{
	return &q->counters;
}

/* ---- wanted items ---- */

/* Shared tables and their parts are made of the decisions for each host. */
static bool is_decided(uint32_t kind, const char *key)
{
	return (kind == RESOURCE_ROUTE || kind == RESOURCE_PART + RESOURCE_ROUTE) &&
	       hold_is_of_hosts(key);
}

/* A socket that Envoy cannot open is withdrawn, as it may block another one. Other new resources
 * stay: a later Envoy may accept them, and there is no earlier version. */
static bool is_socket(const struct quarantine *q, uint32_t kind, const char *key, size_t key_len)
{
	size_t n = 0;

	if (kind == RESOURCE_LISTENER)
		(void)graph_facts(q->graph, FACT_SOCKET, key, key_len, &n);
	return n > 0;
}

/* An address has become free: sockets refused because of it may be accepted now. */
static void try_sockets_again(struct quarantine *q)
{
	struct subject *s;

	HASHMAP_FOREACH (&q->subjects, s)
		for (uint32_t i = s->holds.n; i-- > 0;) {
			struct hold *h = vec_at(&s->holds, i);

			if (h->kind != RESOURCE_LISTENER || h->state != HOLD_HELD || h->good ||
			    !h->wanted)
				continue;
			subject_dirty(q, s);
			hold_set(q, h, HOLD_PENDING);
			h->source = 0;
		}
}

void quarantine_output(struct quarantine *q, uint32_t kind, const char *key, size_t key_len,
		       struct item *wanted)
{
	struct item *published = hold_published(q, kind, key, key_len);
	struct subject *s = subject_find(q, kind, key, key_len);
	struct hold *h = s ? subject_hold(s, kind, key, key_len) : NULL;
	bool part = kind >= RESOURCE_PART;

	if (is_decided(kind, key)) {
		hold_publish_item(q, kind, key, key_len, wanted);
		if (s)
			subject_dirty(q, s);
		return;
	}
	if (kind == RESOURCE_LISTENER && !wanted)
		try_sockets_again(q);
	/* The next version of what nobody has accepted is as new as that was. */
	if (!h && wanted &&
	    ((published && !dispute_is_new(q, published)) || part ||
	     is_socket(q, kind, key, key_len))) {
		s = s ? s : subject_make(q, kind, key, key_len);
		h = hold_make(q, s, kind, key, key_len, published);
	}
	if (!h) {
		hold_publish_item(q, kind, key, key_len, wanted);
		return;
	}
	subject_dirty(q, s);
	if (wanted)
		hold_want(q, h, wanted);
	else
		hold_drop(q, s, h, NULL);
}

char *quarantine_withheld(const struct quarantine *q, uint32_t kind, const char *key,
			  size_t key_len, const char *what)
{
	const struct subject *s = subject_find(q, kind, key, key_len);
	const struct hold *h = s ? subject_hold(s, kind, key, key_len) : NULL;
	_cleanup_free_ char *who = NULL;

	if (!h || h->state != HOLD_HELD || h->good || !h->wanted)
		return NULL;
	who = notes_who(h->nodes, h->n_nodes, h->n_nodes);
	return xasprintf("%s %s: %s", who, what, h->message);
}

/* ---- Envoy's answers ---- */

/* Looks at all connected Envoys. Returns the world that every one has answered, without those that
 * have not finished their first one or have owed answers for long; 0 if there is no such world. */
static uint64_t look_at_envoys(struct quarantine *q)
{
	uint64_t least = UINT64_MAX;
	struct item *i;
	size_t pos = 0;

	while ((i = state_next(q->reports, &pos))) {
		Portolan__Ipc__EnvoyReport *r;

		if (i->kind != REPORT_ENVOY)
			continue;
		r = portolan__ipc__envoy_report__unpack(NULL, i->value_len, item_value(i));
		if (r && r->node_id)
			newcomer_note(q, r->node_id,
				      r->stalled || r->answered_source || r->acked_source);
		/* An older xds-server reports only accepted worlds. */
		if (r && !r->has_answered_source)
			least = MIN(least, r->acked_source);
		else if (r && !r->stalled && r->answered_source)
			least = MIN(least, r->answered_source);
		portolan__ipc__envoy_report__free_unpacked(r, NULL);
	}
	newcomer_end_look(q);
	return least == UINT64_MAX ? 0 : least;
}

static struct item *report_on(const struct quarantine *q, enum report_kind report,
			      const struct subject *s)
{
	return state_get(q->reports, report, s->report_key, s->report_key_len);
}

/* All that have the resource of this report have answered its published version. */
static bool is_answered(const struct quarantine *q, const struct item *report,
			const struct item *published)
{
	struct item *accept = state_get(q->reports, REPORT_ACCEPT, report->data, report->key_len);
	Portolan__Ipc__AcceptReport *r;
	bool yes;

	if (!accept)
		return false;
	r = portolan__ipc__accept_report__unpack(NULL, accept->value_len, item_value(accept));
	yes = r && dispute_is_about(published, r->version);
	portolan__ipc__accept_report__free_unpacked(r, NULL);
	return yes;
}

static void take_rejection(struct quarantine *q, struct item *report)
{
	struct item *published = dispute_published(q, report);
	Portolan__Ipc__RejectReport *r;
	struct subject *s;

	r = portolan__ipc__reject_report__unpack(NULL, report->value_len, item_value(report));
	if (r && !r->message)
		r->message = (char *)protobuf_c_empty_string;
	if (published && !is_answered(q, report, published))
		dispute_keep(q, report, published);
	if (r && published && dispute_is_about(published, r->version)) {
		s = subject_find(q, published->kind, published->data, published->key_len);
		if (r->accepted)
			dispute_note(q, report, published, s, r);
		else if (!r->undecided && s && s->holds.n)
			subject_rejected(q, s, r);
		else if (!r->undecided && !is_decided(published->kind, published->data))
			dispute_note(q, report, published, s, r);
	}
	portolan__ipc__reject_report__free_unpacked(r, NULL);
}

static bool any_is_refuser(const struct quarantine *q, const struct hold *h)
{
	for (size_t i = 0; i < h->n_nodes; i++)
		if (state_get(q->reports, REPORT_REFUSER, h->nodes[i], strlen(h->nodes[i])))
			return true;
	return false;
}

/* A refusal ends with the Envoys that made it. */
static void release_what_nobody_refuses(struct quarantine *q, struct subject *s)
{
	for (uint32_t i = s->holds.n; i-- > 0;) {
		struct hold *h = vec_at(&s->holds, i);

		if ((h->state == HOLD_HELD || h->again) && h->n_nodes && !any_is_refuser(q, h))
			hold_release(q, s, h);
	}
}

/* The published version was refused, and an Envoy that accepts it may still come. */
static bool is_undecided(const struct quarantine *q, const struct subject *s)
{
	struct item *published = subject_published(q, s), *report = report_on(q, REPORT_REJECT, s);
	Portolan__Ipc__RejectReport *r;
	bool yes;

	if (!published || !report)
		return false;
	r = portolan__ipc__reject_report__unpack(NULL, report->value_len, item_value(report));
	yes = r && dispute_is_about(published, r->version) && r->undecided;
	portolan__ipc__reject_report__free_unpacked(r, NULL);
	return yes;
}

bool quarantine_undecided(const struct quarantine *q, uint32_t kind, const char *key,
			  size_t key_len)
{
	const struct subject *s = subject_find(q, kind, key, key_len);

	return s && is_undecided(q, s);
}

static void take_acceptance(struct quarantine *q, struct subject *s, uint64_t source)
{
	struct item *published = subject_published(q, s), *report = report_on(q, REPORT_ACCEPT, s);
	Portolan__Ipc__AcceptReport *r;

	if (!s->has_parts) {
		if (!is_undecided(q, s))
			subject_accepted(q, s, source);
		return;
	}
	if (!published || !report)
		return;
	r = portolan__ipc__accept_report__unpack(NULL, report->value_len, item_value(report));
	if (r && dispute_is_about(published, r->version))
		subject_accepted(q, s, UINT64_MAX);
	portolan__ipc__accept_report__free_unpacked(r, NULL);
}

static int compare_subjects(const void *a, const void *b)
{
	const struct subject *x = *(struct subject *const *)a, *y = *(struct subject *const *)b;
	int d = memcmp(x->key, y->key, MIN(x->key_len, y->key_len));

	return d ? d : (x->key_len > y->key_len) - (x->key_len < y->key_len);
}

bool quarantine_searches(const struct quarantine *q)
{
	const struct subject *s;

	HASHMAP_FOREACH (&q->subjects, s)
		if (s->level)
			return true;
	return false;
}

static void take_rejections(struct quarantine *q)
{
	_cleanup_free_ struct item **all = NULL;
	size_t n;

	all = state_sorted(q->reports, &n);
	dispute_begin(q);
	for (size_t i = 0; i < n; i++)
		if (all[i]->kind == REPORT_REJECT)
			take_rejection(q, all[i]);
	dispute_end(q);
}

void quarantine_reports(struct quarantine *q)
{
	uint64_t source = look_at_envoys(q);
	_cleanup_free_ struct subject **all = NULL;
	struct subject *s;
	size_t n = 0;

	take_rejections(q);
	/* A copy: a subject is freed once all of it is accepted. */
	all = xnew(struct subject *, q->subjects.n + 1);
	HASHMAP_FOREACH (&q->subjects, s)
		all[n++] = s;
	if (n)
		qsort(all, n, sizeof(struct subject *), compare_subjects);
	for (size_t i = 0; i < n; i++) {
		take_acceptance(q, all[i], source);
		release_what_nobody_refuses(q, all[i]);
		newcomer_ask(q, all[i]);
		subject_release(q, all[i]);
	}
}

int64_t quarantine_next(const struct quarantine *q)
{
	int64_t next = newcomer_next(q), end = dispute_next(q);

	return next < 0 || (end >= 0 && end < next) ? end : next;
}

bool quarantine_settle(struct quarantine *q, uint64_t source)
{
	struct vec dirty = q->dirty;

	/* Each once: changes released now are published only when the graph has run again. */
	q->dirty = (struct vec){ 0 };
	for (uint32_t i = 0; i < dirty.n; i++) {
		struct subject *s = vec_at(&dirty, i);

		s->dirty = false;
		s->settling = true;
		subject_settle(q, s, source);
		/* The published item may be an older, accepted one. */
		if (s->has_parts)
			take_acceptance(q, s, 0);
		s->settling = false;
		subject_release(q, s);
	}
	if (!dirty.n)
		return false;
	vec_done(&dirty);
	return true;
}

/* ---- changes that a former translator held back ---- */

void quarantine_recall(struct quarantine *q)
{
	struct item *i;
	size_t pos = 0;

	(void)look_at_envoys(q);
	while ((i = state_next(q->reports, &pos))) {
		if (i->kind == REPORT_QUARANTINE && !secret_keeper_is(i))
			hold_recall(q, i);
	}
}
