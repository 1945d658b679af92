/* Resources with unconfirmed changes, and the search for the part that Envoy refuses. */
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/log.h"
#include "common/link/version.h"
#include "translator/guard/quarantine-subject.h"
#include "translator/kinds.h"

#define KEY_MAX 2048

const void *subject_key(const void *entry, size_t *ret_len)
{
	const struct subject *s = entry;

	*ret_len = s->key_len;
	return s->key;
}

static const void *hold_key(const void *entry, size_t *ret_len)
{
	const struct hold *h = entry;

	*ret_len = h->key_len;
	return h->key;
}

/* A subject's key from an item's: the resource's name ends where a part's own key begins. */
static size_t make_key(uint32_t kind, const char *key, size_t key_len, char ret[KEY_MAX])
{
	const char *end = kind >= RESOURCE_PART ? memchr(key, '\0', key_len) : NULL;
	size_t len = MIN(end ? (size_t)(end - key) : key_len, (size_t)KEY_MAX - 2);

	if (kind == OUTPUT_HOST_ROUTES)
		kind = RESOURCE_PART + RESOURCE_ROUTE;
	ret[0] = (char)(kind >= RESOURCE_PART ? kind - RESOURCE_PART : kind);
	memcpy(ret + 1, key, len);
	return len + 1;
}

struct subject *subject_find(const struct quarantine *q, uint32_t kind, const char *key,
			     size_t key_len)
{
	char id[KEY_MAX];
	size_t len = make_key(kind, key, key_len, id);

	return hashmap_get(&q->subjects, id, len);
}

struct subject *subject_make(struct quarantine *q, uint32_t kind, const char *key, size_t key_len)
{
	struct subject *s = xnew(struct subject, 1);
	const struct resource_kind_row *row;
	char id[KEY_MAX];
	size_t name;

	s->key_len = make_key(kind, key, key_len, id);
	id[s->key_len] = '\0';
	s->key = xmemdup(id, s->key_len + 1); /* with a NUL, for logs */
	s->by_key = HASHMAP_INIT(hold_key);
	row = resource_kind((unsigned)id[0]);
	name = strlen(row->name);
	s->report_key_len = name + s->key_len;
	s->report_key = xmalloc(s->report_key_len);
	memcpy(s->report_key, row->name, name + 1);
	memcpy(s->report_key + name + 1, s->key + 1, s->key_len - 1);
	(void)hashmap_put(&q->subjects, s);
	return s;
}

void subject_free(struct subject *s)
{
	while (s->holds.n) {
		struct hold *h = vec_at(&s->holds, s->holds.n - 1);

		vec_take_out(&s->holds, s->holds.n - 1);
		hold_free(h);
	}
	hashmap_done(&s->by_key);
	free(s->report_key);
	free(s->key);
	free(s);
}

void subject_dirty(struct quarantine *q, struct subject *s)
{
	if (!s->dirty)
		vec_add(&q->dirty, s);
	s->dirty = true;
}

void subject_release(struct quarantine *q, struct subject *s)
{
	if (s->holds.n || s->dirty || s->adjusted || s->settling)
		return;
	(void)hashmap_remove(&q->subjects, s->key, s->key_len);
	subject_free(s);
}

struct hold *subject_hold(const struct subject *s, uint32_t kind, const char *key, size_t key_len)
{
	struct hold *h = hashmap_get(&s->by_key, key, key_len);

	return h && h->kind == kind ? h : NULL;
}

struct item *subject_published(const struct quarantine *q, const struct subject *s)
{
	return state_get(q->resources, (uint32_t)s->key[0], s->key + 1, s->key_len - 1);
}

static int compare(const void *a, const void *b)
{
	const struct hold *x = *(const struct hold *const *)a, *y = *(const struct hold *const *)b;
	int d = memcmp(x->key, y->key, MIN(x->key_len, y->key_len));

	return d ? d : (x->key_len > y->key_len) - (x->key_len < y->key_len);
}

/* Those that are published and not accepted, in the order of their keys. */
static struct hold **suspects(const struct subject *s, size_t *ret_n)
{
	struct hold **all = xnew(struct hold *, s->holds.n + 1);
	size_t n = 0;

	for (uint32_t i = 0; i < s->holds.n; i++) {
		struct hold *h = vec_at(&s->holds, i);

		if (h->state == HOLD_PENDING)
			all[n++] = h;
	}
	if (n)
		qsort(all, n, sizeof(struct hold *), compare);
	*ret_n = n;
	return all;
}

/* A new head: without it none of its parts is served. */
static bool is_new_head(const struct hold *h)
{
	return h->kind < RESOURCE_PART && h->kind != OUTPUT_HOST_ROUTES && !h->good;
}

/* Envoy's words if it cannot have a listener's address, whatever the listener's content. */
static bool is_about_address(const char *message)
{
	return strstr(message, "cannot bind") || strstr(message, "cannot listen");
}

