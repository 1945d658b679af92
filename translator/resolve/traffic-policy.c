/* XBackendTrafficPolicies. */
#include "translator/resolve/traffic-policy.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/go-duration.h"
#include "translator/kinds.h"

/* The API's defaults. */
#define BUDGET_PERCENT 20
#define RATE_COUNT     10

int traffic_policy_index(const struct item *object, struct arena *scratch, const char **ret_key)
{
	const char *slash = memchr(object->data, '/', object->key_len);

	if (!slash)
		return -1;
	*ret_key = arena_strndup(scratch, object->data, (size_t)(slash - object->data));
	return (int)(slash - object->data);
}

static int64_t age(const struct traffic_policy *p)
{
	const K8s__Time *t = p->object->metadata ? p->object->metadata->creation_timestamp : NULL;

	return t ? t->seconds : 0;
}

static int compare(const void *a, const void *b)
{
	const struct traffic_policy *x = a, *y = b;

	if (age(x) != age(y))
		return age(x) < age(y) ? -1 : 1;
	return strcmp(x->key, y->key);
}

static bool has_target(const K8s__XBackendTrafficPolicy *p, const char *service)
{
	for (size_t i = 0; p && p->spec && i < p->spec->n_target_refs; i++) {
		const K8s__LocalObjectReference *t = p->spec->target_refs[i];

		if (!*t->group && strcmp(t->kind, "Service") == 0 && strcmp(t->name, service) == 0)
			return true;
	}
	return false;
}

struct traffic_policy *traffic_policies_read(struct reader *r, const char *namespace,
					     const char *service, size_t *ret_n)
{
	struct arena *a = reader_arena(r);
	const struct item *const *items;
	struct traffic_policy *all;
	size_t n;

	items = read_index(r, INDEX_TRAFFIC_POLICIES, namespace, &n);
	all = arena_new_of(a, struct traffic_policy, n + 1);
	*ret_n = 0;
	for (size_t i = 0; i < n; i++) {
		const K8s__XBackendTrafficPolicy *p = k8s__xbackend_traffic_policy__unpack(
			arena_pb(a), items[i]->value_len, item_value(items[i]));

		if (has_target(p, service))
			all[(*ret_n)++] = (struct traffic_policy){ item_key(items[i]), p };
	}
	if (*ret_n)
		qsort(all, *ret_n, sizeof(*all), compare);
	return all;
}

/* Envoy limits concurrent retries, not those in an interval: a rate becomes the number of one
 * second (E-CL-7). */
static uint32_t concurrency(const K8s__RequestRate *rate)
{
	int64_t count = rate && rate->has_count ? rate->count : RATE_COUNT;
	struct go_duration interval = { 0 };

	if (!rate || !rate->interval || go_duration_parse(rate->interval, &interval) < 0 ||
	    interval.usec <= 0)
		interval.usec = USEC_PER_SEC;
	count = (count * USEC_PER_SEC + interval.usec - 1) / interval.usec;
	return (uint32_t)(count < 1 ? 1 : MIN(count, (int64_t)INT32_MAX));
}

void traffic_policy_limit(const K8s__XBackendTrafficPolicy *p, struct upstream_limits *ret)
{
	const K8s__RetryConstraint *c = p->spec->retry_constraint;
	int32_t percent = c && c->budget && c->budget->has_percent ? c->budget->percent
								   : BUDGET_PERCENT;

	if (!c)
		return;
	ret->retry_budget = true;
	ret->retry_percent = (uint32_t)(percent < 0 ? 0 : MIN(percent, 100));
	ret->retry_min = concurrency(c->min_retry_rate);
}
