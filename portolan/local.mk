# portolan/: the command for people
bin_PROGRAMS += portolan/portolan
portolan_portolan_SOURCES = \
	portolan/ask-stages.c \
	portolan/ask-stages.h \
	portolan/bootstrap.c \
	portolan/bootstrap.h \
	portolan/cmd-at.c \
	portolan/cmd-bootstrap.c \
	portolan/cmd-config.c \
	portolan/cmd-explain.c \
	portolan/cmd-health.c \
	portolan/cmd-inspect.c \
	portolan/cmd-record.c \
	portolan/cmd-run.c \
	portolan/cmd-status.c \
	portolan/cmd-translate.c \
	portolan/cmd-version.c \
	portolan/commands.h \
	portolan/explain-report.c \
	portolan/explain-report.h \
	portolan/main.c \
	portolan/object-report.c \
	portolan/object-report.h \
	portolan/once.c \
	portolan/once.h \
	portolan/output-file.c \
	portolan/output-file.h \
	portolan/port-choice.c \
	portolan/port-choice.h \
	portolan/program.c \
	portolan/program.h \
	portolan/recorded-world.c \
	portolan/recorded-world.h \
	portolan/run-screen.c \
	portolan/run-screen.h \
	portolan/stage-options.c \
	portolan/stage-options.h \
	portolan/stage-report.c \
	portolan/stage-report.h \
	portolan/text-table.c \
	portolan/text-table.h
portolan_portolan_CFLAGS = $(AM_CFLAGS) $(JSON_C_CFLAGS)
portolan_portolan_LDADD = $(RECORDING_LIBS) $(DECODE_LIBS) $(COMMON_LIBS) $(RECORDING_SYSTEM_LIBS) $(JSON_C_LIBS)
