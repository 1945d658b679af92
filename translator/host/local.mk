# All claims on a host, merged; tables and listeners.
libtranslator_a_SOURCES += \
	translator/host/domain-merge.c \
	translator/host/domain-merge.h \
	translator/host/fault.c \
	translator/host/fault.h \
	translator/host/host-merge.c \
	translator/host/host-merge.h \
	translator/host/unit-domain.c \
	translator/host/unit-fallback.c \
	translator/host/unit-host.c \
	translator/host/unit-socket.c \
	translator/host/unit-stream.c \
	translator/host/unit-table.c \
	translator/host/want-domain.c \
	translator/host/want-domain.h \
	translator/host/want-listener.c \
	translator/host/want-listener.h \
	translator/host/want-stream.c \
	translator/host/want-stream.h \
	translator/host/want.c \
	translator/host/want.h
