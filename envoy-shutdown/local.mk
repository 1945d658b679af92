# envoy-shutdown/: drains an Envoy before it is ended. Linked statically, so that one copy of the
# file runs in Envoy's own container, which has neither our libraries nor a shell.
pkglibexec_PROGRAMS += portolan-envoy-shutdown
portolan_envoy_shutdown_SOURCES = \
	envoy-shutdown/admin.c \
	envoy-shutdown/admin.h \
	envoy-shutdown/connections.c \
	envoy-shutdown/connections.h \
	envoy-shutdown/drain.c \
	envoy-shutdown/drain.h \
	envoy-shutdown/main.c
portolan_envoy_shutdown_LDADD = libcommon.a
if SANITIZED
portolan_envoy_shutdown_LDFLAGS = $(AM_LDFLAGS)
else
# -static-pie takes the place of -pie, about which clang would complain.
portolan_envoy_shutdown_LDFLAGS = $(filter-out -pie,$(AM_LDFLAGS)) $(STATIC_LDFLAGS)
endif
