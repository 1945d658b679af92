/* Envoys that have come since a change was held back, or were there and ask for the resource later,
 * as Envoy asks for listeners when its clusters are ready: all that were asked refuse the change,
 * and the next one may accept it. Then it is published once more. */
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "translator/guard/quarantine-subject.h"

/* Between two tries of a change, doubled with each: an Envoy builds a whole listener for it. One
 * that came is not kept waiting for long by others that come and refuse; one that has not asked may
 * never ask. */
#define RETRY_USEC        (5 * USEC_PER_SEC)
#define DOUBLINGS         4u
#define DOUBLINGS_UNASKED 10u
/* Envoys that have left and are remembered. */
#define REMEMBERED 1024
#define KNOWN_MAX  100000

struct newcomer {
	uint64_t number; /* in the order in which they came, also after an absence */
	uint64_t look;   /* when it was connected last */
	bool answered;   /* then */
	size_t len;
	char id[];
};

const void *newcomer_key(const void *entry, size_t *ret_len)
{
	const struct newcomer *e = entry;

	*ret_len = e->len;
	return e->id;
}

void newcomer_note(struct quarantine *q, const char *node_id, bool answered)
{
	size_t len = strlen(node_id);
	struct newcomer *e = hashmap_get(&q->envoys, node_id, len);

	q->connected++;
	if (!e && q->envoys.n < KNOWN_MAX) {
		e = xcalloc(1, sizeof(*e) + len + 1);
		e->len = len;
		memcpy(e->id, node_id, len);
		(void)hashmap_put(&q->envoys, e);
	}
	if (!e)
		return;
	if (!e->number || e->look + 1 < q->look)
		e->number = ++q->newest;
	/* One of its streams that has not is asked again. */
	e->answered = answered && (e->look != q->look || e->answered);
	e->look = q->look;
}

bool newcomer_begins(const struct quarantine *q, const char *node_id, bool *ret_away)
{
	const struct newcomer *e = hashmap_get_str(&q->envoys, node_id);

	*ret_away = !e || e->look + 1 != q->look;
	return !*ret_away && !e->answered;
}

void newcomer_end_look(struct quarantine *q)
{
	_cleanup_free_ struct newcomer **gone = NULL;
	struct newcomer *e;
	size_t n = 0;

	if (q->envoys.n > q->connected + REMEMBERED) {
		gone = xnew(struct newcomer *, q->envoys.n);
		HASHMAP_FOREACH (&q->envoys, e)
			if (e->look != q->look)
				gone[n++] = e;
		while (n) {
			(void)hashmap_remove(&q->envoys, gone[n - 1]->id, gone[n - 1]->len);
			free(gone[--n]);
		}
	}
	q->look++;
	q->connected = 0;
}

void newcomer_free_all(struct quarantine *q)
{
	struct newcomer *e;

	HASHMAP_FOREACH (&q->envoys, e)
		free(e);
	hashmap_done(&q->envoys);
}

void newcomer_held(const struct quarantine *q, struct hold *h)
{
	unsigned most = h->unasked ? DOUBLINGS_UNASKED : DOUBLINGS;

	h->asked = q->newest;
	h->retry = clock_monotonic();
	if (h->tries || h->unasked)
		h->retry += RETRY_USEC << MIN(h->tries, most);
	h->tries++;
}

static bool has_refused(const struct hold *h, const struct newcomer *e)
{
	for (size_t i = 0; i < h->n_nodes; i++)
		if (strcmp(h->nodes[i], e->id) == 0)
			return true;
	return false;
}

/* Whether an Envoy has come that may not have been asked: one that was away, or is new. */
static bool another_came(const struct quarantine *q, const struct hold *h)
{
	const struct newcomer *e;

	HASHMAP_FOREACH (&q->envoys, e)
		if (e->number > h->asked && !has_refused(h, e))
			return true;
	return false;
}

static bool waits(const struct quarantine *q, const struct hold *h)
{
	return h->state == HOLD_HELD && h->wanted && (h->unasked || h->asked < q->newest);
}

void newcomer_ask(struct quarantine *q, struct subject *s)
{
	int64_t now = clock_monotonic();

	for (uint32_t i = s->holds.n; i-- > 0;) {
		struct hold *h = vec_at(&s->holds, i);

		if (!waits(q, h))
			continue;
		if (!h->unasked && !another_came(q, h))
			h->asked = q->newest;
		else if (now >= h->retry)
			hold_try_again(q, s, h);
	}
}

int64_t newcomer_next(const struct quarantine *q)
{
	const struct subject *s;
	int64_t next = -1;

	if (!q->counters.held)
		return -1;
	HASHMAP_FOREACH (&q->subjects, s)
		for (uint32_t i = 0; i < s->holds.n; i++) {
			const struct hold *h = vec_at(&s->holds, i);

			if (waits(q, h) && (next < 0 || h->retry < next))
				next = h->retry;
		}
	return next;
}
