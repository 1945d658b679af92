/* The messages that an Any of ours may hold: the resources, and all that Envoy's extensions are
 * configured with. Part of the printer; used by the translator. */
#include <string.h>

#include "envoy/config/cluster/v3/cluster.pb-c.h"
#include "envoy/config/core/v3/extension.pb-c.h"
#include "envoy/config/endpoint/v3/endpoint.pb-c.h"
#include "envoy/config/listener/v3/listener.pb-c.h"
#include "envoy/config/route/v3/route.pb-c.h"
#include "envoy/config/route/v3/route_components.pb-c.h"
#include "envoy/config/route/v3/scoped_route.pb-c.h"
#include "envoy/config/trace/v3/opentelemetry.pb-c.h"
#include "envoy/extensions/access_loggers/file/v3/file.pb-c.h"
#include "envoy/extensions/access_loggers/filters/cel/v3/cel.pb-c.h"
#include "envoy/extensions/access_loggers/stream/v3/stream.pb-c.h"
#include "envoy/extensions/common/matching/v3/extension_matcher.pb-c.h"
#include "envoy/extensions/common/ratelimit/v3/ratelimit.pb-c.h"
#include "envoy/extensions/compression/brotli/compressor/v3/brotli.pb-c.h"
#include "envoy/extensions/compression/gzip/compressor/v3/gzip.pb-c.h"
#include "envoy/extensions/compression/zstd/compressor/v3/zstd.pb-c.h"
#include "envoy/extensions/filters/http/bandwidth_limit/v3/bandwidth_limit.pb-c.h"
#include "envoy/extensions/filters/http/basic_auth/v3/basic_auth.pb-c.h"
#include "envoy/extensions/filters/http/composite/v3/composite.pb-c.h"
#include "envoy/extensions/filters/http/compressor/v3/compressor.pb-c.h"
#include "envoy/extensions/filters/http/cors/v3/cors.pb-c.h"
#include "envoy/extensions/filters/http/custom_response/v3/custom_response.pb-c.h"
#include "envoy/extensions/filters/http/ext_authz/v3/ext_authz.pb-c.h"
#include "envoy/extensions/filters/http/grpc_stats/v3/config.pb-c.h"
#include "envoy/extensions/filters/http/grpc_web/v3/grpc_web.pb-c.h"
#include "envoy/extensions/filters/http/header_mutation/v3/header_mutation.pb-c.h"
#include "envoy/extensions/filters/http/health_check/v3/health_check.pb-c.h"
#include "envoy/extensions/filters/http/jwt_authn/v3/config.pb-c.h"
#include "envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.pb-c.h"
#include "envoy/extensions/filters/http/lua/v3/lua.pb-c.h"
#include "envoy/extensions/filters/http/ratelimit/v3/rate_limit.pb-c.h"
#include "envoy/extensions/filters/http/rbac/v3/rbac.pb-c.h"
#include "envoy/extensions/filters/http/router/v3/router.pb-c.h"
#include "envoy/extensions/filters/http/stateful_session/v3/stateful_session.pb-c.h"
#include "envoy/extensions/filters/listener/http_inspector/v3/http_inspector.pb-c.h"
#include "envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol.pb-c.h"
#include "envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.pb-c.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb-c.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb-c.h"
#include "envoy/extensions/filters/udp/udp_proxy/v3/route.pb-c.h"
#include "envoy/extensions/filters/udp/udp_proxy/v3/udp_proxy.pb-c.h"
#include "envoy/extensions/formatter/metadata/v3/metadata.pb-c.h"
#include "envoy/extensions/formatter/req_without_query/v3/req_without_query.pb-c.h"
#include "envoy/extensions/http/custom_response/redirect_policy/v3/redirect_policy.pb-c.h"
#include "envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation.pb-c.h"
#include "envoy/extensions/http/stateful_session/cookie/v3/cookie.pb-c.h"
#include "envoy/extensions/http/stateful_session/header/v3/header.pb-c.h"
#include "envoy/extensions/internal_redirect/previous_routes/v3/previous_routes_config.pb-c.h"
#include "envoy/extensions/internal_redirect/safe_cross_scheme/v3/safe_cross_scheme_config.pb-c.h"
#include "envoy/extensions/matching/common_inputs/network/v3/network_inputs.pb-c.h"
#include "envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.pb-c.h"
#include "envoy/extensions/tracers/opentelemetry/samplers/v3/parent_based_sampler.pb-c.h"
#include "envoy/extensions/tracers/opentelemetry/samplers/v3/trace_id_ratio_based_sampler.pb-c.h"
#include "envoy/extensions/transport_sockets/quic/v3/quic_transport.pb-c.h"
#include "envoy/extensions/transport_sockets/tls/cert_mappers/sni/v3/config.pb-c.h"
#include "envoy/extensions/transport_sockets/tls/cert_selectors/on_demand_secret/v3/config.pb-c.h"
#include "envoy/extensions/transport_sockets/tls/v3/common.pb-c.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb-c.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb-c.h"
#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb-c.h"
#include "envoy/service/runtime/v3/rtds.pb-c.h"
#include "google/protobuf/any.pb-c.h"
#include "google/protobuf/duration.pb-c.h"
#include "google/protobuf/struct.pb-c.h"
#include "google/protobuf/wrappers.pb-c.h"
#include "translator/print/print.h"

