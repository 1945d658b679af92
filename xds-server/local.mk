# xds-server/: serves resources to Envoys. All but the gRPC side is a library that tests link too.
noinst_LIBRARIES += libxds.a
libxds_a_SOURCES = \
	xds-server/answer.c \
	xds-server/answer.h \
	xds-server/bound.c \
	xds-server/bound.h \
	xds-server/buffer.c \
	xds-server/buffer.h \
	xds-server/change-log.c \
	xds-server/change-log.h \
	xds-server/client.h \
	xds-server/connection.c \
	xds-server/connection.h \
	xds-server/fleet.c \
	xds-server/fleet.h \
	xds-server/intake.c \
	xds-server/intake.h \
	xds-server/listener-order.c \
	xds-server/listener-order.h \
	xds-server/message.c \
	xds-server/message.h \
	xds-server/piece.c \
	xds-server/piece.h \
	xds-server/pin.c \
	xds-server/pin.h \
	xds-server/refusal.c \
	xds-server/refusal.h \
	xds-server/report.c \
	xds-server/report.h \
	xds-server/request.c \
	xds-server/request.h \
	xds-server/resource-parts.c \
	xds-server/resource-parts.h \
	xds-server/resource-store.c \
	xds-server/resource-store.h \
	xds-server/saved-state.c \
	xds-server/saved-state.h \
	xds-server/scrub.c \
	xds-server/scrub.h \
	xds-server/stream-look.c \
	xds-server/stream.c \
	xds-server/stream.h \
	xds-server/subscription.c \
	xds-server/subscription.h \
	xds-server/turn.c \
	xds-server/turn.h

XDS_LIBS = libxds.a libxds-proto.a $(COMMON_LIBS)

pkglibexec_PROGRAMS += portolan-xds-server
portolan_xds_server_SOURCES = \
	xds-server/grpc-listener.c \
	xds-server/grpc-listener.h \
	xds-server/grpc-stream.c \
	xds-server/grpc-stream.h \
	xds-server/grpc-thread.c \
	xds-server/grpc-thread.h \
	xds-server/grpc-tls.c \
	xds-server/grpc-tls.h \
	xds-server/main.c \
	xds-server/pages.c \
	xds-server/pages.h \
	xds-server/unix-listener.c \
	xds-server/unix-listener.h \
	xds-server/xds-server.c \
	xds-server/xds-server.h
portolan_xds_server_LDADD = $(XDS_LIBS) $(GRPC_LIBS) $(CRYPTO_LIBS) -lpthread
