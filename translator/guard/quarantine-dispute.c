/* Resources that Envoys refuse and that are served all the same. */
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/log.h"
#include "translator/guard/quarantine-note.h"
#include "translator/guard/quarantine-subject.h"

const void *dispute_key(const void *entry, size_t *ret_len)
{
	const struct dispute *d = entry;

	*ret_len = d->key_len;
	return d->key;
}

static void dispute_free(struct dispute *d)
{
	notes_free(&d->notes);
	free(d->text);
	free(d->key);
	free(d);
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

void dispute_note(struct quarantine *q, const struct item *report, const struct item *published,
		  const Portolan__Ipc__RejectReport *refusal)
{
	struct dispute *d = find(q, report);
	struct refused what = {
		.kind = published->kind,
		.key = published->data,
		.key_len = published->key_len,
		.name = item_key(published),
		.message = refusal->message,
		.outcome = refusal->accepted
				   ? "It goes on there with what was accepted before, and others "
				     "have accepted the present one"
				   : "It is not served there",
		.verdict = refusal->accepted ? PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED
					     : PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL,
		.nodes = refusal->node_ids,
		.n_nodes = refusal->n_node_ids,
		.n_all = refusal->nodes,
		.taken = refusal->accepted > 0,
	};
	_cleanup_free_ char *text = NULL, *who = NULL;

	d->seen = true;
	who = notes_who(what.nodes, what.n_nodes, what.n_all);
	text = xasprintf("%s %.*s: %s", who, (int)refusal->version.len,
			 (const char *)refusal->version.data, what.outcome);
	if (d->text && strcmp(d->text, text) == 0)
		return;
	notes_remove(q->graph, &d->notes);
	free(d->text);
	d->text = TAKE_PTR(text);
	q->counters.rejects++;
	log_with(LOG_WARNING, FIELDS({ "resource", what.name }, { "reason", what.message }),
		 "%s a resource%s", who,
		 what.taken ? " that others accept: they go on with it" : "");
	notes_add(q->graph, &what, &d->notes);
}

void dispute_begin(struct quarantine *q)
{
	struct dispute *d;

	HASHMAP_FOREACH (&q->disputes, d)
		d->seen = false;
}

void dispute_end(struct quarantine *q)
{
	_cleanup_free_ struct dispute **over = xnew(struct dispute *, q->disputes.n + 1);
	struct dispute *d;
	size_t n = 0;

	HASHMAP_FOREACH (&q->disputes, d)
		if (!d->seen)
			over[n++] = d;
	while (n) {
		d = over[--n];
		(void)hashmap_remove(&q->disputes, d->key, d->key_len);
		notes_remove(q->graph, &d->notes);
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