static const ProtobufCMessageDescriptor *const types[] = {
	&envoy__config__cluster__v3__cluster__descriptor,
	&envoy__config__core__v3__typed_extension_config__descriptor,
	&envoy__config__endpoint__v3__cluster_load_assignment__descriptor,
	&envoy__config__listener__v3__listener__descriptor,
	&envoy__config__route__v3__route_configuration__descriptor,
	&envoy__config__route__v3__virtual_host__descriptor,
	&envoy__config__route__v3__filter_config__descriptor,
	&envoy__config__route__v3__scoped_route_configuration__descriptor,
	&envoy__config__trace__v3__open_telemetry_config__descriptor,
	&envoy__extensions__tracers__opentelemetry__samplers__v3__parent_based_sampler_config__descriptor,
	&envoy__extensions__tracers__opentelemetry__samplers__v3__trace_id_ratio_based_sampler_config__descriptor,
	&envoy__extensions__access_loggers__file__v3__file_access_log__descriptor,
	&envoy__extensions__access_loggers__stream__v3__stdout_access_log__descriptor,
	&envoy__extensions__access_loggers__stream__v3__stderr_access_log__descriptor,
	&envoy__extensions__common__ratelimit__v3__local_rate_limit_descriptor__descriptor,
	&envoy__extensions__common__ratelimit__v3__rate_limit_descriptor__descriptor,
	&envoy__extensions__access_loggers__filters__cel__v3__expression_filter__descriptor,
	&envoy__extensions__common__matching__v3__extension_with_matcher__descriptor,
	&envoy__extensions__common__matching__v3__extension_with_matcher_per_route__descriptor,
	&envoy__extensions__filters__http__bandwidth_limit__v3__bandwidth_limit__descriptor,
	&envoy__extensions__filters__http__composite__v3__composite__descriptor,
	&envoy__extensions__filters__http__composite__v3__execute_filter_action__descriptor,
	&envoy__extensions__filters__http__custom_response__v3__custom_response__descriptor,
	&envoy__extensions__http__custom_response__redirect_policy__v3__redirect_policy__descriptor,
	&envoy__extensions__compression__brotli__compressor__v3__brotli__descriptor,
	&envoy__extensions__compression__gzip__compressor__v3__gzip__descriptor,
	&envoy__extensions__compression__zstd__compressor__v3__zstd__descriptor,
	&envoy__extensions__filters__http__basic_auth__v3__basic_auth__descriptor,
	&envoy__extensions__filters__http__basic_auth__v3__basic_auth_per_route__descriptor,
	&envoy__extensions__filters__http__compressor__v3__compressor__descriptor,
	&envoy__extensions__filters__http__compressor__v3__compressor_per_route__descriptor,
	&envoy__extensions__filters__http__cors__v3__cors__descriptor,
	&envoy__extensions__filters__http__cors__v3__cors_policy__descriptor,
	&envoy__extensions__filters__http__ext_authz__v3__ext_authz__descriptor,
	&envoy__extensions__filters__http__ext_authz__v3__buffer_settings__descriptor,
	&envoy__extensions__filters__http__ext_authz__v3__http_service__descriptor,
	&envoy__extensions__filters__http__ext_authz__v3__authorization_request__descriptor,
	&envoy__extensions__filters__http__ext_authz__v3__authorization_response__descriptor,
	&envoy__extensions__filters__http__ext_authz__v3__ext_authz_per_route__descriptor,
	&envoy__extensions__filters__http__ext_authz__v3__check_settings__descriptor,
	&envoy__config__route__v3__filter_config__descriptor,
	&envoy__extensions__filters__http__grpc_stats__v3__filter_config__descriptor,
	&envoy__extensions__filters__http__grpc_web__v3__grpc_web__descriptor,
	&envoy__extensions__filters__http__health_check__v3__health_check__descriptor,
	&envoy__extensions__filters__http__jwt_authn__v3__jwt_provider__descriptor,
	&envoy__extensions__filters__http__jwt_authn__v3__remote_jwks__descriptor,
	&envoy__extensions__filters__http__jwt_authn__v3__jwks_async_fetch__descriptor,
	&envoy__extensions__filters__http__jwt_authn__v3__jwt_header__descriptor,
	&envoy__extensions__filters__http__jwt_authn__v3__jwt_requirement__descriptor,
	&envoy__extensions__filters__http__jwt_authn__v3__jwt_requirement_or_list__descriptor,
	&envoy__extensions__filters__http__jwt_authn__v3__jwt_requirement_and_list__descriptor,
	&envoy__extensions__filters__http__jwt_authn__v3__jwt_authentication__descriptor,
	&envoy__extensions__filters__http__jwt_authn__v3__per_route_config__descriptor,
	&envoy__extensions__filters__http__jwt_authn__v3__jwt_claim_to_header__descriptor,
	&envoy__extensions__filters__http__local_ratelimit__v3__local_rate_limit__descriptor,
	&envoy__extensions__filters__http__lua__v3__lua__descriptor,
	&envoy__extensions__filters__http__lua__v3__lua_per_route__descriptor,
	&envoy__extensions__filters__http__ratelimit__v3__rate_limit__descriptor,
	&envoy__extensions__filters__http__ratelimit__v3__rate_limit_per_route__descriptor,
	&envoy__extensions__filters__http__rbac__v3__rbac__descriptor,
	&envoy__extensions__filters__http__rbac__v3__rbacper_route__descriptor,
	&envoy__extensions__filters__http__router__v3__router__descriptor,
	&envoy__extensions__filters__http__stateful_session__v3__stateful_session__descriptor,
	&envoy__extensions__filters__http__stateful_session__v3__stateful_session_per_route__descriptor,
	&envoy__extensions__filters__listener__http_inspector__v3__http_inspector__descriptor,
	&envoy__extensions__filters__listener__proxy_protocol__v3__proxy_protocol__descriptor,
	&envoy__extensions__filters__listener__tls_inspector__v3__tls_inspector__descriptor,
	&envoy__extensions__filters__network__http_connection_manager__v3__http_connection_manager__descriptor,
	&envoy__extensions__filters__network__http_connection_manager__v3__rds__descriptor,
	&envoy__extensions__filters__network__http_connection_manager__v3__scoped_route_configurations_list__descriptor,
	&envoy__extensions__filters__network__http_connection_manager__v3__scoped_routes__descriptor,
	&envoy__extensions__filters__network__http_connection_manager__v3__scoped_rds__descriptor,
	&envoy__extensions__filters__network__http_connection_manager__v3__http_filter__descriptor,
	&envoy__extensions__filters__network__tcp_proxy__v3__tcp_proxy__descriptor,
	&envoy__extensions__filters__udp__udp_proxy__v3__route__descriptor,
	&envoy__extensions__filters__udp__udp_proxy__v3__udp_proxy_config__descriptor,
	&envoy__extensions__retry__host__previous_hosts__v3__previous_hosts_predicate__descriptor,
	&envoy__extensions__formatter__metadata__v3__metadata__descriptor,
	&envoy__extensions__formatter__req_without_query__v3__req_without_query__descriptor,
	&envoy__extensions__filters__http__header_mutation__v3__header_mutation__descriptor,
	&envoy__extensions__filters__http__header_mutation__v3__mutations__descriptor,
	&envoy__extensions__http__early_header_mutation__header_mutation__v3__header_mutation__descriptor,
	&envoy__extensions__http__stateful_session__cookie__v3__cookie_based_session_state__descriptor,
	&envoy__extensions__http__stateful_session__header__v3__header_based_session_state__descriptor,
	&envoy__extensions__internal_redirect__previous_routes__v3__previous_routes_config__descriptor,
	&envoy__extensions__internal_redirect__safe_cross_scheme__v3__safe_cross_scheme_config__descriptor,
	&envoy__extensions__matching__common_inputs__network__v3__server_name_input__descriptor,
	&envoy__extensions__transport_sockets__quic__v3__quic_downstream_transport__descriptor,
	&envoy__extensions__transport_sockets__tls__cert_mappers__sni__v3__sni__descriptor,
	&envoy__extensions__transport_sockets__tls__cert_selectors__on_demand_secret__v3__config__descriptor,
	&envoy__extensions__transport_sockets__tls__v3__tls_parameters__descriptor,
	&envoy__extensions__transport_sockets__tls__v3__tls_certificate__descriptor,
	&envoy__extensions__transport_sockets__tls__v3__tls_session_ticket_keys__descriptor,
	&envoy__extensions__transport_sockets__tls__v3__subject_alt_name_matcher__descriptor,
	&envoy__extensions__transport_sockets__tls__v3__certificate_validation_context__descriptor,
	&envoy__extensions__transport_sockets__tls__v3__sds_secret_config__descriptor,
	&envoy__extensions__transport_sockets__tls__v3__secret__descriptor,
	&envoy__extensions__transport_sockets__tls__v3__upstream_tls_context__descriptor,
	&envoy__extensions__transport_sockets__tls__v3__downstream_tls_context__descriptor,
	&envoy__extensions__transport_sockets__tls__v3__common_tls_context__descriptor,
	&envoy__extensions__upstreams__http__v3__http_protocol_options__descriptor,
	&envoy__service__runtime__v3__runtime__descriptor,
	&google__protobuf__any__descriptor,
	&google__protobuf__duration__descriptor,
	&google__protobuf__struct__descriptor,
	&google__protobuf__value__descriptor,
	&google__protobuf__list_value__descriptor,
	&google__protobuf__double_value__descriptor,
	&google__protobuf__uint64_value__descriptor,
	&google__protobuf__uint32_value__descriptor,
	&google__protobuf__bool_value__descriptor,
	&google__protobuf__string_value__descriptor,
};

const ProtobufCMessageDescriptor *print_type(const char *type_url, size_t n)
{
	static const char prefix[] = "type.googleapis.com/";
	size_t skip = sizeof(prefix) - 1;

	if (n < skip || memcmp(type_url, prefix, skip) != 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strlen(types[i]->name) == n - skip &&
		    memcmp(types[i]->name, type_url + skip, n - skip) == 0)
			return types[i];
	return NULL;
}
