/* What XTelemetryPolicies say about a Gateway. The oldest holds. */
#include "translator/gateway/telemetry.h"
#include "common/base/http-header.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "translator/gateway/route-work.h"
#include "translator/kinds.h"
#include "translator/resolve/object.h"

#define MILLION        1000000
#define REQUEST_HEADER "http.request.header."

typedef Portolan__Model__ClusterResult ClusterResult;
typedef Portolan__Model__Tracing Tracing;

struct policy {
	const char *key;
	const K8s__XTelemetryPolicy *object;
};

bool telemetry_targets(const K8s__LocalObjectReference *ref)
{
	return strcmp(ref->group, GATEWAY_GROUP) == 0 && strcmp(ref->kind, "Gateway") == 0;
}

/* ---- the policies ---- */

static bool has_target(const K8s__XTelemetryPolicy *p, const char *gateway)
{
	for (size_t i = 0; p && p->spec && i < p->spec->n_target_refs; i++)
		if (telemetry_targets(p->spec->target_refs[i]) &&
		    strcmp(p->spec->target_refs[i]->name, gateway) == 0)
			return true;
	return false;
}

static int64_t age(const struct policy *p)
{
	const K8s__Time *t = p->object->metadata ? p->object->metadata->creation_timestamp : NULL;

	return t ? t->seconds : 0;
}

static int compare(const void *a, const void *b)
{
	const struct policy *x = a, *y = b;

	if (age(x) != age(y))
		return age(x) < age(y) ? -1 : 1;
	return strcmp(x->key, y->key);
}

/* The policies for the Gateway, the older first. */
static struct policy *read_policies(struct gateway *g, size_t *ret_n)
{
	const char *namespace, *name;
	const struct item *const *items;
	struct policy *all;
	size_t n;

	object_split_key(g->r, g->key, &namespace, &name);
	items = read_index(g->r, INDEX_TELEMETRY_POLICIES, namespace, &n);
	all = arena_new_of(g->a, struct policy, n + 1);
	*ret_n = 0;
	for (size_t i = 0; i < n; i++) {
		const K8s__XTelemetryPolicy *p = k8s__xtelemetry_policy__unpack(
			arena_pb(g->a), items[i]->value_len, item_value(items[i]));

		if (has_target(p, name))
			all[(*ret_n)++] = (struct policy){ item_key(items[i]), p };
	}
	if (*ret_n)
		qsort(all, *ret_n, sizeof(*all), compare);
	return all;
}

/* ---- what Envoy can do ---- */

/* OpenTelemetry's names for parts of a request. Envoy from 1.37 on could tell more of them. */
static const char *header_of(const char *key)
{
	static const struct {
		const char *key, *header;
	} rows[] = {
		{ "http.request.method", ":method" },
		{ "url.scheme", ":scheme" },
		{ "user_agent.original", "user-agent" },
	};

	if (strncmp(key, REQUEST_HEADER, strlen(REQUEST_HEADER)) == 0 &&
	    http_header_is_token(key + strlen(REQUEST_HEADER)))
		return key + strlen(REQUEST_HEADER);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].key, key) == 0)
			return rows[i].header;
	return NULL;
}

bool telemetry_attribute(struct arena *a, const K8s__XTelemetryAttribute *from,
			 Portolan__Model__TracingTag *ret)
{
	const char *header = strcmp(from->source_type, "Header") == 0 ? from->header_name
			     : from->attribute_key ? header_of(from->attribute_key)
						   : NULL;

	portolan__model__tracing_tag__init(ret);
	ret->name = from->name;
	ret->header = header ? arena_strdup(a, header) : NULL;
	if (strcmp(from->source_type, "Literal") == 0)
		ret->literal = from->literal_value;
	return ret->header || ret->literal;
}

/* Rounds to a millionth. */
static uint32_t share(const K8s__Fraction *f)
{
	int64_t n = f ? f->numerator : 1, d = !f ? 1 : f->denominator > 0 ? f->denominator : 100;

	n = n < 0 ? 0 : MIN(n, d);
	return (uint32_t)((n * MILLION + d / 2) / d);
}

static bool follows_parent(const K8s__XTelemetryTracing *t)
{
	const K8s__XTelemetryParentSampling *p = t->parent_based_sampling;

	return !p || strcmp(p->mode, "Disabled") != 0;
}

const char *telemetry_unsupported(struct arena *a, const K8s__XTelemetryTracing *t)
{
	const K8s__XTelemetryParentSampling *p = t->parent_based_sampling;
	const K8s__XTelemetryProvider *provider = t->provider;

	if (p && p->sampling_rate && share(p->sampling_rate) < MILLION)
		return "tracing.parentBasedSampling.samplingRate: Envoy follows the parent's "
		       "decision for all requests or for none";
	for (size_t i = 0; provider && i < provider->n_headers; i++) {
		const K8s__HTTPHeader *h = provider->headers[i];

		/* Envoy reads the value as a format, but sends it as it is written. */
		if (!http_header_is_token(h->name) || strcasecmp(h->name, "host") == 0 ||
		    !header_is_value(h->value) || strchr(h->value, '%'))
			return arena_printf(
				a,
				"spec.tracing.provider.headers[%zu]: Envoy cannot send %s "
				"with this value",
				i, h->name);
	}
	return NULL;
}

/* ---- the Gateway ---- */

