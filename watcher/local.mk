# watcher/: one process. Its parts are in a library, for the tests.

noinst_LIBRARIES += libwatcher.a
libwatcher_a_SOURCES = \
	watcher/manifests.h \
	watcher/source.h \
	watcher/store.c \
	watcher/store.h \
	watcher/watcher.c \
	watcher/watcher.h

WATCHER_LIBS = libwatcher.a $(K8S_LIBS) $(COMMON_LIBS)
EXTRA_DIST += watcher/main.c
