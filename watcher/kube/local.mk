# Kubernetes' API: connections, credentials, watches, objects.
libwatcher_a_SOURCES += \
	watcher/kube/body-reader.c \
	watcher/kube/body-reader.h \
	watcher/kube/bundle-version.c \
	watcher/kube/bundle-version.h \
	watcher/kube/certificate-error.c \
	watcher/kube/certificate-error.h \
	watcher/kube/credentials.c \
	watcher/kube/credentials.h \
	watcher/kube/discovery.c \
	watcher/kube/discovery.h \
	watcher/kube/http.c \
	watcher/kube/http.h \
	watcher/kube/kube-configuration.c \
	watcher/kube/kube-configuration.h \
	watcher/kube/kube-dump.c \
	watcher/kube/kube-dump.h \
	watcher/kube/kube-message.c \
	watcher/kube/kube-message.h \
	watcher/kube/kube-object.c \
	watcher/kube/kube-object.h \
	watcher/kube/kubeconfig.c \
	watcher/kube/kubeconfig.h \
	watcher/kube/readiness.c \
	watcher/kube/readiness.h \
	watcher/kube/reflector.c \
	watcher/kube/reflector.h
