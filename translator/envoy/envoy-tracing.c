/* Traces of requests, by OpenTelemetry. */
#include <stdlib.h>
#include <string.h>

#include "envoy/config/trace/v3/opentelemetry.pb-c.h"
#include "envoy/extensions/tracers/opentelemetry/samplers/v3/parent_based_sampler.pb-c.h"
#include "envoy/extensions/tracers/opentelemetry/samplers/v3/trace_id_ratio_based_sampler.pb-c.h"
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

static EnvoyGrpcService *collector_of(struct arena *a, const ModelCollector *collector)
{
	EnvoyGrpcService *grpc = envoy_grpc_service(a, collector->cluster, collector->authority);

	if (collector->has_timeout_usec)
		grpc->timeout = envoy_duration(a, collector->timeout_usec);
	return grpc;
}

static EnvoyTracingHttp *provider(struct arena *a, const EnvoyOpenTelemetryConfig *config)
{
	EnvoyTracingHttp *p = message_new(a, EnvoyTracingHttp);

	p->name = (char *)"envoy.tracers.opentelemetry";
	p->config_type_case = EnvoyTracingHttp__CONFIG_TYPE_TYPED_CONFIG;
	p->typed_config = envoy_any(a, "envoy.config.trace.v3.OpenTelemetryConfig", &config->base);
	return p;
}

EnvoyHttpConnectionManagerTracing *envoy_tracing(struct arena *a, const K8s__ConfigTracing *desired,
						 const ModelCollector *collector)
{
	EnvoyHttpConnectionManagerTracing *t = message_new(a, EnvoyHttpConnectionManagerTracing);
	EnvoyOpenTelemetryConfig config = EnvoyOpenTelemetryConfig__INIT;

	config.grpc_service = collector_of(a, collector);
	config.service_name = desired->service_name && *desired->service_name
				      ? desired->service_name
				      : (char *)"contour";
	t->overall_sampling = percent(a, desired->overall_sampling);
	t->client_sampling = percent(a, desired->client_sampling);
	t->random_sampling = percent(a, desired->random_sampling);
	t->max_path_tag_length = envoy_uint32(
		a, desired->has_max_path_tag_length ? desired->max_path_tag_length : PATH_TAG_MAX);
	t->spawn_upstream_span = envoy_bool(a, true);
	t->provider = provider(a, &config);
	add_tags(a, desired, t);
	return t;
}

/* ---- a Gateway's ---- */

#define SAMPLERS "envoy.extensions.tracers.opentelemetry.samplers.v3."

static EnvoyTypedExtensionConfig *extension(struct arena *a, const char *name, const char *type,
					    const ProtobufCMessage *config)
{
	EnvoyTypedExtensionConfig *e = message_new(a, EnvoyTypedExtensionConfig);

	e->name = (char *)name;
	e->typed_config = envoy_any(a, type, config);
	return e;
}

/* Decides alone, whatever the client's x-request-id says. */
static EnvoyTypedExtensionConfig *sampler(struct arena *a, const ModelTracing *desired)
{
	EnvoyFractionalPercent share = EnvoyFractionalPercent__INIT;
	EnvoyTraceIdRatioBasedSamplerConfig ratio = EnvoyTraceIdRatioBasedSamplerConfig__INIT;
	EnvoyParentBasedSamplerConfig parent = EnvoyParentBasedSamplerConfig__INIT;

	share.numerator = desired->per_million;
	share.denominator = EnvoyFractionalPercent__DENOMINATOR_TYPE__MILLION;
	ratio.sampling_percentage = &share;
	parent.wrapped_sampler =
		extension(a, "envoy.tracers.opentelemetry.samplers.trace_id_ratio_based",
			  SAMPLERS "TraceIdRatioBasedSamplerConfig", &ratio.base);
	if (desired->ignores_parent)
		return parent.wrapped_sampler;
	return extension(a, "envoy.tracers.opentelemetry.samplers.parent_based",
			 SAMPLERS "ParentBasedSamplerConfig", &parent.base);
}

static void add_headers(struct arena *a, const ModelTracing *desired, EnvoyGrpcService *ret)
{
	ret->initial_metadata = arena_new_of(a, EnvoyHeaderValue *, desired->n_headers + 1);
	for (size_t i = 0; i < desired->n_headers; i++) {
		EnvoyHeaderValue *h = message_new(a, EnvoyHeaderValue);

		h->key = desired->headers[i]->name;
		h->value = desired->headers[i]->value;
		ret->initial_metadata[ret->n_initial_metadata++] = h;
	}
}

EnvoyHttpConnectionManagerTracing *envoy_tracing_of(struct arena *a, const ModelTracing *desired)
{
	EnvoyHttpConnectionManagerTracing *t = message_new(a, EnvoyHttpConnectionManagerTracing);
	EnvoyOpenTelemetryConfig config = EnvoyOpenTelemetryConfig__INIT;

	if (!desired->collector)
		return NULL;
	config.grpc_service = collector_of(a, desired->collector);
	add_headers(a, desired, config.grpc_service);
	config.service_name = desired->service_name;
	config.sampler = sampler(a, desired);
	t->provider = provider(a, &config);
	t->spawn_upstream_span = envoy_bool(a, true);
	/* Envoys before 1.37 do not know it, and go on as without it. */
	t->operation = desired->span_name ? desired->span_name : (char *)"";
	t->custom_tags = arena_new_of(a, EnvoyCustomTag *, desired->n_tags + 1);
	for (size_t i = 0; i < desired->n_tags; i++) {
		const ModelTracingTag *from = desired->tags[i];
		const K8s__ConfigCustomTag one = {
			.tag_name = from->name,
			.request_header_name = from->header ? from->header : (char *)"",
			.literal = from->literal,
		};

		t->custom_tags[t->n_custom_tags++] = tag(a, &one);
	}
	return t;
}
