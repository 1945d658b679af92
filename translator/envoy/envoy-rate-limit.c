/* Global rate limits: the filter that asks a service, and the changes that routes make to it. */
#include "common/base/clock.h"
#include "envoy/extensions/filters/http/ratelimit/v3/rate_limit.pb-c.h"
#include "translator/envoy/envoy-match.h"
#include "translator/envoy/envoy-route-filter.h"

const ProtobufCMessage *envoy_rate_limit(struct arena *a, const ModelRateLimits *desired)
{
	EnvoyHttpRatelimitRateLimit *m = message_new(a, EnvoyHttpRatelimitRateLimit);

	m->domain = desired->domain;
	if (desired->has_timeout_usec)
		m->timeout = envoy_duration(a, MIN(desired->timeout_usec,
						   (int64_t)UINT32_MAX * USEC_PER_MSEC));
	m->failure_mode_deny = !desired->fail_open;
	m->rate_limited_as_resource_exhausted = desired->exhausted;
	if (desired->tell_limits)
		m->enable_x_ratelimit_headers =
			EnvoyHttpRatelimitRateLimit__XRATE_LIMIT_HEADERS_RFCVERSION__DRAFT_VERSION_03;
	m->rate_limit_service = message_new(a, EnvoyRateLimitServiceConfig);
	m->rate_limit_service->grpc_service =
		envoy_grpc_service(a, desired->cluster, desired->authority);
	m->rate_limit_service->transport_api_version = EnvoyApiVersion__V3;
	return &m->base;
}

GoogleAny *envoy_rate_limit_off(struct arena *a)
{
	EnvoyRateLimitPerRoute m = EnvoyRateLimitPerRoute__INIT;

	m.vh_rate_limits = EnvoyRateLimitPerRoute__VH_RATE_LIMITS_OPTIONS__IGNORE;
	return envoy_any(a, "envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute",
			 &m.base);
}

/* ---- descriptors ---- */

static EnvoyRateLimitAction *action(struct arena *a, const struct rate_limit_entry *e)
{
	EnvoyRateLimitAction *m = message_new(a, EnvoyRateLimitAction);

	switch (e->by) {
	case RATE_LIMIT_BY_KEY:
		m->action_specifier_case = EnvoyRateLimitAction__ACTION_SPECIFIER_GENERIC_KEY;
		m->generic_key = message_new(a, EnvoyRateLimitActionGenericKey);
		m->generic_key->descriptor_key = (char *)e->key;
		m->generic_key->descriptor_value = (char *)e->value;
		break;
	case RATE_LIMIT_BY_HEADER:
		m->action_specifier_case = EnvoyRateLimitAction__ACTION_SPECIFIER_REQUEST_HEADERS;
		m->request_headers = message_new(a, EnvoyRateLimitActionRequestHeaders);
		m->request_headers->header_name = (char *)e->value;
		m->request_headers->descriptor_key = (char *)e->key;
		break;
	case RATE_LIMIT_BY_MATCH:
		m->action_specifier_case =
			EnvoyRateLimitAction__ACTION_SPECIFIER_HEADER_VALUE_MATCH;
		m->header_value_match = message_new(a, EnvoyRateLimitActionHeaderValueMatch);
		m->header_value_match->headers =
			arena_new_of(a, EnvoyHeaderMatcher *, e->n_headers + 1);
		for (size_t i = 0; i < e->n_headers; i++)
			m->header_value_match->headers[m->header_value_match->n_headers++] =
				envoy_header_matcher(a, &e->headers[i]);
		m->header_value_match->descriptor_value = (char *)e->value;
		m->header_value_match->expect_match = envoy_bool(a, !e->expect_no_match);
		break;
	case RATE_LIMIT_BY_ADDRESS:
		m->action_specifier_case = EnvoyRateLimitAction__ACTION_SPECIFIER_REMOTE_ADDRESS;
		m->remote_address = message_new(a, EnvoyRateLimitActionRemoteAddress);
		break;
	}
	return m;
}

EnvoyRateLimit **envoy_rate_limits(struct arena *a, const struct rate_limits *l)
{
	EnvoyRateLimit **all = arena_new_of(a, EnvoyRateLimit *, l->n + 1);

	for (size_t i = 0; i < l->n; i++) {
		all[i] = message_new(a, EnvoyRateLimit);
		all[i]->actions = arena_new_of(a, EnvoyRateLimitAction *, l->all[i].n + 1);
		for (size_t k = 0; k < l->all[i].n; k++)
			all[i]->actions[all[i]->n_actions++] = action(a, &l->all[i].entries[k]);
	}
	return all;
}
