# admin/: one process
pkglibexec_PROGRAMS += admin/portolan-admin
admin_portolan_admin_SOURCES = \
	admin/admin.c \
	admin/admin.h \
	admin/gather.c \
	admin/gather.h \
	admin/http-server.c \
	admin/http-server.h \
	admin/index-page.c \
	admin/index-page.h \
	admin/job.c \
	admin/job.h \
	admin/main.c \
	admin/metrics-merge.c \
	admin/metrics-merge.h \
	admin/pages.c \
	admin/pages.h
admin_portolan_admin_LDADD = $(COMMON_LIBS)
