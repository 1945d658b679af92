/* Resources that Envoys refuse and that are served all the same. */
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "translator/guard/quarantine-note.h"
#include "translator/guard/quarantine-subject.h"
#include "translator/kinds.h"

const void *dispute_key(const void *entry, size_t *ret_len)
{
	const struct dispute *d = entry;

	*ret_len = d->key_len;
	return d->key;
}

/* A change of a host in a shared table, or of a filter chain in a listener. Envoy refuses the
 * whole, so it lacks every change since the version that it accepted last: the bad one, and those
 * of other hosts after it. */
struct disputed {
	uint32_t kind;
	char *key;
	size_t key_len;
	struct vec notes;
};

static void disputed_free(struct disputed *c)
{
	notes_free(&c->notes);
	free(c->key);
	free(c);
}

static void dispute_free(struct dispute *d)
{
	for (uint32_t i = 0; i < d->changes.n; i++)
		disputed_free(vec_at(&d->changes, i));
	vec_done(&d->changes);
	notes_free(&d->notes);
	item_unref(d->report);
	free(d->text);
	free(d->key);
	free(d);
}

struct item *dispute_published(const struct quarantine *q, const struct item *report)
{
	const char *name = memchr(report->data, '\0', report->key_len);
	unsigned kind = name ? resource_kind_of_name(report->data) : 0;

	return kind ? state_get(q->resources, kind, name + 1,
				report->key_len - (size_t)(name + 1 - report->data))
		    : NULL;
}

bool dispute_is_about(const struct item *published, ProtobufCBinaryData version)
{
	return published && published->meta_len == version.len &&
	       memcmp(item_meta(published), version.data, version.len) == 0;
}

static struct dispute *find(struct quarantine *q, const struct item *report)
{
	struct dispute *d = hashmap_get(&q->disputes, report->data, report->key_len);

	if (d)
		return d;
	d = xnew(struct dispute, 1);
	d->key = xmemdup(report->data, report->key_len);
	d->key_len = report->key_len;
	(void)hashmap_put(&q->disputes, d);
	return d;
}

static struct refused refused_by(const struct item *published,
				 const Portolan__Ipc__RejectReport *refusal)
{
	return (struct refused){
		.kind = published->kind,
		.key = published->data,
		.key_len = published->key_len,
		.name = item_key(published),
		.message = refusal->message,
		.outcome = refusal->accepted
				   ? "It goes on there with what was accepted before, or without "
				     "it, and others have accepted the present one"
				   : "It is not served there",
		.verdict = refusal->accepted ? PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED
					     : PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL,
		.nodes = refusal->node_ids,
		.n_nodes = refusal->n_node_ids,
		.n_all = refusal->nodes,
		.taken = refusal->accepted > 0,
	};
}

static bool is_noted(const struct dispute *d, const struct hold *h)
{
	for (uint32_t i = 0; i < d->changes.n; i++) {
		const struct disputed *c = vec_at(&d->changes, i);

		if (c->kind == h->kind && c->key_len == h->key_len &&
		    memcmp(c->key, h->key, h->key_len) == 0)
			return true;
	}
	return false;
}

static void note_change(struct quarantine *q, const struct refused *table, struct disputed *c)
{
	struct refused what = *table;

	what.kind = c->kind;
	what.key = c->key;
	what.key_len = c->key_len;
	what.whole = true;
	what.outcome = c->kind == RESOURCE_PART + RESOURCE_LISTENER
			       ? "It goes on there with the whole listener as it was accepted "
				 "before, and others have accepted the present one"
			       : "It goes on there with the whole table as it was accepted before, "
				 "and others have accepted the present one";
	notes_add(q->graph, &what, &c->notes);
}

