# Schemas. The generated C is never committed and is built without warnings.

ipc_protos = \
	proto/ipc.proto

k8s_protos = \
	proto/k8s/certificates.proto \
	proto/k8s/contour-configuration.proto \
	proto/k8s/contour-deployment.proto \
	proto/k8s/core.proto \
	proto/k8s/discovery.proto \
	proto/k8s/gateway-experimental.proto \
	proto/k8s/gateway-route.proto \
	proto/k8s/gateway.proto \
	proto/k8s/meta.proto \
	proto/k8s/networking.proto \
	proto/k8s/projectcontour.proto

envoy_protos = \
	proto/envoy/config/accesslog/v3/accesslog.proto \
	proto/envoy/config/cluster/v3/circuit_breaker.proto \
	proto/envoy/config/cluster/v3/cluster.proto \
	proto/envoy/config/cluster/v3/outlier_detection.proto \
	proto/envoy/config/common/mutation_rules/v3/mutation_rules.proto \
	proto/envoy/config/core/v3/address.proto \
	proto/envoy/config/core/v3/base.proto \
	proto/envoy/config/core/v3/config_source.proto \
	proto/envoy/config/core/v3/extension.proto \
	proto/envoy/config/core/v3/grpc_service.proto \
	proto/envoy/config/core/v3/health_check.proto \
	proto/envoy/config/core/v3/http_uri.proto \
	proto/envoy/config/core/v3/protocol.proto \
	proto/envoy/config/core/v3/socket_option.proto \
	proto/envoy/config/core/v3/substitution_format_string.proto \
	proto/envoy/config/endpoint/v3/endpoint.proto \
	proto/envoy/config/endpoint/v3/endpoint_components.proto \
	proto/envoy/config/listener/v3/listener.proto \
	proto/envoy/config/listener/v3/listener_components.proto \
	proto/envoy/config/listener/v3/quic_config.proto \
	proto/envoy/config/listener/v3/udp_listener_config.proto \
	proto/envoy/config/core/v3/udp_socket_config.proto \
	proto/envoy/extensions/transport_sockets/quic/v3/quic_transport.proto \
	proto/envoy/config/ratelimit/v3/rls.proto \
	proto/envoy/config/rbac/v3/rbac.proto \
	proto/envoy/config/route/v3/route.proto \
	proto/envoy/config/route/v3/route_components.proto \
	proto/envoy/config/route/v3/scoped_route.proto \
	proto/envoy/config/trace/v3/http_tracer.proto \
	proto/envoy/config/trace/v3/opentelemetry.proto \
	proto/envoy/extensions/access_loggers/file/v3/file.proto \
	proto/envoy/extensions/access_loggers/stream/v3/stream.proto \
	proto/envoy/extensions/access_loggers/filters/cel/v3/cel.proto \
	proto/envoy/extensions/filters/http/bandwidth_limit/v3/bandwidth_limit.proto \
	proto/envoy/extensions/filters/http/custom_response/v3/custom_response.proto \
	proto/envoy/extensions/http/custom_response/redirect_policy/v3/redirect_policy.proto \
	proto/envoy/type/matcher/v3/status_code_input.proto \
	proto/envoy/extensions/common/ratelimit/v3/ratelimit.proto \
	proto/envoy/extensions/compression/brotli/compressor/v3/brotli.proto \
	proto/envoy/extensions/compression/gzip/compressor/v3/gzip.proto \
	proto/envoy/extensions/compression/zstd/compressor/v3/zstd.proto \
	proto/envoy/extensions/common/matching/v3/extension_matcher.proto \
	proto/envoy/extensions/filters/http/composite/v3/composite.proto \
	proto/envoy/extensions/filters/http/compressor/v3/compressor.proto \
	proto/envoy/extensions/filters/http/basic_auth/v3/basic_auth.proto \
	proto/envoy/extensions/filters/http/cors/v3/cors.proto \
	proto/envoy/extensions/filters/http/ext_authz/v3/ext_authz.proto \
	proto/envoy/extensions/filters/http/grpc_stats/v3/config.proto \
	proto/envoy/extensions/filters/http/grpc_web/v3/grpc_web.proto \
	proto/envoy/extensions/filters/http/health_check/v3/health_check.proto \
	proto/envoy/extensions/filters/http/jwt_authn/v3/config.proto \
	proto/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.proto \
	proto/envoy/extensions/filters/http/lua/v3/lua.proto \
	proto/envoy/extensions/filters/http/ratelimit/v3/rate_limit.proto \
	proto/envoy/extensions/filters/http/rbac/v3/rbac.proto \
	proto/envoy/extensions/filters/http/router/v3/router.proto \
	proto/envoy/extensions/filters/listener/http_inspector/v3/http_inspector.proto \
	proto/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol.proto \
	proto/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.proto \
	proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto \
	proto/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.proto \
	proto/envoy/extensions/formatter/metadata/v3/metadata.proto \
	proto/envoy/extensions/formatter/req_without_query/v3/req_without_query.proto \
	proto/envoy/extensions/filters/http/stateful_session/v3/stateful_session.proto \
	proto/envoy/extensions/filters/http/header_mutation/v3/header_mutation.proto \
	proto/envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation.proto \
	proto/envoy/extensions/http/stateful_session/cookie/v3/cookie.proto \
	proto/envoy/extensions/http/stateful_session/header/v3/header.proto \
	proto/envoy/type/http/v3/cookie.proto \
	proto/envoy/extensions/internal_redirect/previous_routes/v3/previous_routes_config.proto \
	proto/envoy/extensions/internal_redirect/safe_cross_scheme/v3/safe_cross_scheme_config.proto \
	proto/envoy/extensions/matching/common_inputs/network/v3/network_inputs.proto \
	proto/envoy/extensions/filters/udp/udp_proxy/v3/route.proto \
	proto/envoy/extensions/filters/udp/udp_proxy/v3/udp_proxy.proto \
	proto/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.proto \
	proto/envoy/extensions/tracers/opentelemetry/samplers/v3/parent_based_sampler.proto \
	proto/envoy/extensions/tracers/opentelemetry/samplers/v3/trace_id_ratio_based_sampler.proto \
	proto/envoy/extensions/transport_sockets/tls/cert_mappers/sni/v3/config.proto \
	proto/envoy/extensions/transport_sockets/tls/cert_selectors/on_demand_secret/v3/config.proto \
	proto/envoy/extensions/transport_sockets/tls/v3/common.proto \
	proto/envoy/extensions/transport_sockets/tls/v3/secret.proto \
	proto/envoy/extensions/transport_sockets/tls/v3/tls.proto \
	proto/envoy/extensions/upstreams/http/v3/http_protocol_options.proto \
	proto/envoy/service/runtime/v3/rtds.proto \
	proto/envoy/type/matcher/v3/metadata.proto \
	proto/envoy/type/matcher/v3/path.proto \
	proto/envoy/type/matcher/v3/regex.proto \
	proto/envoy/type/matcher/v3/string.proto \
	proto/envoy/type/matcher/v3/value.proto \
	proto/envoy/type/metadata/v3/metadata.proto \
	proto/envoy/type/tracing/v3/custom_tag.proto \
	proto/envoy/type/v3/hash_policy.proto \
	proto/envoy/type/v3/http.proto \
	proto/envoy/type/v3/http_status.proto \
	proto/envoy/type/v3/percent.proto \
	proto/envoy/type/v3/range.proto \
	proto/envoy/type/v3/token_bucket.proto \
	proto/google/protobuf/any.proto \
	proto/google/protobuf/duration.proto \
	proto/google/protobuf/struct.proto \
	proto/google/protobuf/wrappers.proto \
	proto/xds/core/v3/extension.proto \
	proto/xds/type/matcher/v3/matcher.proto \
	proto/xds/type/matcher/v3/regex.proto \
	proto/xds/type/matcher/v3/string.proto

