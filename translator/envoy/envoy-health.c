/* Active health checks. */
#include "common/base/clock.h"
#include "translator/envoy/envoy.h"

#define INTERVAL_SEC 10
#define TIMEOUT_SEC  2
#define UNHEALTHY    3
#define HEALTHY      2
/* Headers that backends expect, as from Contour. */
#define DEFAULT_HOST "contour-envoy-healthcheck"

static GoogleDuration *seconds(struct arena *a, int64_t desired, int64_t otherwise)
{
	return envoy_duration(a, (desired > 0 ? desired : otherwise) * USEC_PER_SEC);
}

static void check_http(struct arena *a, EnvoyHealthCheck *c, const ModelHealthCheck *desired,
		       bool http2)
{
	EnvoyHealthCheckHttpHealthCheck *h = message_new(a, EnvoyHealthCheckHttpHealthCheck);

	h->path = desired->path;
	h->host = desired->host && *desired->host ? desired->host : (char *)DEFAULT_HOST;
	h->codec_client_type = http2 ? EnvoyCodecClientType__HTTP2 : EnvoyCodecClientType__HTTP1;
	h->n_expected_statuses = desired->n_statuses;
	h->expected_statuses = arena_new_of(a, EnvoyInt64Range *, desired->n_statuses + 1);
	for (size_t i = 0; i < desired->n_statuses; i++) {
		h->expected_statuses[i] = message_new(a, EnvoyInt64Range);
		h->expected_statuses[i]->start = desired->statuses[i]->start;
		h->expected_statuses[i]->end = desired->statuses[i]->end;
	}
	c->health_checker_case = EnvoyHealthCheck__HEALTH_CHECKER_HTTP_HEALTH_CHECK;
	c->http_health_check = h;
}

EnvoyHealthCheck *envoy_health_check(struct arena *a, const ModelHealthCheck *desired,
				     enum upstream_protocol protocol)
{
	EnvoyHealthCheck *c = message_new(a, EnvoyHealthCheck);

	c->interval = seconds(a, desired->interval_sec, INTERVAL_SEC);
	c->timeout = seconds(a, desired->timeout_sec, TIMEOUT_SEC);
	c->unhealthy_threshold =
		envoy_uint32(a, desired->unhealthy ? desired->unhealthy : UNHEALTHY);
	c->healthy_threshold = envoy_uint32(a, desired->healthy ? desired->healthy : HEALTHY);
	if (desired->path) {
		check_http(a, c, desired, protocol == UPSTREAM_H2 || protocol == UPSTREAM_H2C);
		return c;
	}
	c->health_checker_case = EnvoyHealthCheck__HEALTH_CHECKER_TCP_HEALTH_CHECK;
	c->tcp_health_check = message_new(a, EnvoyHealthCheckTcpHealthCheck);
	return c;
}

EnvoyEndpointHealthCheckConfig *envoy_health_port(struct arena *a, uint32_t port)
{
	EnvoyEndpointHealthCheckConfig *h = message_new(a, EnvoyEndpointHealthCheckConfig);

	h->port_value = port;
	return h;
}
