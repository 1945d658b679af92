# watcher/: one process. Its parts are in a library, for the tests.

noinst_LIBRARIES += libwatcher.a
libwatcher_a_SOURCES = \
	watcher/body-reader.c \
	watcher/body-reader.h \
	watcher/certificate-error.c \
	watcher/certificate-error.h \
	watcher/claim.c \
	watcher/claim.h \
	watcher/configuration.c \
	watcher/configuration.h \
	watcher/credentials.c \
	watcher/credentials.h \
	watcher/debug-page.c \
	watcher/debug-page.h \
	watcher/dir-watch.c \
	watcher/dir-watch.h \
	watcher/event-writer.c \
	watcher/event-writer.h \
	watcher/http.c \
	watcher/http.h \
	watcher/kube-configuration.c \
	watcher/kube-configuration.h \
	watcher/kube-message.c \
	watcher/kube-message.h \
	watcher/kube-object.c \
	watcher/kube-object.h \
	watcher/kube-source.c \
	watcher/kube-source.h \
	watcher/kube-writers.c \
	watcher/kube-writers.h \
	watcher/kubeconfig.c \
	watcher/kubeconfig.h \
	watcher/lease.c \
	watcher/lease.h \
	watcher/manifest-file.c \
	watcher/manifest-file.h \
	watcher/manifest-tree.c \
	watcher/manifest-tree.h \
	watcher/manifests.c \
	watcher/manifests.h \
	watcher/publish-address.c \
	watcher/publish-address.h \
	watcher/reflector.c \
	watcher/reflector.h \
	watcher/replay.c \
	watcher/replay.h \
	watcher/source.h \
	watcher/status-log.c \
	watcher/status-log.h \
	watcher/status-condition.c \
	watcher/status-condition.h \
	watcher/status-render.c \
	watcher/status-render.h \
	watcher/status-writer.c \
	watcher/status-writer.h \
	watcher/store.c \
	watcher/store.h \
	watcher/watcher-once.c \
	watcher/watcher.c \
	watcher/watcher.h

libwatcher_a_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(JSON_C_CFLAGS) $(YAML_CFLAGS) $(CRYPTO_CFLAGS)

WATCHER_LIBS = libwatcher.a $(RECORDING_LIBS) $(DECODE_LIBS) $(COMMON_LIBS) $(RECORDING_SYSTEM_LIBS) \
	$(CURL_LIBS) $(YAML_LIBS) $(CRYPTO_LIBS) $(XXHASH_LIBS)

pkglibexec_PROGRAMS += portolan-watcher
portolan_watcher_SOURCES = watcher/main.c
portolan_watcher_LDADD = $(WATCHER_LIBS)
