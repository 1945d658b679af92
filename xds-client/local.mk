# xds-client/: asks an xds-server for resources, as an Envoy does, and prints them for people.
pkglibexec_PROGRAMS += portolan-xds-client
portolan_xds_client_SOURCES = \
	xds-client/exchange.c \
	xds-client/exchange.h \
	xds-client/grpc-call.c \
	xds-client/grpc-call.h \
	xds-client/main.c
portolan_xds_client_LDADD = $(PRINT_LIBS) libxds-proto.a $(COMMON_LIBS) $(GRPC_LIBS) $(CRYPTO_LIBS)
