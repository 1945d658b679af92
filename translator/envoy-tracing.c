/* Traces of requests, by OpenTelemetry. Runs in the translator. */
#include <stdlib.h>
#include <string.h>

#include "envoy/config/trace/v3/opentelemetry.pb-c.h"
#include "translator/envoy-tracing.h"

#define PATH_TAG_MAX 256 /* Envoy's default */
/* Of Envoy's environment, as Contour's deployments set it. */
#define POD_NAME_VARIABLE "HOSTNAME"
#define POD_NAMESPACE_VARIABLE "CONTOUR_NAMESPACE"

typedef Envoy__Type__Tracing__V3__CustomTag CustomTag;
typedef Portolan__Model__Collector Collector;

static CustomTag *tag(struct arena *a, const K8s__ConfigCustomTag *wish)
{
	CustomTag *t = ENVOY_NEW(a, CustomTag, ENVOY__TYPE__TRACING__V3__CUSTOM_TAG__INIT);

	t->tag = wish->tag_name;
	if (*wish->request_header_name) {
		t->type_case = ENVOY__TYPE__TRACING__V3__CUSTOM_TAG__TYPE_REQUEST_HEADER;
		t->request_header = ENVOY_NEW(a, Envoy__Type__Tracing__V3__CustomTag__Header,
					      ENVOY__TYPE__TRACING__V3__CUSTOM_TAG__HEADER__INIT);
		t->request_header->name = wish->request_header_name;
	} else {
		t->type_case = ENVOY__TYPE__TRACING__V3__CUSTOM_TAG__TYPE_LITERAL;
		t->literal = ENVOY_NEW(a, Envoy__Type__Tracing__V3__CustomTag__Literal,
				       ENVOY__TYPE__TRACING__V3__CUSTOM_TAG__LITERAL__INIT);
		t->literal->value = wish->literal;
	}
	return t;
}

static CustomTag *tag_of_environment(struct arena *a, const char *name, const char *variable)
{
	CustomTag *t = ENVOY_NEW(a, CustomTag, ENVOY__TYPE__TRACING__V3__CUSTOM_TAG__INIT);

	t->tag = (char *)name;
	t->type_case = ENVOY__TYPE__TRACING__V3__CUSTOM_TAG__TYPE_ENVIRONMENT;
	t->environment = ENVOY_NEW(a, Envoy__Type__Tracing__V3__CustomTag__Environment,
				   ENVOY__TYPE__TRACING__V3__CUSTOM_TAG__ENVIRONMENT__INIT);
	t->environment->name = (char *)variable;
	return t;
}

static void add_tags(struct arena *a, const K8s__ConfigTracing *wish, EnvoyTracing *ret)
{
	ret->custom_tags = arena_new_of(a, CustomTag *, wish->n_custom_tags + 2);
	for (size_t i = 0; i < wish->n_custom_tags; i++)
		ret->custom_tags[ret->n_custom_tags++] = tag(a, wish->custom_tags[i]);
	if (wish->has_include_pod_detail && !wish->include_pod_detail)
		return;
	ret->custom_tags[ret->n_custom_tags++] = tag_of_environment(a, "podName", POD_NAME_VARIABLE);
	ret->custom_tags[ret->n_custom_tags++] = tag_of_environment(a, "podNamespace", POD_NAMESPACE_VARIABLE);
}

/* text: a number that was checked, or NULL for 100 %. */
static Envoy__Type__V3__Percent *percent(struct arena *a, const char *text)
{
	Envoy__Type__V3__Percent *p =
		ENVOY_NEW(a, Envoy__Type__V3__Percent, ENVOY__TYPE__V3__PERCENT__INIT);

	p->value = text && *text ? strtod(text, NULL) : 100;
	return p;
}

static Envoy__Config__Trace__V3__Tracing__Http *provider(struct arena *a, const char *service,
							 const Collector *collector)
{
	Envoy__Config__Trace__V3__Tracing__Http *p = ENVOY_NEW(
		a, Envoy__Config__Trace__V3__Tracing__Http, ENVOY__CONFIG__TRACE__V3__TRACING__HTTP__INIT);
	Envoy__Config__Trace__V3__OpenTelemetryConfig config =
		ENVOY__CONFIG__TRACE__V3__OPEN_TELEMETRY_CONFIG__INIT;
	Envoy__Config__Core__V3__GrpcService grpc = ENVOY__CONFIG__CORE__V3__GRPC_SERVICE__INIT;
	Envoy__Config__Core__V3__GrpcService__EnvoyGrpc envoy =
		ENVOY__CONFIG__CORE__V3__GRPC_SERVICE__ENVOY_GRPC__INIT;

	envoy.cluster_name = collector->cluster;
	envoy.authority = collector->authority;
	grpc.target_specifier_case = ENVOY__CONFIG__CORE__V3__GRPC_SERVICE__TARGET_SPECIFIER_ENVOY_GRPC;
	grpc.envoy_grpc = &envoy;
	if (collector->has_timeout_usec)
		grpc.timeout = envoy_duration(a, collector->timeout_usec);
	config.grpc_service = &grpc;
	config.service_name = (char *)(service && *service ? service : "contour");
	p->name = (char *)"envoy.tracers.opentelemetry";
	p->config_type_case = ENVOY__CONFIG__TRACE__V3__TRACING__HTTP__CONFIG_TYPE_TYPED_CONFIG;
	p->typed_config = envoy_any(a, "envoy.config.trace.v3.OpenTelemetryConfig", &config.base);
	return p;
}

EnvoyTracing *envoy_tracing(struct arena *a, const K8s__ConfigTracing *wish, const Collector *collector)
{
	EnvoyTracing *t = ENVOY_NEW(
		a, EnvoyTracing,
		ENVOY__EXTENSIONS__FILTERS__NETWORK__HTTP_CONNECTION_MANAGER__V3__HTTP_CONNECTION_MANAGER__TRACING__INIT);

	t->overall_sampling = percent(a, wish->overall_sampling);
	t->client_sampling = percent(a, wish->client_sampling);
	t->random_sampling = percent(a, wish->random_sampling);
	t->max_path_tag_length =
		envoy_uint32(a, wish->has_max_path_tag_length ? wish->max_path_tag_length : PATH_TAG_MAX);
	t->spawn_upstream_span = envoy_bool(a, true);
	t->provider = provider(a, wish->service_name, collector);
	add_tags(a, wish, t);
	return t;
}
