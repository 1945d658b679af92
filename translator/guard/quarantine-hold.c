/* One item that Envoy has not confirmed: the wanted version, the one accepted before, and which of
 * them is published. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/log.h"
#include "proto/ipc.pb-c.h"
#include "translator/guard/quarantine-note.h"
#include "translator/guard/quarantine-subject.h"
#include "translator/kinds.h"

#define KEY_MAX 2048

const void *hold_item_key(const void *entry, size_t *ret_len)
{
	const struct item *i = entry;

	*ret_len = i->key_len;
	return i->data;
}

bool hold_is_of_hosts(const char *table)
{
	return strcmp(table, HOST_ROUTES_TABLE) == 0 ||
	       strncmp(table, GATEWAY_TABLES, strlen(GATEWAY_TABLES)) == 0;
}

struct item *hold_published(const struct quarantine *q, uint32_t kind, const char *key,
			    size_t key_len)
{
	return kind == OUTPUT_HOST_ROUTES ? hashmap_get(&q->injected, key, key_len)
					  : state_get(q->resources, kind, key, key_len);
}

/* The form in which a host is served is not sent: it is a fact from which the graph makes the
 * table. */
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
		graph_uninject(q->graph, FACT_SAME_ROUTES, item_meta(before), before->meta_len,
			       before);
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
	/* If no version was ever accepted, serves the wanted one. */
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

/* ---- xds-server's copy ---- */

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
	m.node_ids = h->nodes;
	m.n_node_ids = h->n_nodes;
	if (h->good) {
		m.has_good_meta = m.has_good_value = 1;
		m.good_meta =
			(ProtobufCBinaryData){ h->good->meta_len, (uint8_t *)item_meta(h->good) };
		m.good_value =
			(ProtobufCBinaryData){ h->good->value_len, (uint8_t *)item_value(h->good) };
	}
	len = portolan__ipc__quarantine__get_packed_size(&m);
	packed = xmalloc(len);
	(void)portolan__ipc__quarantine__pack(&m, packed);
	(void)state_put(q->resources,
			item_new(RESOURCE_QUARANTINE, key, key_len, NULL, 0, packed, len));
}

static void unkeep(struct quarantine *q, const struct hold *h)
{
	char key[KEY_MAX];
	size_t len = quarantine_key(h, key);

	(void)state_remove(q->resources, RESOURCE_QUARANTINE, key, len);
}

/* ---- statuses of objects ---- */

void hold_explain(struct quarantine *q, const struct subject *s, struct hold *h)
{
	struct refused what = {
		.kind = h->kind,
		.key = h->key,
		.key_len = h->key_len,
		.name = s->key + 1,
		.message = h->message,
		.outcome = h->good ? "Its last accepted version is served until it changes"
				   : "It is not served until it changes",
		/* A Gateway may have other sockets. */
		.verdict = h->good || h->kind == RESOURCE_LISTENER
				   ? PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL
				   : PORTOLAN__IPC__VERDICT__VERDICT_REJECTED,
		.nodes = h->nodes,
		.n_nodes = h->n_nodes,
		.n_all = h->n_nodes,
	};

	notes_add(q->graph, &what, &h->notes);
}

/* ---- life ---- */

static void forget_refusal(struct quarantine *q, struct hold *h)
{
	notes_remove(q->graph, &h->notes);
	unkeep(q, h);
	q->counters.held--;
	h->again = false;
}

void hold_set(struct quarantine *q, struct hold *h, enum hold_state state)
{
	if (h->state == HOLD_HELD || (h->again && state == HOLD_PENDING))
		forget_refusal(q, h);
	h->state = state;
	publish(q, h);
}

void hold_try_again(struct quarantine *q, struct subject *s, struct hold *h)
{
	h->again = true;
	h->state = HOLD_PENDING;
	h->source = 0;
	publish(q, h);
	subject_dirty(q, s);
}

static void free_nodes(struct hold *h)
{
	while (h->n_nodes)
		free(h->nodes[--h->n_nodes]);
	free(TAKE_PTR(h->nodes));
}

static void take_nodes(struct hold *h, char *const *nodes, size_t n)
{
	free_nodes(h);
	h->nodes = xnew(char *, n + 1);
	for (size_t i = 0; i < n; i++)
		h->nodes[h->n_nodes++] = xstrdup(nodes[i]);
}

void hold_refuse(struct quarantine *q, struct hold *h, const Portolan__Ipc__RejectReport *refusal)
{
	if (h->again)
		forget_refusal(q, h);
	free(h->message);
	free(h->version);
	h->message = xstrdup(refusal->message ? refusal->message : "");
	h->version_len = h->wanted->meta_len;
	h->version = xmemdup(item_meta(h->wanted), h->version_len);
	take_nodes(h, refusal->node_ids, refusal->n_node_ids);
	h->state = HOLD_HELD;
	h->unasked = refusal->unasked > 0;
	newcomer_held(q, h);
	q->counters.held++;
	keep(q, h);
	publish(q, h);
}

void hold_release(struct quarantine *q, struct subject *s, struct hold *h)
{
	if (!h->wanted) {
		/* Recalled before its object was read: the wanted item comes as new. */
		hold_drop(q, s, h, h->good);
		return;
	}
	h->source = 0;
	hold_set(q, h, HOLD_PENDING);
	subject_dirty(q, s);
}

void hold_want(struct quarantine *q, struct hold *h, struct item *wanted)
{
	bool refused = h->state == HOLD_HELD && wanted->meta_len == h->version_len &&
		       memcmp(item_meta(wanted), h->version, h->version_len) == 0;

	if (!refused && !(h->wanted && item_equal(h->wanted, wanted)))
		h->tries = 0;
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
	notes_free(&h->notes);
	free_nodes(h);
	item_unref(h->wanted);
	item_unref(h->good);
	free(h->message);
	free(h->version);
	free(h->key);
	free(h);
}

void hold_drop(struct quarantine *q, struct subject *s, struct hold *h, struct item *wanted)
{
	if (h->state == HOLD_HELD || h->again)
		forget_refusal(q, h);
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
		take_nodes(h, m->node_ids, m->n_node_ids);
		h->state = HOLD_HELD;
		newcomer_held(q, h);
		q->counters.held++;
		keep(q, h);
		subject_dirty(q, s);
	}
	portolan__ipc__quarantine__free_unpacked(m, NULL);
}
