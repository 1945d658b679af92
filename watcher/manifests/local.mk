# Objects from a folder of files.
libwatcher_a_SOURCES += \
	watcher/manifests/claim.c \
	watcher/manifests/claim.h \
	watcher/manifests/dir-watch.c \
	watcher/manifests/dir-watch.h \
	watcher/manifests/manifest-file.c \
	watcher/manifests/manifest-file.h \
	watcher/manifests/manifest-tree.c \
	watcher/manifests/manifest-tree.h \
	watcher/manifests/manifests.c \
	watcher/manifests/manifests.h \
	watcher/manifests/mount-watch.c \
	watcher/manifests/mount-watch.h \
	watcher/manifests/passed-over.c \
	watcher/manifests/passed-over.h \
	watcher/manifests/status-log.c \
	watcher/manifests/status-log.h