# what the translator's units tell each other, and what it reads from inside a Secret
model_protos = \
	proto/jwks.proto \
	proto/model.proto

# xds-server's own, free of Envoy's types
xds_protos = \
	proto/xds.proto

# for unit tests
test_protos = \
	proto/test/decode.proto

all_protos = $(ipc_protos) $(k8s_protos) $(envoy_protos) $(model_protos) $(xds_protos) $(test_protos)

# One run of protoc makes both files: a pattern rule with two targets says so to make.
proto/%.pb-c.c proto/%.pb-c.h: proto/%.proto
	@$(MKDIR_P) $(@D)
	$(AM_V_GEN)$(PROTOC) -I$(top_srcdir)/proto --c_out=$(top_builddir)/proto $<

# Short names for messages, for translator/: start of the name, of the long name, headers.
short_names = $(AWK) -v start=$(1) -v only=$(2) -f $(srcdir)/proto/short-names.awk $(3)
proto/envoy-names.h: $(envoy_protos:.proto=.pb-c.h) proto/short-names.awk
	$(AM_V_GEN){ $(call short_names,Envoy,Envoy__,$(envoy_protos:.proto=.pb-c.h)) && \
		$(call short_names,Xds,Xds__,$(envoy_protos:.proto=.pb-c.h)) && \
		$(call short_names,Google,Google__Protobuf__,$(envoy_protos:.proto=.pb-c.h)); } >$@.tmp && \
		mv $@.tmp $@
