# Schemas. The generated C is never committed and is built without warnings.

ipc_protos = \
	proto/ipc.proto

k8s_protos =

envoy_protos =

all_protos = $(ipc_protos) $(k8s_protos) $(envoy_protos)

# One run of protoc makes both files: a pattern rule with two targets says so to make.
proto/%.pb-c.c proto/%.pb-c.h: proto/%.proto
	@$(MKDIR_P) $(@D)
	$(AM_V_GEN)$(PROTOC) -I$(top_srcdir)/proto --c_out=$(top_builddir)/proto $<

noinst_LIBRARIES += libipc-proto.a libk8s-proto.a libenvoy-proto.a
nodist_libipc_proto_a_SOURCES = $(ipc_protos:.proto=.pb-c.c)
libipc_proto_a_CFLAGS = $(PROTOBUF_C_CFLAGS) $(SANITIZE_FLAGS) -w
nodist_libk8s_proto_a_SOURCES = $(k8s_protos:.proto=.pb-c.c)
libk8s_proto_a_CFLAGS = $(PROTOBUF_C_CFLAGS) $(SANITIZE_FLAGS) -w
nodist_libenvoy_proto_a_SOURCES = $(envoy_protos:.proto=.pb-c.c)
libenvoy_proto_a_CFLAGS = $(PROTOBUF_C_CFLAGS) $(SANITIZE_FLAGS) -w

BUILT_SOURCES += $(all_protos:.proto=.pb-c.h)
CLEANFILES += $(all_protos:.proto=.pb-c.h) $(all_protos:.proto=.pb-c.c)
EXTRA_DIST += $(all_protos)