/* The published changes that not all have accepted yet. */
static void add_changes(struct quarantine *q, struct dispute *d, const struct subject *s,
			const struct refused *table)
{
	for (uint32_t i = 0; s && i < s->holds.n && d->changes.n < DISPUTED_MAX; i++) {
		const struct hold *h = vec_at(&s->holds, i);
		struct disputed *c;

		if ((h->kind != OUTPUT_HOST_ROUTES && h->kind < RESOURCE_PART) ||
		    h->state != HOLD_PENDING || is_noted(d, h))
			continue;
		c = xnew(struct disputed, 1);
		c->kind = h->kind;
		c->key = xmemdup(h->key, h->key_len);
		c->key_len = h->key_len;
		vec_add(&d->changes, c);
		note_change(q, table, c);
	}
}

static void note_again(struct quarantine *q, struct dispute *d, const struct refused *what)
{
	notes_remove(q->graph, &d->notes);
	notes_add(q->graph, what, &d->notes);
	for (uint32_t i = 0; i < d->changes.n; i++) {
		struct disputed *c = vec_at(&d->changes, i);

		notes_remove(q->graph, &c->notes);
		note_change(q, what, c);
	}
}

static bool has_parts(struct quarantine *q, const struct item *published)
{
	size_t n;

	(void)graph_parts(q->graph, (enum resource_kind)published->kind, published->data, &n);
	return n > 0;
}

static void say(struct dispute *d)
{
	d->seen = true;
	d->unsaid = 0;
}

void dispute_note(struct quarantine *q, struct item *report, const struct item *published,
		  const struct subject *s, const Portolan__Ipc__RejectReport *refusal)
{
	struct dispute *d = find(q, report);
	struct refused what = refused_by(published, refusal);
	bool of_parts = has_parts(q, published);
	_cleanup_free_ char *text = NULL, *who = NULL;

	say(d);
	item_unref(d->report);
	d->report = item_ref(report);
	who = notes_who(what.nodes, what.n_nodes, what.n_all);
	/* It has a new version with each change of a host. */
	text = xasprintf("%s %.*s: %s: %s", who, of_parts ? 0 : (int)refusal->version.len,
			 (const char *)refusal->version.data, what.message, what.outcome);
	if (!d->text || strcmp(d->text, text) != 0) {
		free(d->text);
		d->text = TAKE_PTR(text);
		q->counters.rejects++;
		log_with(LOG_WARNING, FIELDS({ "resource", what.name }, { "reason", what.message }),
			 "%s a resource%s", who,
			 what.taken ? " that others accept: they go on with it" : "");
		note_again(q, d, &what);
	}
	if (of_parts)
		add_changes(q, d, s, &what);
}

static Portolan__Ipc__RejectReport *read_report(const struct item *report)
{
	return portolan__ipc__reject_report__unpack(NULL, report->value_len, item_value(report));
}

/* Whether the last report was about the served version, and said that nobody has accepted it. */
static bool is_of_nobody(const struct dispute *d, const struct item *published)
{
	Portolan__Ipc__RejectReport *r = read_report(d->report);
	bool yes = r && !r->accepted && dispute_is_about(published, r->version);

	portolan__ipc__reject_report__free_unpacked(r, NULL);
	return yes;
}

void dispute_keep(struct quarantine *q, const struct item *report, const struct item *published)
{
	struct dispute *d = hashmap_get(&q->disputes, report->data, report->key_len);

	if (d && (d->changes.n || is_of_nobody(d, published)))
		say(d);
}

static bool lacks(const struct dispute *d, const char *key, size_t len)
{
	for (uint32_t i = 0; i < d->changes.n; i++) {
		const struct disputed *c = vec_at(&d->changes, i);

		if (c->key_len == len && memcmp(c->key, key, len) == 0)
			return true;
	}
	return false;
}

static const struct dispute *of_resource(const struct quarantine *q, enum resource_kind kind,
					 const char *name)
{
	const char *word = resource_kind(kind)->name;
	size_t len = strlen(word) + 1 + strlen(name);
	_cleanup_free_ char *key = xasprintf("%s %s", word, name);

	key[strlen(word)] = '\0';
	return hashmap_get(&q->disputes, key, len);
}

