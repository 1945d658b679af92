/* HTTPProxies counted as Contour counts them: by namespace, and by namespace and host. */
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/metric.h"
#include "common/decode/object-kind.h"
#include "config.h"
#include "ipc.pb-c.h"
#include "k8s/projectcontour.pb-c.h"
#include "watcher/contour-metrics.h"

#define CHUNK (16 * 1024)

enum group { GROUP_ALL, GROUP_ROOT, GROUP_ORPHANED, GROUP_VALID, GROUP_INVALID, GROUP_MAX_ };

static const struct {
	enum metric metric;
	bool by_host;
} groups[GROUP_MAX_] = {
	[GROUP_ALL] = { METRIC_CONTOUR_HTTPPROXY, false },
	[GROUP_ROOT] = { METRIC_CONTOUR_HTTPPROXY_ROOT, false },
	[GROUP_ORPHANED] = { METRIC_CONTOUR_HTTPPROXY_ORPHANED, false },
	[GROUP_VALID] = { METRIC_CONTOUR_HTTPPROXY_VALID, true },
	[GROUP_INVALID] = { METRIC_CONTOUR_HTTPPROXY_INVALID, true },
};

struct member {
	const char *namespace, *host; /* "" without one */
};

struct census {
	struct arena *arena;
	struct {
		struct member *all;
		size_t n;
	} groups[GROUP_MAX_];
};

static int compare(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	int r = strcmp(x->namespace, y->namespace);

	return r ? r : strcmp(x->host, y->host);
}

static void add(struct census *c, enum group g, const char *namespace, const char *host)
{
	c->groups[g].all[c->groups[g].n++] =
		(struct member){ namespace, groups[g].by_host ? host : "" };
}

static bool is_orphaned(const Portolan__Ipc__ObjectStatus *s)
{
	for (size_t i = 0; i < s->n_problems; i++)
		if (s->problems[i]->reason && strncmp(s->problems[i]->reason, "Orphaned", 8) == 0)
			return true;
	return false;
}

/* Contour has three verdicts: valid, invalid and orphaned. A proxy of another class has none of
 * them. */
static void add_verdict(struct census *c, const struct item *status, const char *namespace,
			const char *host)
{
	Portolan__Ipc__ObjectStatus *s = portolan__ipc__object_status__unpack(
		arena_pb(c->arena), status->value_len, item_value(status));

	if (!s || s->verdict == PORTOLAN__IPC__VERDICT__VERDICT_IGNORED)
		return;
	if (is_orphaned(s))
		add(c, GROUP_ORPHANED, namespace, host);
	else
		add(c,
		    s->verdict == PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED ? GROUP_VALID
									   : GROUP_INVALID,
		    namespace, host);
}

static void count(struct census *c, const struct state *statuses, const struct item *i)
{
	K8s__HTTPProxy *p = k8s__httpproxy__unpack(arena_pb(c->arena), i->value_len, item_value(i));
	const struct item *status = state_get(statuses, i->kind, item_key(i), i->key_len);
	const char *slash = memchr(item_key(i), '/', i->key_len), *namespace, *host = "";

	if (!p || !slash)
		return;
	namespace = arena_strndup(c->arena, item_key(i), (size_t)(slash - item_key(i)));
	if (p->spec && p->spec->virtualhost) {
		host = p->spec->virtualhost->fqdn ? p->spec->virtualhost->fqdn : "";
		add(c, GROUP_ROOT, namespace, host);
	}
	add(c, GROUP_ALL, namespace, host);
	if (status)
		add_verdict(c, status, namespace, host);
}

static void put(struct census *c, enum group g, struct strbuf *out)
{
	struct member *all = c->groups[g].all;
	size_t n = c->groups[g].n, first = 0;

	qsort(all, n, sizeof(all[0]), compare);
	metric_family(out, groups[g].metric);
	for (size_t i = 1; i <= n; i++) {
		if (i < n && compare(&all[i], &all[first]) == 0)
			continue;
		if (groups[g].by_host)
			metric_sample(out, groups[g].metric, i - first, all[first].namespace,
				      all[first].host);
		else
			metric_sample(out, groups[g].metric, i - first, all[first].namespace);
		first = i;
	}
}

static void put_proxies(const struct state *objects, const struct state *statuses,
			struct strbuf *out)
{
	struct census c = { .arena = arena_new(CHUNK) };
	size_t n = state_count_kind(objects, OBJECT_HTTP_PROXY);
	struct item *i;

	for (size_t g = 0; g < GROUP_MAX_; g++)
		c.groups[g].all = arena_new_of(c.arena, struct member, n + 1);
	for (size_t pos = 0; (i = state_next(objects, &pos));)
		if (i->kind == OBJECT_HTTP_PROXY)
			count(&c, statuses, i);
	for (size_t g = 0; g < GROUP_MAX_; g++)
		put(&c, (enum group)g, out);
	arena_free(c.arena);
}

void contour_metrics(const struct state *objects, const struct state *statuses, uint64_t commits,
		     uint64_t world, struct strbuf *out)
{
	metric_family(out, METRIC_CONTOUR_BUILD_INFO);
	metric_sample(out, METRIC_CONTOUR_BUILD_INFO, 1, "", "", "portolan " PACKAGE_VERSION);
	metric_family(out, METRIC_CONTOUR_DAG_CACHE_OBJECT);
	for (unsigned k = 0; k < STATE_KIND_MAX; k++)
		if (object_kind(k))
			metric_sample(out, METRIC_CONTOUR_DAG_CACHE_OBJECT,
				      state_count_kind(objects, k), object_kind(k)->kind);
	metric_single(out, METRIC_CONTOUR_DAGREBUILD, commits);
	metric_single(out, METRIC_CONTOUR_DAGREBUILD_TIME, world / USEC_PER_SEC);
	put_proxies(objects, statuses, out);
}
