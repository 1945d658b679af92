# What a Gateway's own Envoys are made of, in the cluster.
libwatcher_a_SOURCES += \
	watcher/provision/fleet-certificate.c \
	watcher/provision/fleet-certificate.h \
	watcher/provision/owned-kind.c \
	watcher/provision/owned-kind.h \
	watcher/provision/owned-object.c \
	watcher/provision/owned-object.h \
	watcher/provision/provision-infrastructure.c \
	watcher/provision/provision-parts.h \
	watcher/provision/provision-upgrade.c \
	watcher/provision/provision-watch.c \
	watcher/provision/provision.c \
	watcher/provision/provision.h \
	watcher/provision/workload.c \
	watcher/provision/workload.h