/* A new head is the culprit if Envoy says so, or if it is refused without any new part: till then
 * it is not among the suspects. */
static size_t judge_head(struct hold **all, size_t n, const char *message)
{
	for (size_t i = 0; i < n && n > 1; i++) {
		struct hold *head = all[i];

		if (!is_new_head(head))
			continue;
		if (is_about_address(message)) {
			all[0] = head;
			return 1;
		}
		memmove(&all[i], &all[i + 1], (n - i - 1) * sizeof(struct hold *));
		return n - 1;
	}
	return n;
}

void subject_rejected(struct quarantine *q, struct subject *s,
		      const Portolan__Ipc__RejectReport *refusal)
{
	_cleanup_free_ struct hold **all = NULL;
	size_t n;

	all = suspects(s, &n);
	n = judge_head(all, n, refusal->message ? refusal->message : "");
	if (!n)
		return; /* the served version was accepted before: the best one known */
	subject_dirty(q, s);
	if (n > 1) {
		log_info("Envoy refuses %s: looking for the culprit among %zu changes", s->key + 1,
			 n);
		s->level++;
		for (size_t i = n / 2; i < n; i++) {
			all[i]->level = s->level;
			hold_set(q, all[i], HOLD_PARKED);
		}
		return;
	}
	q->counters.rejects++;
	hold_refuse(q, all[0], refusal);
	hold_explain(q, s, all[0]);
	log_with(LOG_WARNING, FIELDS({ "resource", s->key + 1 }, { "reason", refusal->message }),
		 "Envoy refuses what an object asks for; %s",
		 all[0]->good ? "the last accepted version is served instead" : "it is not served");
}

/* The half that the last split put aside is tried next. */
static bool release_parked(struct quarantine *q, struct subject *s)
{
	bool released = false;

	while (s->level && !released) {
		for (uint32_t i = 0; i < s->holds.n; i++) {
			struct hold *h = vec_at(&s->holds, i);

			if (h->state != HOLD_PARKED || h->level != s->level)
				continue;
			hold_set(q, h, HOLD_PENDING);
			released = true;
		}
		s->level--;
	}
	return released;
}

void subject_accepted(struct quarantine *q, struct subject *s, uint64_t source)
{
	for (uint32_t i = s->holds.n; i-- > 0;) {
		struct hold *h = vec_at(&s->holds, i);

		if (h->state == HOLD_PENDING && h->source && h->source <= source)
			hold_drop(q, s, h, h->wanted);
	}
	if (source == UINT64_MAX && release_parked(q, s))
		subject_dirty(q, s);
}

static bool all_published(const struct subject *s)
{
	for (uint32_t i = 0; i < s->holds.n; i++)
		if (((struct hold *)vec_at(&s->holds, i))->state != HOLD_PENDING)
			return false;
	return true;
}

/* Puts the head again with the version of its published parts. */
static void adjust(struct quarantine *q, const struct subject *s, const struct item *const *parts,
		   size_t n)
{
	_cleanup_free_ const struct item **published = xnew(const struct item *, n + 1);
	struct item *head = subject_published(q, s);
	uint8_t version[VERSION_SIZE];
	char hex[VERSION_HEX + 1];
	size_t k = 0;

	if (!head)
		return;
	for (size_t i = 0; i < n; i++) {
		struct item *p =
			state_get(q->resources, parts[i]->kind, parts[i]->data, parts[i]->key_len);

		if (p)
			published[k++] = p;
	}
	part_tree_version_once(published, k, item_value(head), head->value_len, version);
	version_to_hex(version, hex);
	(void)state_put(q->resources, item_new(head->kind, head->data, head->key_len, hex,
					       VERSION_HEX, item_value(head), head->value_len));
}

static bool is_made_by_graph(const struct subject *s)
{
	return s->key[0] == RESOURCE_ROUTE && hold_is_of_hosts(s->key + 1);
}

void subject_settle(struct quarantine *q, struct subject *s, uint64_t source)
{
	const struct item *const *parts;
	bool whole = all_published(s);
	size_t n;

	parts = graph_parts(q->graph, (enum resource_kind)s->key[0], s->key + 1, &n);
	s->has_parts |= n > 0;
	for (uint32_t i = s->holds.n; i-- > 0;) {
		struct hold *h = vec_at(&s->holds, i);

		if (!h->source)
			h->source = source;
		if (!h->wanted) /* recalled, but no longer wanted */
			hold_drop(q, s, h, NULL);
		else if (h->state == HOLD_HELD && !h->notes.n)
			hold_explain(q, s, h);
	}
	/* If the graph makes the parts from decided items, it makes the head's version, too. */
	if (s->has_parts && !is_made_by_graph(s) && (!whole || s->adjusted))
		adjust(q, s, parts, n);
	s->adjusted = s->has_parts && !is_made_by_graph(s) && !whole;
}
