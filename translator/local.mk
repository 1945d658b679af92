# translator/: one process. Its parts are in libraries, for the tests.

# Messages as JSON and YAML: for the translator and for what prints resources offline.
noinst_LIBRARIES += libprint.a
libprint_a_SOURCES = \
	translator/print.c \
	translator/print.h \
	translator/print-types.c
PRINT_LIBS = libprint.a libenvoy-proto.a

noinst_LIBRARIES += libtranslator.a
libtranslator_a_SOURCES = \
	translator/asks.c \
	translator/asks.h \
	translator/authorization.c \
	translator/authorization.h \
	translator/cell.c \
	translator/cell.h \
	translator/certificate.c \
	translator/certificate.h \
	translator/changes.c \
	translator/changes.h \
	translator/composed.c \
	translator/composed.h \
	translator/envoy-authorization.c \
	translator/envoy-access-log.c \
	translator/envoy-access-log.h \
	translator/envoy-admin.c \
	translator/envoy-admin.h \
	translator/envoy-cluster.c \
	translator/envoy-common.c \
	translator/envoy-cookie.c \
	translator/envoy-cookie.h \
	translator/envoy-filters.c \
	translator/envoy-filters.h \
	translator/envoy-health.c \
	translator/envoy-jwt.c \
	translator/envoy-jwt.h \
	translator/envoy-http.c \
	translator/envoy-http.h \
	translator/envoy-listener.c \
	translator/envoy-rate-limit.c \
	translator/envoy-route.c \
	translator/envoy-server-name.c \
	translator/envoy-server-name.h \
	translator/envoy-runtime.c \
	translator/envoy-runtime.h \
	translator/envoy-struct.c \
	translator/envoy-struct.h \
	translator/envoy-tracing.c \
	translator/envoy-tracing.h \
	translator/envoy-tls.c \
	translator/envoy.h \
	translator/consequences.c \
	translator/delegation.c \
	translator/delegation.h \
	translator/explain-absent.c \
	translator/explain-action.c \
	translator/explain-cluster.c \
	translator/explain-host.c \
	translator/explain-internal.h \
	translator/explain-listener.c \
	translator/explain-match.c \
	translator/explain-object.c \
	translator/explain-origin.c \
	translator/explain-path.c \
	translator/explain-request.c \
	translator/explain-route.c \
	translator/explain-sent.c \
	translator/explain.c \
	translator/explain.h \
	translator/extension.h \
	translator/graph-internal.h \
	translator/graph-status.c \
	translator/graph.c \
	translator/graph.h \
	translator/host-merge.c \
	translator/host-merge.h \
	translator/host-name.c \
	translator/host-name.h \
	translator/ingress-class.c \
	translator/ingress-options.c \
	translator/ingress-options.h \
	translator/ingress-path.c \
	translator/ingress-path.h \
	translator/jwks.c \
	translator/jwks.h \
	translator/offline.c \
	translator/pages.c \
	translator/poison.c \
	translator/poison.h \
	translator/provenance.c \
	translator/proxy-authorization.c \
	translator/proxy-authorization.h \
	translator/proxy-client.c \
	translator/proxy-condition.c \
	translator/proxy-condition.h \
	translator/proxy-cookie.c \
	translator/proxy-cookie.h \
	translator/proxy-fallback.c \
	translator/proxy-filter.c \
	translator/proxy-filter.h \
	translator/proxy-headers.c \
	translator/proxy-headers.h \
	translator/proxy-jwt.c \
	translator/proxy-rate-limit.c \
	translator/proxy-rewrite.c \
	translator/proxy-route.c \
	translator/proxy-tcp.c \
	translator/proxy-upstream.c \
	translator/proxy.h \
	translator/quarantine-hold.c \
	translator/quarantine-subject.c \
	translator/quarantine-subject.h \
	translator/quarantine.c \
	translator/quarantine.h \
	translator/rate-limit.c \
	translator/rate-limit.h \
	translator/reader.c \
	translator/regex.cc \
	translator/regex.h \
	translator/secret-keeper.c \
	translator/secret-keeper.h \
	translator/service-options.c \
	translator/service-options.h \
	translator/settings.c \
	translator/settings.h \
	translator/translator.c \
	translator/translator.h \
	translator/unit-claim.c \
	translator/unit-cluster.c \
	translator/unit-configuration.c \
	translator/unit-endpoints.c \
	translator/unit-extension.c \
	translator/unit-fallback.c \
	translator/unit-host.c \
	translator/unit-ingress.c \
	translator/unit-proxy.c \
	translator/unit-secret.c \
	translator/unit-table.c \
	translator/units.c \
	translator/units.h \
	translator/version.c \
	translator/version.h
libtranslator_a_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
libtranslator_a_CXXFLAGS = $(AM_CXXFLAGS) $(RE2_CFLAGS)

TRANSLATOR_LIBS = libtranslator.a $(PRINT_LIBS) $(DECODE_LIBS) $(COMMON_LIBS) $(CRYPTO_LIBS) $(RE2_LIBS) -lstdc++

pkglibexec_PROGRAMS += portolan-translator
portolan_translator_SOURCES = translator/main.c
portolan_translator_LDADD = $(TRANSLATOR_LIBS)
