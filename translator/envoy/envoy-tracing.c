/* Traces of requests, by OpenTelemetry. */
#include <stdlib.h>
#include <string.h>

#include "envoy/config/trace/v3/opentelemetry.pb-c.h"
#include "translator/envoy/envoy-tracing.h"

#define PATH_TAG_MAX 256 /* Envoy's default */
/* Fields from Envoy's environment, as Contour's deployments set it. */
#define POD_NAME_VARIABLE      "HOSTNAME"
#define POD_NAMESPACE_VARIABLE "CONTOUR_NAMESPACE"

static EnvoyCustomTag *tag(struct arena *a, const K8s__ConfigCustomTag *desired)
{
	EnvoyCustomTag *t = message_new(a, EnvoyCustomTag);

	t->tag = desired->tag_name;
	if (*desired->request_header_name) {
		t->type_case = EnvoyCustomTag__TYPE_REQUEST_HEADER;
		t->request_header = message_new(a, EnvoyCustomTagHeader);
		t->request_header->name = desired->request_header_name;
	} else {
		t->type_case = EnvoyCustomTag__TYPE_LITERAL;
		t->literal = message_new(a, EnvoyCustomTagLiteral);
		t->literal->value = desired->literal;
	}
	return t;
}

static EnvoyCustomTag *tag_of_environment(struct arena *a, const char *name, const char *variable)
{
	EnvoyCustomTag *t = message_new(a, EnvoyCustomTag);

	t->tag = (char *)name;
	t->type_case = EnvoyCustomTag__TYPE_ENVIRONMENT;
	t->environment = message_new(a, EnvoyCustomTagEnvironment);
	t->environment->name = (char *)variable;
	return t;
}

static void add_tags(struct arena *a, const K8s__ConfigTracing *desired,
		     EnvoyHttpConnectionManagerTracing *ret)
{
	ret->custom_tags = arena_new_of(a, EnvoyCustomTag *, desired->n_custom_tags + 2);
	for (size_t i = 0; i < desired->n_custom_tags; i++)
		ret->custom_tags[ret->n_custom_tags++] = tag(a, desired->custom_tags[i]);
	if (desired->has_include_pod_detail && !desired->include_pod_detail)
		return;
	ret->custom_tags[ret->n_custom_tags++] =
		tag_of_environment(a, "podName", POD_NAME_VARIABLE);
	ret->custom_tags[ret->n_custom_tags++] =
		tag_of_environment(a, "podNamespace", POD_NAMESPACE_VARIABLE);
}

/* text: a number that was checked, or NULL for 100 %. */
static EnvoyPercent *percent(struct arena *a, const char *text)
{
	EnvoyPercent *p = message_new(a, EnvoyPercent);

	p->value = text && *text ? strtod(text, NULL) : 100;
	return p;
}

static EnvoyTracingHttp *provider(struct arena *a, const char *service,
				  const ModelCollector *collector)
{
	EnvoyTracingHttp *p = message_new(a, EnvoyTracingHttp);
	EnvoyOpenTelemetryConfig config = EnvoyOpenTelemetryConfig__INIT;
	EnvoyGrpcService grpc = EnvoyGrpcService__INIT;
	EnvoyGrpcServiceEnvoyGrpc envoy = EnvoyGrpcServiceEnvoyGrpc__INIT;

	envoy.cluster_name = collector->cluster;
	envoy.authority = collector->authority;
	grpc.target_specifier_case = EnvoyGrpcService__TARGET_SPECIFIER_ENVOY_GRPC;
	grpc.envoy_grpc = &envoy;
	if (collector->has_timeout_usec)
		grpc.timeout = envoy_duration(a, collector->timeout_usec);
	config.grpc_service = &grpc;
	config.service_name = (char *)(service && *service ? service : "contour");
	p->name = (char *)"envoy.tracers.opentelemetry";
	p->config_type_case = EnvoyTracingHttp__CONFIG_TYPE_TYPED_CONFIG;
	p->typed_config = envoy_any(a, "envoy.config.trace.v3.OpenTelemetryConfig", &config.base);
	return p;
}

EnvoyHttpConnectionManagerTracing *envoy_tracing(struct arena *a, const K8s__ConfigTracing *desired,
						 const ModelCollector *collector)
{
	EnvoyHttpConnectionManagerTracing *t = message_new(a, EnvoyHttpConnectionManagerTracing);

	t->overall_sampling = percent(a, desired->overall_sampling);
	t->client_sampling = percent(a, desired->client_sampling);
	t->random_sampling = percent(a, desired->random_sampling);
	t->max_path_tag_length = envoy_uint32(
		a, desired->has_max_path_tag_length ? desired->max_path_tag_length : PATH_TAG_MAX);
	t->spawn_upstream_span = envoy_bool(a, true);
	t->provider = provider(a, desired->service_name, collector);
	add_tags(a, desired, t);
	return t;
}
