# admin/: one process
pkglibexec_PROGRAMS += admin/portolan-admin
admin_portolan_admin_SOURCES = \
	admin/admin.c \
	admin/admin.h \
	admin/event-stream.c \
	admin/event-stream.h \
	admin/gather.c \
	admin/gather.h \
	admin/html.c \
	admin/html.h \
	admin/http-server.c \
	admin/http-server.h \
	admin/index-page.c \
	admin/index-page.h \
	admin/job.c \
	admin/job.h \
	admin/main.c \
	admin/metrics-merge.c \
	admin/metrics-merge.h \
	admin/overview.c \
	admin/overview.h \
	admin/pages.c \
	admin/pages.h
admin_portolan_admin_CFLAGS = $(AM_CFLAGS) $(JSON_C_CFLAGS)
admin_portolan_admin_LDADD = $(ANSWER_LIBS) $(COMMON_LIBS) $(JSON_C_LIBS)
