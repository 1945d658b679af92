/* Rate limits that each Envoy keeps by itself. */
#include "common/base/clock.h"
#include "envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.pb-c.h"
#include "translator/envoy/envoy-forward.h"
#include "translator/envoy/envoy-header.h"
#include "translator/envoy/envoy-route-filter.h"

#define EXEMPTION     "exemption"
#define ADDRESSES_MAX 10000 /* of clients that are counted at a time, by each limit */

static EnvoyRateLimitAction *by_address(struct arena *a)
{
	EnvoyRateLimitAction *action = message_new(a, EnvoyRateLimitAction);

	action->action_specifier_case = EnvoyRateLimitAction__ACTION_SPECIFIER_REMOTE_ADDRESS;
	action->remote_address = message_new(a, EnvoyRateLimitActionRemoteAddress);
	return action;
}

/* The verdict of envoy_exempt(). */
static EnvoyRateLimitAction *by_exemption(struct arena *a)
{
	EnvoyRateLimitAction *action = message_new(a, EnvoyRateLimitAction);
	EnvoyRateLimitActionMetaData *m = message_new(a, EnvoyRateLimitActionMetaData);
	EnvoyMetadataKeyPathSegment *key = message_new(a, EnvoyMetadataKeyPathSegment);

	key->segment_case = EnvoyMetadataKeyPathSegment__SEGMENT_KEY;
	key->key = (char *)ENVOY_EXEMPT_KEY;
	m->descriptor_key = (char *)EXEMPTION;
	m->metadata_key = message_new(a, EnvoyMetadataKey);
	m->metadata_key->key = (char *)ENVOY_RBAC_METADATA;
	m->metadata_key->n_path = 1;
	m->metadata_key->path = arena_memdup(a, &key, sizeof(key));
	action->action_specifier_case = EnvoyRateLimitAction__ACTION_SPECIFIER_METADATA;
	action->metadata = m;
	return action;
}

static void add_entry(struct arena *a, const char *key, const char *value,
		      EnvoyLocalRateLimitDescriptor *ret)
{
	EnvoyRateLimitDescriptorEntry *entry = message_new(a, EnvoyRateLimitDescriptorEntry);

	entry->key = (char *)key;
	entry->value = (char *)value;
	ret->entries[ret->n_entries++] = entry;
}

static EnvoyTokenBucket *bucket(struct arena *a, uint32_t max, uint32_t per_fill, int64_t usec)
{
	EnvoyTokenBucket *b = message_new(a, EnvoyTokenBucket);

	b->max_tokens = max;
	b->tokens_per_fill = envoy_uint32(a, per_fill);
	b->fill_interval = envoy_duration(a, usec);
	return b;
}

static EnvoyRateLimitAction *by_key(struct arena *a, const char *key)
{
	EnvoyRateLimitAction *action = message_new(a, EnvoyRateLimitAction);

	action->action_specifier_case = EnvoyRateLimitAction__ACTION_SPECIFIER_GENERIC_KEY;
	action->generic_key = message_new(a, EnvoyRateLimitActionGenericKey);
	action->generic_key->descriptor_value = (char *)key;
	return action;
}

static EnvoyLocalRateLimitDescriptor *descriptor(struct arena *a, const struct shared_limit *l)
{
	EnvoyLocalRateLimitDescriptor *d = message_new(a, EnvoyLocalRateLimitDescriptor);

	d->entries = arena_new_of(a, EnvoyRateLimitDescriptorEntry *, 3);
	add_entry(a, "generic_key", l->key, d);
	if (l->has_exempt)
		add_entry(a, EXEMPTION, "denied", d);
	add_entry(a, "remote_address", "", d);
	d->token_bucket = bucket(a, l->max_tokens, l->tokens_per_fill, l->fill_usec);
	return d;
}

/* Each address has a bucket of its own of each limit. The filter demands one for the requests that
 * no limit counts: it never empties. */
GoogleAny *envoy_shared_limits(struct arena *a, const struct shared_limits *l)
{
	EnvoyLocalRateLimit limit = EnvoyLocalRateLimit__INIT;
	EnvoyHttpStatus status = EnvoyHttpStatus__INIT;

	status.code = l->status;
	limit.stat_prefix = (char *)"nginx";
	limit.status = &status;
	limit.stage = ENVOY_SHARED_LIMITS_STAGE;
	limit.token_bucket = bucket(a, UINT32_MAX, UINT32_MAX, USEC_PER_SEC);
	limit.filter_enabled = limit.filter_enforced = envoy_fraction(a, 100, 100);
	limit.descriptors = arena_new_of(a, EnvoyLocalRateLimitDescriptor *, l->n);
	for (size_t i = 0; i < l->n; i++)
		limit.descriptors[limit.n_descriptors++] = descriptor(a, &l->all[i]);
	limit.max_dynamic_descriptors = envoy_uint32(a, ADDRESSES_MAX);
	limit.always_consume_default_token_bucket = message_new(a, GoogleBoolValue);
	return envoy_any(a, "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
			 &limit.base);
}

static EnvoyRateLimit *count_by(struct arena *a, const struct shared_limit *l)
{
	EnvoyRateLimit *rate = message_new(a, EnvoyRateLimit);

	rate->stage = envoy_uint32(a, ENVOY_SHARED_LIMITS_STAGE);
	rate->actions = arena_new_of(a, EnvoyRateLimitAction *, 3);
	rate->actions[rate->n_actions++] = by_key(a, l->key);
	if (l->has_exempt)
		rate->actions[rate->n_actions++] = by_exemption(a);
	rate->actions[rate->n_actions++] = by_address(a);
	return rate;
}

void envoy_count(struct arena *a, const struct route_filters *f, EnvoyRouteAction *ret)
{
	EnvoyRateLimit **services = envoy_rate_limits(a, &f->rate_limits);
	const struct shared_limits *hosts = &f->counted;

	ret->rate_limits = arena_new_of(a, EnvoyRateLimit *, f->rate_limits.n + hosts->n + 1);
	for (size_t i = 0; i < f->rate_limits.n; i++)
		ret->rate_limits[ret->n_rate_limits++] = services[i];
	for (size_t i = 0; i < hosts->n; i++)
		ret->rate_limits[ret->n_rate_limits++] = count_by(a, &hosts->all[i]);
}

GoogleAny *envoy_local_limit(struct arena *a, const struct local_limit *l)
{
	EnvoyLocalRateLimit limit = EnvoyLocalRateLimit__INIT;
	EnvoyHttpStatus status = EnvoyHttpStatus__INIT;

	status.code = l->status;
	limit.stat_prefix = (char *)l->stat_prefix;
	limit.status = l->status ? &status : NULL;
	limit.token_bucket = bucket(a, l->max_tokens, l->tokens_per_fill, l->fill_usec);
	limit.filter_enabled = limit.filter_enforced = envoy_fraction(a, 100, 100);
	limit.n_response_headers_to_add = l->response.n;
	limit.response_headers_to_add = envoy_header_options(a, &l->response);
	return envoy_any(a, "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
			 &limit.base);
}
