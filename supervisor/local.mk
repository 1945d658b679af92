# supervisor/: one process
pkglibexec_PROGRAMS += supervisor/portolan-supervisor
supervisor_portolan_supervisor_SOURCES = \
	supervisor/backoff.c \
	supervisor/backoff.h \
	supervisor/child.c \
	supervisor/child.h \
	supervisor/envoy-probe.c \
	supervisor/envoy-probe.h \
	supervisor/main.c \
	supervisor/notify.c \
	supervisor/notify.h \
	supervisor/status.c \
	supervisor/status.h \
	supervisor/supervisor.c \
	supervisor/supervisor.h
supervisor_portolan_supervisor_LDADD = $(COMMON_LIBS)
