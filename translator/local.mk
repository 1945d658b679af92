# translator/: one process. Its parts are in libraries, for the tests. Each folder lists its own files.

# Messages as JSON and YAML: for the translator and for what prints resources offline.
noinst_LIBRARIES += libprint.a
libprint_a_SOURCES = \
	translator/print/print.c \
	translator/print/print.h \
	translator/print/print-types.c
PRINT_LIBS = libprint.a libenvoy-proto.a

noinst_LIBRARIES += libtranslator.a
libtranslator_a_SOURCES = \
	translator/front-ends.c \
	translator/kinds.h \
	translator/offline.c \
	translator/pages.c \
	translator/translator.c \
	translator/translator.h \
	translator/units.c \
	translator/units.h
include translator/graph/local.mk
include translator/check/local.mk
include translator/model/local.mk
include translator/envoy/local.mk
include translator/resolve/local.mk
include translator/policy/local.mk
include translator/host/local.mk
include translator/ingress/local.mk
include translator/httpproxy/local.mk
include translator/gateway/local.mk
include translator/nginx/local.mk
include translator/guard/local.mk
include translator/explain/local.mk
include translator/print/local.mk
libtranslator_a_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
libtranslator_a_CXXFLAGS = $(AM_CXXFLAGS) $(RE2_CFLAGS)

TRANSLATOR_LIBS = libtranslator.a $(PRINT_LIBS) $(DECODE_LIBS) $(COMMON_LIBS) $(CRYPTO_LIBS) $(RE2_LIBS) -lstdc++

pkglibexec_PROGRAMS += portolan-translator
portolan_translator_SOURCES = translator/main.c
portolan_translator_LDADD = $(TRANSLATOR_LIBS)
