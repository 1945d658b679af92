/* Falls back to the last accepted version of what Envoy refuses. Runs in the translator; quarantine.h has
 * the idea, quarantine-subject.h the parts. */
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "common/log.h"
#include "proto/ipc.pb-c.h"
#include "translator/quarantine-subject.h"
#include "translator/secret-keeper.h"

struct quarantine *quarantine_new(struct state *resources, struct state *reports)
{
	struct quarantine *q = xnew(struct quarantine, 1);

	q->resources = resources;
	q->reports = reports;
	q->subjects = HASHMAP_INIT(subject_key);
	q->injected = HASHMAP_INIT(hold_item_key);
	return q;
}

void quarantine_free(struct quarantine *q)
{
	struct subject *s;
	struct item *i;

	if (!q)
		return;
	HASHMAP_FOREACH(&q->subjects, s)
		subject_free(s);
	hashmap_done(&q->subjects);
	HASHMAP_FOREACH(&q->injected, i)
		item_unref(i);
	hashmap_done(&q->injected);
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

/* ---- what is wanted ---- */

/* The shared table and its parts are made of what was decided here for each host. */
static bool is_decided(uint32_t kind, const char *key)
{
	return (kind == RESOURCE_ROUTE || kind == RESOURCE_PART + RESOURCE_ROUTE) &&
	       strcmp(key, HOST_ROUTES_TABLE) == 0;
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
	/* Of a resource that is new as a whole nothing could be served in its place. */
	if (!h && wanted && (published || part)) {
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

/* ---- what Envoy says ---- */

/* The world that every connected Envoy has accepted; 0 if there is none. */
static uint64_t accepted_source(const struct quarantine *q)
{
	uint64_t least = UINT64_MAX;
	struct item *i;
	size_t pos = 0;

	while ((i = state_next(q->reports, &pos))) {
		Portolan__Ipc__EnvoyReport *r;

		if (i->kind != REPORT_ENVOY)
			continue;
		r = portolan__ipc__envoy_report__unpack(NULL, i->value_len, item_value(i));
		if (r)
			least = MIN(least, r->acked_source);
		portolan__ipc__envoy_report__free_unpacked(r, NULL);
	}
	return least == UINT64_MAX ? 0 : least;
}

static bool is_version(const struct item *published, ProtobufCBinaryData version)
{
	return published && published->meta_len == version.len &&
	       memcmp(item_meta(published), version.data, version.len) == 0;
}

static struct item *report_on(const struct quarantine *q, enum report_kind report, const struct subject *s)
{
	return state_get(q->reports, report, s->report_key, s->report_key_len);
}

static void take_rejection(struct quarantine *q, struct subject *s)
{
	struct item *published = subject_published(q, s), *report = report_on(q, REPORT_REJECT, s);
	Portolan__Ipc__RejectReport *r;

	if (!published || !report)
		return;
	r = portolan__ipc__reject_report__unpack(NULL, report->value_len, item_value(report));
	if (r && is_version(published, r->version))
		subject_rejected(q, s, r->message ? r->message : "");
	portolan__ipc__reject_report__free_unpacked(r, NULL);
}

static void take_acceptance(struct quarantine *q, struct subject *s, uint64_t source)
{
	struct item *published = subject_published(q, s), *report = report_on(q, REPORT_ACCEPT, s);
	Portolan__Ipc__AcceptReport *r;

	if (!s->has_parts) {
		subject_accepted(q, s, source);
		return;
	}
	if (!published || !report)
		return;
	r = portolan__ipc__accept_report__unpack(NULL, report->value_len, item_value(report));
	if (r && is_version(published, r->version))
		subject_accepted(q, s, UINT64_MAX);
	portolan__ipc__accept_report__free_unpacked(r, NULL);
}

void quarantine_reports(struct quarantine *q)
{
	uint64_t source = accepted_source(q);
	_cleanup_free_ struct subject **all = xnew(struct subject *, q->subjects.n + 1);
	struct subject *s;
	size_t n = 0;

	/* A copy: a subject of which all is accepted goes. */
	HASHMAP_FOREACH(&q->subjects, s)
		all[n++] = s;
	for (size_t i = 0; i < n; i++) {
		take_rejection(q, all[i]);
		take_acceptance(q, all[i], source);
		subject_release(q, all[i]);
	}
}

bool quarantine_settle(struct quarantine *q, uint64_t source)
{
	struct vec dirty = q->dirty;

	/* Each once: what is released now is published only when the graph has run again. */
	q->dirty = (struct vec){ 0 };
	for (uint32_t i = 0; i < dirty.n; i++) {
		struct subject *s = vec_at(&dirty, i);

		s->dirty = false;
		s->settling = true;
		subject_settle(q, s, source);
		/* What is published now may be what was accepted before. */
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

/* ---- what a former translator held back ---- */

void quarantine_recall(struct quarantine *q)
{
	struct item *i;
	size_t pos = 0;

	while ((i = state_next(q->reports, &pos))) {
		if (i->kind == REPORT_QUARANTINE && !secret_keeper_is(i))
			hold_recall(q, i);
	}
}
