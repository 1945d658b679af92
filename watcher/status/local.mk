# What is written back: statuses, events, the lease, addresses.
libwatcher_a_SOURCES += \
	watcher/status/class-finalizer.c \
	watcher/status/class-finalizer.h \
	watcher/status/event-writer.c \
	watcher/status/event-writer.h \
	watcher/status/gateway-status.c \
	watcher/status/gateway-status.h \
	watcher/status/kube-writers.c \
	watcher/status/kube-writers.h \
	watcher/status/lease.c \
	watcher/status/lease.h \
	watcher/status/propagated-annotation.c \
	watcher/status/propagated-annotation.h \
	watcher/status/publish-address.c \
	watcher/status/publish-address.h \
	watcher/status/status-condition.c \
	watcher/status/status-condition.h \
	watcher/status/status-render.c \
	watcher/status/status-render.h \
	watcher/status/status-writer.c \
	watcher/status/status-writer.h
