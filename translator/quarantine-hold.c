/* One item that is not confirmed by Envoy: what is wanted, what was accepted before, which of them is
 * published. Runs in the translator. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "common/log.h"
#include "proto/ipc.pb-c.h"
#include "translator/quarantine-subject.h"

#define KEY_MAX 2048

/* What was said in an object's status. */
struct note {
	enum object_kind kind;
	char *key;
	struct item *item;
};

const void *hold_item_key(const void *entry, size_t *ret_len)
{
	const struct item *i = entry;

	*ret_len = i->key_len;
	return i->data;
}

struct item *hold_published(const struct quarantine *q, uint32_t kind, const char *key, size_t key_len)
{
	return kind == OUTPUT_HOST_ROUTES ? hashmap_get(&q->injected, key, key_len) :
					    state_get(q->resources, kind, key, key_len);
}

/* How a host is served is not sent, but a fact from which the graph makes what is. */
static void serve(struct quarantine *q, const char *key, size_t key_len, struct item *item)
{
	struct item *before = hashmap_get(&q->injected, key, key_len);

	if (before == item || (before && item && item_equal(before, item)))
		return;
	if (item) {
		graph_inject(q->graph, FACT_SAME_ROUTES, item_meta(item), item->meta_len, item);
		(void)hashmap_put(&q->injected, item_ref(item));
	} else {
		(void)hashmap_remove(&q->injected, key, key_len);
	}
	if (before)
		graph_uninject(q->graph, FACT_SAME_ROUTES, item_meta(before), before->meta_len, before);
	item_unref(before);
}

void hold_publish_item(struct quarantine *q, uint32_t kind, const char *key, size_t key_len,
		       struct item *item)
{
	if (kind == OUTPUT_HOST_ROUTES)
		serve(q, key, key_len, item);
	else if (item)
		(void)state_put(q->resources, item_ref(item));
	else
		(void)state_remove(q->resources, kind, key, key_len);
}

static void publish(struct quarantine *q, const struct hold *h)
{
	/* Of a resource of which nothing was accepted ever there is nothing better to serve. */
	struct item *i = h->state == HOLD_PENDING ? h->wanted : h->good;

	hold_publish_item(q, h->kind, h->key, h->key_len, i);
}

struct hold *hold_make(struct quarantine *q, struct subject *s, uint32_t kind, const char *key,
		       size_t key_len, struct item *good)
{
	struct hold *h = xnew(struct hold, 1);

	h->kind = kind;
	h->key = xmemdup(key, key_len);
	h->key_len = key_len;
	h->good = good ? item_ref(good) : NULL;
	h->at = s->holds.n;
	s->has_parts |= kind >= RESOURCE_PART;
	vec_add(&s->holds, h);
	(void)hashmap_put(&s->by_key, h);
	q->counters.pending++;
	return h;
}

/* ---- what xds-server keeps for us ---- */

static size_t quarantine_key(const struct hold *h, char ret[KEY_MAX])
{
	int n = snprintf(ret, KEY_MAX, "%u", h->kind);
	size_t len = MIN(h->key_len, (size_t)KEY_MAX - (size_t)n - 1);

	memcpy(ret + n + 1, h->key, len);
	return (size_t)n + 1 + len;
}

static void keep(struct quarantine *q, const struct hold *h)
{
	Portolan__Ipc__Quarantine m = PORTOLAN__IPC__QUARANTINE__INIT;
	_cleanup_free_ uint8_t *packed = NULL;
	char key[KEY_MAX];
	size_t len, key_len = quarantine_key(h, key);

	m.has_version = 1;
	m.version = (ProtobufCBinaryData){ h->version_len, (uint8_t *)h->version };
	m.message = h->message;
	if (h->good) {
		m.has_good_meta = m.has_good_value = 1;
		m.good_meta = (ProtobufCBinaryData){ h->good->meta_len, (uint8_t *)item_meta(h->good) };
		m.good_value = (ProtobufCBinaryData){ h->good->value_len, (uint8_t *)item_value(h->good) };
	}
	len = portolan__ipc__quarantine__get_packed_size(&m);
	packed = xmalloc(len);
	(void)portolan__ipc__quarantine__pack(&m, packed);
	(void)state_put(q->resources, item_new(RESOURCE_QUARANTINE, key, key_len, NULL, 0, packed, len));
}

static void unkeep(struct quarantine *q, const struct hold *h)
{
	char key[KEY_MAX];
	size_t len = quarantine_key(h, key);

	(void)state_remove(q->resources, RESOURCE_QUARANTINE, key, len);
}

/* ---- what objects' statuses say ---- */

static void forget_notes(struct quarantine *q, struct hold *h)
{
	for (uint32_t i = 0; i < h->notes.n; i++) {
		struct note *n = vec_at(&h->notes, i);

		graph_note_remove(q->graph, n->kind, n->key, n->item);
		item_unref(n->item);
		free(n->key);
		free(n);
	}
	vec_done(&h->notes);
}

static void note_object(void *ctx, enum object_kind kind, const char *key)
{
	struct note *n = xnew(struct note, 1);

	*n = (struct note){ kind, xstrdup(key), NULL };
	vec_add(ctx, n);
}

static bool is_root_kind(enum object_kind kind)
{
	return kind == OBJECT_INGRESS || kind == OBJECT_HTTP_PROXY;
}

