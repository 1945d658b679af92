/* Verdicts on objects and their problems, counted. Reasons are words of ours, so there are few: one
 * counter each, found by kind, severity and reason. */
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/hashmap.h"
#include "common/base/metric.h"
#include "common/decode/object-kind.h"
#include "common/decode/status-document.h"
#include "ipc.pb-c.h"
#include "watcher/object-metrics.h"

#define VERDICTS (PORTOLAN__IPC__VERDICT__VERDICT_IGNORED + 1)
#define CHUNK    (16 * 1024)

struct problem_count {
	size_t n;
	unsigned kind;
	Portolan__Ipc__Severity severity;
	const char *reason;
	size_t key_len;
	const char *key;
};

struct counts {
	struct arena *arena;
	size_t verdicts[STATE_KIND_MAX][VERDICTS];
	struct hashmap problems; /* of struct problem_count */
};

static const void *problem_key(const void *entry, size_t *ret_len)
{
	const struct problem_count *p = entry;

	*ret_len = p->key_len;
	return p->key;
}

static void count_problem(struct counts *c, unsigned kind, const Portolan__Ipc__Problem *p)
{
	const char *reason = p->reason ? p->reason : "";
	char *key = arena_printf(c->arena, "%u/%d/%s", kind, (int)p->severity, reason);
	struct problem_count *count = hashmap_get(&c->problems, key, strlen(key));

	if (!count) {
		count = arena_new_of(c->arena, struct problem_count, 1);
		*count = (struct problem_count){
			.kind = kind,
			.severity = p->severity,
			.reason = arena_strdup(c->arena, reason),
			.key_len = strlen(key),
			.key = key,
		};
		(void)hashmap_put(&c->problems, count);
	}
	count->n++;
}

static void count_state(struct counts *c, const struct state *s, bool verdicts)
{
	struct item *i;

	for (size_t pos = 0; (i = state_next(s, &pos));) {
		Portolan__Ipc__ObjectStatus *status;

		if (i->kind == OBJECT_DESIRED)
			continue;
		status = portolan__ipc__object_status__unpack(arena_pb(c->arena), i->value_len,
							      item_value(i));
		if (!status)
			continue;
		if (verdicts && (unsigned)status->verdict < VERDICTS)
			c->verdicts[i->kind][status->verdict]++;
		for (size_t k = 0; k < status->n_problems; k++)
			count_problem(c, i->kind, status->problems[k]);
	}
}

static const char *kind_name(unsigned kind)
{
	const struct object_kind_row *row = object_kind(kind);

	return row ? row->kind : "";
}

static int compare(const void *a, const void *b)
{
	const struct problem_count *const *x = a, *const *y = b;

	return strcmp((*x)->key, (*y)->key);
}

static void put_problems(struct counts *c, struct strbuf *out)
{
	struct problem_count *p, **all = xnew(struct problem_count *, c->problems.n + 1);
	size_t n = 0;

	HASHMAP_FOREACH (&c->problems, p)
		all[n++] = p;
	qsort(all, n, sizeof(all[0]), compare);
	metric_family(out, METRIC_OBJECT_PROBLEMS);
	for (size_t i = 0; i < n; i++)
		metric_sample(out, METRIC_OBJECT_PROBLEMS, all[i]->n, kind_name(all[i]->kind),
			      status_severity_name(all[i]->severity), all[i]->reason);
	free(all);
}

void object_metrics(const struct state *statuses, const struct state *notes, struct strbuf *out)
{
	struct counts c = { .arena = arena_new(CHUNK), .problems = HASHMAP_INIT(problem_key) };

	count_state(&c, statuses, true);
	count_state(&c, notes, false);
	metric_family(out, METRIC_OBJECTS);
	for (unsigned k = 0; k < STATE_KIND_MAX; k++)
		for (unsigned v = 0; object_kind(k) && v < VERDICTS; v++)
			metric_sample(out, METRIC_OBJECTS, c.verdicts[k][v], kind_name(k),
				      status_verdict_name((Portolan__Ipc__Verdict)v));
	put_problems(&c, out);
	hashmap_done(&c.problems);
	arena_free(c.arena);
}
