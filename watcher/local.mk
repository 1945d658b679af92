# watcher/: one process. Its parts are in a library, for the tests. Each folder lists its own files.

noinst_LIBRARIES += libwatcher.a
libwatcher_a_SOURCES = \
	watcher/configuration.c \
	watcher/configuration.h \
	watcher/contour-metrics.c \
	watcher/contour-metrics.h \
	watcher/debug-page.c \
	watcher/debug-page.h \
	watcher/kube-source-parts.h \
	watcher/kube-source-report.c \
	watcher/kube-source.c \
	watcher/kube-source.h \
	watcher/manifest-writer.c \
	watcher/manifest-writer.h \
	watcher/object-metrics.c \
	watcher/object-metrics.h \
	watcher/own-certificate.c \
	watcher/own-certificate.h \
	watcher/replay.c \
	watcher/replay.h \
	watcher/source.h \
	watcher/store.c \
	watcher/store.h \
	watcher/watcher-once.c \
	watcher/watcher.c \
	watcher/watcher.h
libwatcher_a_SOURCES += common/certificate/certificate.c common/certificate/certificate.h
include watcher/kube/local.mk
include watcher/provision/local.mk
include watcher/status/local.mk
include watcher/manifests/local.mk

libwatcher_a_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(JSON_C_CFLAGS) $(YAML_CFLAGS) $(CRYPTO_CFLAGS)

WATCHER_LIBS = libwatcher.a $(ANSWER_LIBS) $(REDACT_LIBS) $(RECORDING_LIBS) $(DECODE_LIBS) $(COMMON_LIBS) $(RECORDING_SYSTEM_LIBS) \
	$(CURL_LIBS) $(YAML_LIBS) $(CRYPTO_LIBS) $(XXHASH_LIBS)

pkglibexec_PROGRAMS += portolan-watcher
portolan_watcher_SOURCES = watcher/main.c
portolan_watcher_LDADD = $(WATCHER_LIBS)
