/* A binary heap of jobs by the time at which each would begin if all clients were served at once.
 */
#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "xds-server/turn.h"

/* Pieces take about this long: jobs that begin within it count as simultaneous. */
#define GRAIN_NSEC 1000000

static bool before(const struct turn_job *a, const struct turn_job *b)
{
	uint64_t x = a->due / GRAIN_NSEC, y = b->due / GRAIN_NSEC;

	if (x != y)
		return x < y;
	return a->cost != b->cost ? a->cost < b->cost : a->order < b->order;
}

static void place(struct turn *t, size_t at, struct turn_job *job)
{
	t->heap[at - 1] = job;
	job->at = at;
}

static void rise(struct turn *t, struct turn_job *job)
{
	size_t at = job->at;

	for (; at > 1 && before(job, t->heap[at / 2 - 1]); at /= 2)
		place(t, at, t->heap[at / 2 - 1]);
	place(t, at, job);
}

static void sink(struct turn *t, struct turn_job *job)
{
	size_t at = job->at, child;

	for (; (child = 2 * at) <= t->n; at = child) {
		if (child < t->n && before(t->heap[child], t->heap[child - 1]))
			child++;
		if (!before(t->heap[child - 1], job))
			break;
		place(t, at, t->heap[child - 1]);
	}
	place(t, at, job);
}

static void insert(struct turn *t, struct turn_job *job)
{
	assert(!job->at);
	GROW(t->heap, t->n, t->cap);
	place(t, ++t->n, job);
	rise(t, job);
}

void turn_add(struct turn *t, struct turn_job *job, struct turn_account *account, uint64_t cost)
{
	job->due = MAX(account->paid, t->now);
	job->cost = cost;
	job->order = t->arrived++;
	account->paid = job->due + cost;
	insert(t, job);
}

void turn_again(struct turn *t, struct turn_job *job, uint64_t took)
{
	job->due += took;
	insert(t, job);
}

void turn_cancel(struct turn *t, struct turn_job *job)
{
	struct turn_job *last;

	if (!job->at)
		return;
	last = t->heap[--t->n];
	if (last != job) {
		place(t, job->at, last);
		rise(t, last);
		sink(t, last);
	}
	job->at = 0;
}

struct turn_job *turn_next(struct turn *t)
{
	struct turn_job *job;

	if (!t->n)
		return NULL;
	job = t->heap[0];
	turn_cancel(t, job);
	t->now = MAX(t->now, job->due);
	return job;
}

void turn_done(struct turn *t)
{
	free(t->heap);
	*t = (struct turn){ 0 };
}