/* A fault is found by its reason: unit-telemetry-policy.c. */
static void tell(struct gateway *g, const char *policy, const char *reason, const char *message)
{
	const char *use = arena_printf(g->a, TELEMETRY_POLICY "%s", policy);
	ClusterResult fault = PORTOLAN__MODEL__CLUSTER_RESULT__INIT;
	uint8_t *packed;
	size_t len;

	fault.reason = (char *)reason;
	fault.message = (char *)message;
	packed = reader_pack(g->r, &fault.base, &len);
	emit_fact(g->r, FACT_POLICY_USE, use, strlen(use), g->key, strlen(g->key), packed, len);
}

static Portolan__Model__Collector *find_collector(struct gateway *g, const struct policy *p,
						  struct flaw *ret_flaw)
{
	const K8s__BackendObjectReference *b = p->object->spec->tracing->provider->backend_ref;
	Portolan__Model__Parent parent = PORTOLAN__MODEL__PARENT__INIT;
	const struct attachment at = { .parent = &parent };
	struct route_work w = { .r = g->r,
				.a = g->a,
				.head = { .kind = OBJECT_X_TELEMETRY_POLICY, .key = p->key },
				.at = &at };
	struct backend_ref ref = {
		b->group, b->kind, b->namespace_, b->name, b->has_port ? (uint32_t)b->port : 0,
		false,    true
	};
	Portolan__Model__Collector *c = arena_new_of(g->a, Portolan__Model__Collector, 1);
	const char *name;

	object_split_key(g->r, p->key, &w.head.namespace, &name);
	parent.gateway = (char *)g->key;
	parent.namespace_ = (char *)w.head.namespace;
	parent.client_secret = (char *)g->client_secret;
	portolan__model__collector__init(c);
	c->cluster = (char *)rule_backend_find(&w, &ref, "spec.tracing.provider.backendRef", NULL);
	c->authority = arena_printf(g->a, "%s.%s", b->name,
				    b->namespace_ ? b->namespace_ : w.head.namespace);
	*ret_flaw = w.flaws.resolved;
	if (!c->cluster)
		flaw_set(ret_flaw, "BackendNotFound",
			 "spec.tracing.provider.backendRef: the backend must not be reached");
	return c->cluster ? c : NULL;
}

static void list_headers(struct gateway *g, const K8s__XTelemetryProvider *from, Tracing *ret)
{
	ret->headers = arena_new_of(g->a, Portolan__Model__TracingWord *, from->n_headers + 1);
	for (size_t i = 0; i < from->n_headers; i++) {
		Portolan__Model__TracingWord *w =
			arena_new_of(g->a, Portolan__Model__TracingWord, 1);

		portolan__model__tracing_word__init(w);
		w->name = from->headers[i]->name;
		w->value = from->headers[i]->value;
		ret->headers[ret->n_headers++] = w;
	}
}

static void list_tags(struct gateway *g, const K8s__XTelemetryTracing *from, Tracing *ret)
{
	ret->tags = arena_new_of(g->a, Portolan__Model__TracingTag *, from->n_attributes + 1);
	for (size_t i = 0; i < from->n_attributes; i++) {
		Portolan__Model__TracingTag *tag =
			arena_new_of(g->a, Portolan__Model__TracingTag, 1);

		if (telemetry_attribute(g->a, from->attributes[i], tag))
			ret->tags[ret->n_tags++] = tag;
	}
}

/* Without a collector nothing is traced. */
static const Tracing *make_tracing(struct gateway *g, const struct policy *p, struct flaw *ret_flaw)
{
	const K8s__XTelemetryTracing *from = p->object->spec->tracing;
	Tracing *t = arena_new_of(g->a, Tracing, 1);
	const char *namespace, *name;

	portolan__model__tracing__init(t);
	if (strcmp(from->mode, "Enabled") != 0 || !from->provider || !from->provider->backend_ref)
		return t;
	object_split_key(g->r, g->key, &namespace, &name);
	t->collector = find_collector(g, p, ret_flaw);
	t->service_name = from->service_name && *from->service_name
				  ? from->service_name
				  : arena_printf(g->a, "%s.%s", name, namespace);
	t->span_name = from->span_name;
	t->has_per_million = 1;
	t->per_million = share(from->sampling_rate);
	t->has_ignores_parent = t->ignores_parent = !follows_parent(from);
	list_headers(g, from->provider, t);
	list_tags(g, from, t);
	return t;
}

void gateway_telemetry_find(struct gateway *g)
{
	size_t n;
	const struct policy *all = read_policies(g, &n);
	const K8s__XTelemetryTracing *first = n ? all[0].object->spec->tracing : NULL;
	const char *conflict;
	struct flaw flaw = { 0 };

	if (!n)
		return;
	for (size_t i = 0; g->merged && i < n; i++)
		tell(g, all[i].key, "Invalid",
		     arena_printf(g->a,
				  "the Gateways of GatewayClass %s share their Envoys: a policy "
				  "for one of them would be about the others, too",
				  g->object->spec->gateway_class_name));
	if (g->merged)
		return;
	if (first && !telemetry_unsupported(g->a, first) &&
	    (strcmp(first->mode, "Enabled") == 0 || strcmp(first->mode, "Disabled") == 0))
		g->tracing = make_tracing(g, &all[0], &flaw);
	tell(g, all[0].key, flaw.reason, flaw.message);
	conflict = arena_printf(g->a, "the older XTelemetryPolicy %s is about the same Gateway",
				all[0].key);
	for (size_t i = 1; i < n; i++)
		tell(g, all[i].key, "Conflicted", conflict);
}
