/* Reports about a Kubernetes API server: why the watcher is not ready, metrics, its debug page. */
#include <stddef.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/metric.h"
#include "common/decode/object-kind.h"
#include "watcher/kube-source-parts.h"

static const struct kube_source *from(const struct source *source)
{
	return (const struct kube_source *)(const void *)source;
}

static bool is_dispensed(const struct collection *c)
{
	return c->dispensable && c->reflector && reflector_denied(c->reflector);
}

bool collection_synced(const struct collection *c)
{
	if (!c->reflector)
		return c->asked;
	return reflector_synced(c->reflector) || is_dispensed(c);
}

static const char *state_of(const struct collection *c)
{
	if (!c->reflector)
		return c->asked ? "absent" : "asking";
	return reflector_state_name(reflector_state(c->reflector));
}

static const char *problem_of(const struct collection *c)
{
	const char *problem;

	if (!c->reflector && !c->source->discovery)
		return readiness_problem(c->source->readiness);
	if (!c->reflector)
		return discovery_problem(c->source->discovery, c->kind);
	problem = reflector_problem(c->reflector);
	if (is_dispensed(c))
		return NULL;
	return problem || reflector_synced(c->reflector) ? problem : state_of(c);
}

static const struct reflector_counters *counters_of(const struct collection *c)
{
	static const struct reflector_counters none;

	return c->reflector ? reflector_counters(c->reflector) : &none;
}

/* One line for all that have the same problem. */
void kube_source_why(const struct source *source, struct strbuf *out)
{
	const struct kube_source *s = from(source);
	_cleanup_free_ bool *said = xnew(bool, s->n_collections + 1);

	for (size_t i = 0; i < s->n_collections; i++) {
		const char *problem = problem_of(&s->collections[i]);

		if (!problem || said[i])
			continue;
		strbuf_printf(out, "kubernetes: %s", s->collections[i].name);
		for (size_t k = i + 1; k < s->n_collections; k++) {
			const char *other = problem_of(&s->collections[k]);

			if (!other || strcmp(other, problem) != 0)
				continue;
			said[k] = true;
			strbuf_printf(out, ", %s", s->collections[k].name);
		}
		strbuf_printf(out, ": %s\n", problem);
	}
	if (s->configuration)
		kube_configuration_why(s->configuration, out);
	kube_writers_why(s->writers, out);
}

static const struct {
	enum metric metric;
	size_t offset;
} collection_metrics[] = {
	{ METRIC_KUBE_LISTS, offsetof(struct reflector_counters, lists) },
	{ METRIC_KUBE_RELISTS, offsetof(struct reflector_counters, relists) },
	{ METRIC_KUBE_WATCHES, offsetof(struct reflector_counters, watches) },
	{ METRIC_KUBE_EVENTS, offsetof(struct reflector_counters, events) },
	{ METRIC_KUBE_BOOKMARKS, offsetof(struct reflector_counters, bookmarks) },
	{ METRIC_KUBE_FAILURES, offsetof(struct reflector_counters, failures) },
	{ METRIC_KUBE_UNREADABLE, offsetof(struct reflector_counters, unreadable) },
	{ METRIC_KUBE_BYTES, offsetof(struct reflector_counters, bytes) },
};

/* Adds up the namespaces of one kind, which are adjacent. */
static size_t sum_kind(const struct kube_source *s, size_t i, size_t offset, uint64_t *ret)
{
	unsigned kind = s->collections[i].kind;

	for (*ret = 0; i < s->n_collections && s->collections[i].kind == kind; i++)
		*ret += *(const uint64_t *)(const void *)((const char *)counters_of(
								  &s->collections[i]) +
							  offset);
	return i;
}

static size_t kind_state(const struct kube_source *s, size_t i, bool *ret_synced, int64_t *ret_last)
{
	unsigned kind = s->collections[i].kind;

	*ret_synced = true;
	*ret_last = 0;
	for (; i < s->n_collections && s->collections[i].kind == kind; i++) {
		const struct collection *c = &s->collections[i];
		int64_t last = counters_of(c)->last_event;

		*ret_synced &= c->reflector ? reflector_synced(c->reflector) : c->asked;
		*ret_last = MAX(*ret_last, last);
	}
	return i;
}

static void kind_metrics(const struct kube_source *s, struct strbuf *out)
{
	int64_t now = clock_monotonic(), last;
	bool synced;

	metric_family(out, METRIC_KUBE_SYNCED);
	for (size_t i = 0, next; i < s->n_collections; i = next) {
		next = kind_state(s, i, &synced, &last);
		metric_sample(out, METRIC_KUBE_SYNCED, synced,
			      object_kind(s->collections[i].kind)->kind);
	}
	metric_family(out, METRIC_KUBE_LAST_EVENT_AGE);
	for (size_t i = 0, next; i < s->n_collections; i = next) {
		next = kind_state(s, i, &synced, &last);
		if (last)
			metric_sample(out, METRIC_KUBE_LAST_EVENT_AGE,
				      (double)(now - last) / USEC_PER_SEC,
				      object_kind(s->collections[i].kind)->kind);
	}
}

void kube_source_metrics(const struct source *source, struct strbuf *out)
{
	const struct kube_source *s = from(source);
	const struct http_counters *h = http_counters(s->http);
	uint64_t sum;

	for (size_t m = 0; m < ARRAY_SIZE(collection_metrics); m++) {
		metric_family(out, collection_metrics[m].metric);
		for (size_t i = 0, next; i < s->n_collections; i = next) {
			next = sum_kind(s, i, collection_metrics[m].offset, &sum);
			metric_sample(out, collection_metrics[m].metric, sum,
				      object_kind(s->collections[i].kind)->kind);
		}
	}
	kind_metrics(s, out);
	metric_single(out, METRIC_KUBE_CONNECTIONS, h->connections);
	metric_single(out, METRIC_KUBE_CONNECTIONS_DROPPED, h->dropped);
	metric_single(out, METRIC_KUBE_REQUESTS, h->calls);
	metric_single(out, METRIC_KUBE_REQUESTS_FAILED, h->failed_calls);
	metric_single(out, METRIC_KUBE_RECEIVED_BYTES, h->bytes_in);
	if (s->configuration)
		kube_configuration_metrics(s->configuration, out);
	kube_writers_metrics(s->writers, out);
}

static void put_collection(struct document *d, const struct collection *c)
{
	const char *problem = c->reflector ? reflector_problem(c->reflector) : problem_of(c);

	document_map(d);
	document_put_string(d, "name", c->name);
	document_put_string(d, "version", c->version ? c->version : "");
	document_put_string(d, "state", state_of(c));
	document_put_bool(d, "synced", c->reflector ? reflector_synced(c->reflector) : c->asked);
	document_put_string(d, "problem", problem ? problem : "");
	document_put_uint(d, "relists", counters_of(c)->relists);
	document_put_uint(d, "events", counters_of(c)->events);
	document_end(d);
}

void kube_source_debug(const struct source *source, struct document *d)
{
	const struct kube_source *s = from(source);

	document_put_string(d, "server", s->access->server);
	document_put_string(d, "access", s->access->origin);
	document_put_bool(d, "reachable", http_reachable(s->http));
	kube_writers_debug(s->writers, d);
	document_key(d, "kinds");
	document_list(d);
	for (size_t i = 0; i < s->n_collections; i++)
		put_collection(d, &s->collections[i]);
	document_end(d);
}
