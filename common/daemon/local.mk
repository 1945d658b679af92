# The frame of a stage: start, control socket, runtime directory, metrics.
libcommon_a_SOURCES += \
	common/daemon/control-client.c \
	common/daemon/control-client.h \
	common/daemon/control-wait.c \
	common/daemon/control-wait.h \
	common/daemon/control.c \
	common/daemon/control.h \
	common/daemon/daemon.c \
	common/daemon/daemon.h \
	common/daemon/origin.c \
	common/daemon/origin.h \
	common/daemon/process-metrics.c \
	common/daemon/process-metrics.h \
	common/daemon/runtime-dir.c \
	common/daemon/runtime-dir.h \
	common/daemon/stage.c \
	common/daemon/stage.h \
	common/daemon/unsent.c \
	common/daemon/unsent.h
