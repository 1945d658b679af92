# States, and the links that mirror them between stages.
libcommon_a_SOURCES += \
	common/link/feed.c \
	common/link/feed.h \
	common/link/frame-input.c \
	common/link/frame-input.h \
	common/link/frame-item.c \
	common/link/frame-item.h \
	common/link/frame-stream.c \
	common/link/frame-stream.h \
	common/link/frame.c \
	common/link/frame.h \
	common/link/hello.c \
	common/link/hello.h \
	common/link/link-conn.c \
	common/link/link-conn.h \
	common/link/link-metrics.c \
	common/link/link.c \
	common/link/link.h \
	common/link/mirror.c \
	common/link/mirror.h \
	common/link/neighbour.c \
	common/link/neighbour.h \
	common/link/resource-kind.c \
	common/link/resource-kind.h \
	common/link/state.c \
	common/link/state.h \
	common/link/unix-socket.c \
	common/link/unix-socket.h \
	common/link/users-item.h \
	common/link/version.c \
	common/link/version.h \
	common/decode/object-kind.h