const struct item *quarantine_refusal(const struct quarantine *q, enum resource_kind kind,
				      const char *name, const char *part, size_t part_len)
{
	const struct dispute *d = of_resource(q, kind, name);

	return d && (!d->changes.n || (part && lacks(d, part, part_len))) ? d->report : NULL;
}

bool dispute_is_new(const struct quarantine *q, const struct item *published)
{
	const struct dispute *d =
		q->disputes.n && resource_kind(published->kind)
			? of_resource(q, (enum resource_kind)published->kind, item_key(published))
			: NULL;

	return d && is_of_nobody(d, published);
}

char *quarantine_refusers(const Portolan__Ipc__RejectReport *said)
{
	return notes_who(said->node_ids, said->n_node_ids, said->nodes);
}

void dispute_begin(struct quarantine *q)
{
	struct dispute *d;

	HASHMAP_FOREACH (&q->disputes, d)
		d->seen = false;
}

/* Hosts that are not there any more. */
static void drop_gone(struct quarantine *q, struct dispute *d)
{
	for (uint32_t i = d->changes.n; i-- > 0;) {
		struct disputed *c = vec_at(&d->changes, i);

		if (hold_published(q, c->kind, c->key, c->key_len))
			continue;
		notes_remove(q->graph, &c->notes);
		vec_take_out(&d->changes, i);
		disputed_free(c);
	}
}

static bool any_may_say_it_again(const struct quarantine *q, const struct dispute *d, bool recent)
{
	Portolan__Ipc__RejectReport *r = read_report(d->report);
	bool may = false, away;

	for (size_t i = 0; r && i < r->n_node_ids && !may; i++)
		may = newcomer_begins(q, r->node_ids[i], &away) || (away && recent);
	portolan__ipc__reject_report__free_unpacked(r, NULL);
	return may;
}

/* No report speaks of it any more: xds-server has started again, or the Envoys have left. Those
 * that come back are asked again. What nobody accepted is refused until they have answered. */
static bool goes_on(const struct quarantine *q, struct dispute *d)
{
	const struct item *published = dispute_published(q, d->report);
	int64_t now = clock_monotonic();

	if (!d->unsaid)
		d->unsaid = now;
	return is_of_nobody(d, published) &&
	       any_may_say_it_again(q, d, now - d->unsaid < DISPUTE_RETURN_USEC);
}

int64_t dispute_next(const struct quarantine *q)
{
	const struct dispute *d;
	int64_t next = -1, now = q->disputes.n ? clock_monotonic() : 0;

	HASHMAP_FOREACH (&q->disputes, d) {
		int64_t end = d->unsaid + DISPUTE_RETURN_USEC;

		if (d->unsaid && end > now && (next < 0 || end < next))
			next = end;
	}
	return next;
}

void dispute_end(struct quarantine *q)
{
	_cleanup_free_ struct dispute **over = xnew(struct dispute *, q->disputes.n + 1);
	struct dispute *d;
	size_t n = 0;

	HASHMAP_FOREACH (&q->disputes, d) {
		drop_gone(q, d);
		if (!d->seen && !goes_on(q, d))
			over[n++] = d;
	}
	while (n) {
		d = over[--n];
		(void)hashmap_remove(&q->disputes, d->key, d->key_len);
		notes_remove(q->graph, &d->notes);
		for (uint32_t i = 0; i < d->changes.n; i++)
			notes_remove(q->graph, &((struct disputed *)vec_at(&d->changes, i))->notes);
		dispute_free(d);
	}
}

void dispute_free_all(struct quarantine *q)
{
	struct dispute *d;

	HASHMAP_FOREACH (&q->disputes, d)
		dispute_free(d);
	hashmap_done(&q->disputes);
}