proto/model-names.h: proto/model.pb-c.h proto/short-names.awk
	$(AM_V_GEN)$(call short_names,Model,Portolan__Model__,proto/model.pb-c.h) >$@.tmp && mv $@.tmp $@

noinst_LIBRARIES += libipc-proto.a libk8s-proto.a libenvoy-proto.a libxds-proto.a
nodist_libipc_proto_a_SOURCES = $(ipc_protos:.proto=.pb-c.c)
libipc_proto_a_CFLAGS = $(PROTOBUF_C_CFLAGS) $(HARDENING_CFLAGS) $(SANITIZE_FLAGS) -w
nodist_libk8s_proto_a_SOURCES = $(k8s_protos:.proto=.pb-c.c)
libk8s_proto_a_CFLAGS = $(PROTOBUF_C_CFLAGS) $(HARDENING_CFLAGS) $(SANITIZE_FLAGS) -w
nodist_libenvoy_proto_a_SOURCES = $(envoy_protos:.proto=.pb-c.c) $(model_protos:.proto=.pb-c.c)
libenvoy_proto_a_CFLAGS = $(PROTOBUF_C_CFLAGS) $(HARDENING_CFLAGS) $(SANITIZE_FLAGS) -w
nodist_libxds_proto_a_SOURCES = $(xds_protos:.proto=.pb-c.c)
libxds_proto_a_CFLAGS = $(PROTOBUF_C_CFLAGS) $(HARDENING_CFLAGS) $(SANITIZE_FLAGS) -w
check_LIBRARIES += libtest-proto.a
nodist_libtest_proto_a_SOURCES = $(test_protos:.proto=.pb-c.c)
libtest_proto_a_CFLAGS = $(PROTOBUF_C_CFLAGS) $(HARDENING_CFLAGS) $(SANITIZE_FLAGS) -w

BUILT_SOURCES += $(all_protos:.proto=.pb-c.h) proto/envoy-names.h proto/model-names.h
CLEANFILES += proto/envoy-names.h proto/model-names.h
CLEANFILES += $(all_protos:.proto=.pb-c.h) $(all_protos:.proto=.pb-c.c)
EXTRA_DIST += $(all_protos) proto/README.md proto/short-names.awk
