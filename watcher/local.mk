# watcher/: one process. Its parts are in a library, for the tests.

noinst_LIBRARIES += libwatcher.a
libwatcher_a_SOURCES = \
	watcher/body-reader.c \
	watcher/body-reader.h \
	watcher/certificate-error.c \
	watcher/certificate-error.h \
	watcher/credentials.c \
	watcher/credentials.h \
	watcher/event-writer.c \
	watcher/event-writer.h \
	watcher/http.c \
	watcher/http.h \
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
	watcher/manifests.h \
	watcher/publish-address.c \
	watcher/publish-address.h \
	watcher/reflector.c \
	watcher/reflector.h \
	watcher/source.h \
	watcher/status-render.c \
	watcher/status-render.h \
	watcher/status-writer.c \
	watcher/status-writer.h \
	watcher/store.c \
	watcher/store.h \
	watcher/watcher.c \
	watcher/watcher.h

libwatcher_a_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(JSON_C_CFLAGS) $(YAML_CFLAGS) $(CRYPTO_CFLAGS)

WATCHER_LIBS = libwatcher.a $(DECODE_LIBS) $(COMMON_LIBS) \
	$(CURL_LIBS) $(YAML_LIBS) $(CRYPTO_LIBS) $(XXHASH_LIBS)
EXTRA_DIST += watcher/main.c
