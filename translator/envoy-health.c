/* Active health checks. Runs in the translator. */
#include "common/clock.h"
#include "translator/envoy.h"

#define INTERVAL_SEC 10
#define TIMEOUT_SEC 2
#define UNHEALTHY 3
#define HEALTHY 2
/* What backends have learnt to expect of Contour. */
#define DEFAULT_HOST "contour-envoy-healthcheck"

typedef Envoy__Config__Core__V3__HealthCheck HealthCheck;

static Google__Protobuf__Duration *seconds(struct arena *a, int64_t wish, int64_t otherwise)
{
	return envoy_duration(a, (wish > 0 ? wish : otherwise) * USEC_PER_SEC);
}

static void check_http(struct arena *a, HealthCheck *c, const Portolan__Model__HealthCheck *wish, bool http2)
{
	Envoy__Config__Core__V3__HealthCheck__HttpHealthCheck *h =
		ENVOY_NEW(a, Envoy__Config__Core__V3__HealthCheck__HttpHealthCheck,
			  ENVOY__CONFIG__CORE__V3__HEALTH_CHECK__HTTP_HEALTH_CHECK__INIT);

	h->path = wish->path;
	h->host = wish->host && *wish->host ? wish->host : (char *)DEFAULT_HOST;
	h->codec_client_type = http2 ? ENVOY__TYPE__V3__CODEC_CLIENT_TYPE__HTTP2 :
				       ENVOY__TYPE__V3__CODEC_CLIENT_TYPE__HTTP1;
	h->n_expected_statuses = wish->n_statuses;
	h->expected_statuses = arena_new_of(a, Envoy__Type__V3__Int64Range *, wish->n_statuses + 1);
	for (size_t i = 0; i < wish->n_statuses; i++) {
		h->expected_statuses[i] =
			ENVOY_NEW(a, Envoy__Type__V3__Int64Range, ENVOY__TYPE__V3__INT64_RANGE__INIT);
		h->expected_statuses[i]->start = wish->statuses[i]->start;
		h->expected_statuses[i]->end = wish->statuses[i]->end;
	}
	c->health_checker_case = ENVOY__CONFIG__CORE__V3__HEALTH_CHECK__HEALTH_CHECKER_HTTP_HEALTH_CHECK;
	c->http_health_check = h;
}

HealthCheck *envoy_health_check(struct arena *a, const Portolan__Model__HealthCheck *wish,
				enum upstream_protocol protocol)
{
	HealthCheck *c = ENVOY_NEW(a, HealthCheck, ENVOY__CONFIG__CORE__V3__HEALTH_CHECK__INIT);

	c->interval = seconds(a, wish->interval_sec, INTERVAL_SEC);
	c->timeout = seconds(a, wish->timeout_sec, TIMEOUT_SEC);
	c->unhealthy_threshold = envoy_uint32(a, wish->unhealthy ? wish->unhealthy : UNHEALTHY);
	c->healthy_threshold = envoy_uint32(a, wish->healthy ? wish->healthy : HEALTHY);
	if (wish->path) {
		check_http(a, c, wish, protocol == UPSTREAM_H2 || protocol == UPSTREAM_H2C);
		return c;
	}
	c->health_checker_case = ENVOY__CONFIG__CORE__V3__HEALTH_CHECK__HEALTH_CHECKER_TCP_HEALTH_CHECK;
	c->tcp_health_check = ENVOY_NEW(a, Envoy__Config__Core__V3__HealthCheck__TcpHealthCheck,
					ENVOY__CONFIG__CORE__V3__HEALTH_CHECK__TCP_HEALTH_CHECK__INIT);
	return c;
}

Envoy__Config__Endpoint__V3__Endpoint__HealthCheckConfig *envoy_health_port(struct arena *a, uint32_t port)
{
	Envoy__Config__Endpoint__V3__Endpoint__HealthCheckConfig *h =
		ENVOY_NEW(a, Envoy__Config__Endpoint__V3__Endpoint__HealthCheckConfig,
			  ENVOY__CONFIG__ENDPOINT__V3__ENDPOINT__HEALTH_CHECK_CONFIG__INIT);

	h->port_value = port;
	return h;
}
