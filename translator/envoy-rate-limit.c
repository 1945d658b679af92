/* Global rate limits: the filter that asks a service, and what routes change in it. Runs in the
 * translator. */
#include "common/clock.h"
#include "envoy/extensions/filters/http/ratelimit/v3/rate_limit.pb-c.h"
#include "translator/envoy.h"

typedef Envoy__Extensions__Filters__Http__Ratelimit__V3__RateLimit RateLimit;

const ProtobufCMessage *envoy_rate_limit(struct arena *a, const Portolan__Model__RateLimits *wish)
{
	RateLimit *m = ENVOY_NEW(a, RateLimit, ENVOY__EXTENSIONS__FILTERS__HTTP__RATELIMIT__V3__RATE_LIMIT__INIT);

	m->domain = wish->domain;
	if (wish->has_timeout_usec)
		m->timeout = envoy_duration(a, MIN(wish->timeout_usec, (int64_t)UINT32_MAX * USEC_PER_MSEC));
	m->failure_mode_deny = !wish->fail_open;
	m->rate_limited_as_resource_exhausted = wish->exhausted;
	if (wish->tell_limits)
		m->enable_x_ratelimit_headers =
			ENVOY__EXTENSIONS__FILTERS__HTTP__RATELIMIT__V3__RATE_LIMIT__XRATE_LIMIT_HEADERS_RFCVERSION__DRAFT_VERSION_03;
	m->rate_limit_service = ENVOY_NEW(a, Envoy__Config__Ratelimit__V3__RateLimitServiceConfig,
					  ENVOY__CONFIG__RATELIMIT__V3__RATE_LIMIT_SERVICE_CONFIG__INIT);
	m->rate_limit_service->grpc_service = envoy_grpc_service(a, wish->cluster, wish->authority);
	m->rate_limit_service->transport_api_version = ENVOY__CONFIG__CORE__V3__API_VERSION__V3;
	return &m->base;
}

Google__Protobuf__Any *envoy_rate_limit_off(struct arena *a)
{
	Envoy__Extensions__Filters__Http__Ratelimit__V3__RateLimitPerRoute m =
		ENVOY__EXTENSIONS__FILTERS__HTTP__RATELIMIT__V3__RATE_LIMIT_PER_ROUTE__INIT;

	m.vh_rate_limits =
		ENVOY__EXTENSIONS__FILTERS__HTTP__RATELIMIT__V3__RATE_LIMIT_PER_ROUTE__VH_RATE_LIMITS_OPTIONS__IGNORE;
	return envoy_any(a, "envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute", &m.base);
}