/* Where an Ingress or HTTPProxy is among them, it is its author who can do something. */
static void keep_authors(struct vec *notes)
{
	bool any = false;

	for (uint32_t i = 0; i < notes->n; i++)
		any |= is_root_kind(((struct note *)vec_at(notes, i))->kind);
	for (uint32_t i = notes->n; any && i-- > 0;) {
		struct note *n = vec_at(notes, i);

		if (is_root_kind(n->kind))
			continue;
		vec_close_up(notes, i);
		free(n->key);
		free(n);
	}
}

void hold_explain(struct quarantine *q, const struct subject *s, struct hold *h)
{
	Portolan__Ipc__Problem p = PORTOLAN__IPC__PROBLEM__INIT;
	Portolan__Ipc__Verdict verdict = h->good ? PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL :
						   PORTOLAN__IPC__VERDICT__VERDICT_REJECTED;
	_cleanup_free_ char *text = NULL;

	text = xasprintf("Envoy refuses what this object makes of %s: %s. %s until it changes", s->key + 1,
			 h->message, h->good ? "Its last accepted version is served" : "It is not served");
	p.has_severity = 1;
	p.severity = PORTOLAN__IPC__SEVERITY__SEVERITY_ERROR;
	p.reason = (char *)"RejectedByEnvoy";
	p.message = text;
	graph_provenance(q->graph, h->kind, h->key, h->key_len, note_object, &h->notes);
	keep_authors(&h->notes);
	for (uint32_t i = 0; i < h->notes.n; i++) {
		struct note *n = vec_at(&h->notes, i);

		n->item = item_ref(graph_note_add(q->graph, n->kind, n->key, verdict, &p));
	}
}

/* ---- life ---- */

void hold_set(struct quarantine *q, struct hold *h, enum hold_state state)
{
	if (h->state == HOLD_HELD && state != HOLD_HELD) {
		forget_notes(q, h);
		unkeep(q, h);
		q->counters.held--;
	}
	h->state = state;
	publish(q, h);
}

void hold_refuse(struct quarantine *q, struct hold *h, const char *message)
{
	free(h->message);
	free(h->version);
	h->message = xstrdup(message);
	h->version_len = h->wanted->meta_len;
	h->version = xmemdup(item_meta(h->wanted), h->version_len);
	h->state = HOLD_HELD;
	q->counters.held++;
	keep(q, h);
	publish(q, h);
}

void hold_want(struct quarantine *q, struct hold *h, struct item *wanted)
{
	bool refused = h->state == HOLD_HELD && wanted->meta_len == h->version_len &&
		       memcmp(item_meta(wanted), h->version, h->version_len) == 0;

	item_unref(h->wanted);
	h->wanted = item_ref(wanted);
	h->source = 0;
	if (refused)
		publish(q, h);
	else
		hold_set(q, h, HOLD_PENDING);
}

void hold_free(struct hold *h)
{
	for (uint32_t i = 0; i < h->notes.n; i++) {
		struct note *n = vec_at(&h->notes, i);

		item_unref(n->item);
		free(n->key);
		free(n);
	}
	vec_done(&h->notes);
	item_unref(h->wanted);
	item_unref(h->good);
	free(h->message);
	free(h->version);
	free(h->key);
	free(h);
}

void hold_drop(struct quarantine *q, struct subject *s, struct hold *h, struct item *wanted)
{
	if (h->state == HOLD_HELD)
		hold_set(q, h, HOLD_PENDING);
	hold_publish_item(q, h->kind, h->key, h->key_len, wanted);
	(void)hashmap_remove(&s->by_key, h->key, h->key_len);
	vec_take_out(&s->holds, h->at);
	if (h->at < s->holds.n)
		((struct hold *)vec_at(&s->holds, h->at))->at = h->at;
	q->counters.pending--;
	hold_free(h);
}

static bool is_known(uint32_t kind)
{
	return kind == OUTPUT_HOST_ROUTES ||
	       resource_kind(kind >= RESOURCE_PART ? kind - RESOURCE_PART : kind) != NULL;
}

void hold_recall(struct quarantine *q, const struct item *report)
{
	const char *key = memchr(report->data, '\0', report->key_len);
	uint32_t kind = (uint32_t)strtoul(report->data, NULL, 10);
	size_t key_len = key ? report->key_len - (size_t)(key + 1 - report->data) : 0;
	Portolan__Ipc__Quarantine *m;
	struct subject *s;
	struct hold *h;

	m = portolan__ipc__quarantine__unpack(NULL, report->value_len, item_value(report));
	if (!key || !m || !is_known(kind)) {
		log_warning("xds-server kept something that is not understood: it is forgotten");
	} else {
		s = subject_find(q, kind, key + 1, key_len);
		s = s ? s : subject_make(q, kind, key + 1, key_len);
		h = hold_make(q, s, kind, key + 1, key_len, NULL);
		if (m->has_good_value)
			h->good = item_new(kind, key + 1, key_len, (const char *)m->good_meta.data,
					   m->good_meta.len, m->good_value.data, m->good_value.len);
		h->message = xstrdup(m->message ? m->message : "");
		h->version = xmemdup(m->version.data, m->version.len);
		h->version_len = m->version.len;
		h->state = HOLD_HELD;
		q->counters.held++;
		keep(q, h);
		subject_dirty(q, s);
	}
	portolan__ipc__quarantine__free_unpacked(m, NULL);
}
