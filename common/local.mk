# What every program may use. libcommon.a needs libevent, protobuf-c and libsystemd only.

noinst_LIBRARIES += libcommon.a
libcommon_a_SOURCES = \
	common/address.c \
	common/address.h \
	common/alloc.c \
	common/alloc.h \
	common/arena.c \
	common/arena.h \
	common/cleanup.h \
	common/clock.h \
	common/control-client.c \
	common/control-client.h \
	common/control.c \
	common/control.h \
	common/control-wait.c \
	common/control-wait.h \
	common/daemon.c \
	common/daemon.h \
	common/document.c \
	common/document.h \
	common/event-loop.c \
	common/event-loop.h \
	common/feed.c \
	common/feed.h \
	common/frame.c \
	common/frame.h \
	common/frame-input.c \
	common/frame-input.h \
	common/frame-item.c \
	common/frame-item.h \
	common/frame-stream.c \
	common/frame-stream.h \
	common/hello.c \
	common/hello.h \
	common/hashmap.c \
	common/hashmap.h \
	common/incident.c \
	common/incident.h \
	common/link.c \
	common/link.h \
	common/link-conn.c \
	common/link-conn.h \
	common/link-metrics.c \
	common/log.c \
	common/log.h \
	common/mirror.c \
	common/mirror.h \
	common/object-kind.h \
	common/notify-send.c \
	common/notify-send.h \
	common/options.c \
	common/options.h \
	common/process-metrics.c \
	common/process-metrics.h \
	common/refused-calls.c \
	common/refused-calls.h \
	common/resource-kind.c \
	common/resource-kind.h \
	common/runtime-dir.c \
	common/runtime-dir.h \
	common/sandbox.c \
	common/sandbox-calls.c \
	common/sandbox-files.c \
	common/sandbox-parts.h \
	common/sandbox.h \
	common/stage.c \
	common/stage.h \
	common/state.c \
	common/state.h \
	common/strbuf.c \
	common/strbuf.h \
	common/unix-socket.c \
	common/unix-socket.h \
	common/wire.c \
	common/wire.h

COMMON_LIBS = libcommon.a libipc-proto.a \
	$(LIBEVENT_LIBS) $(PROTOBUF_C_LIBS) $(SYSTEMD_LIBS) $(SECCOMP_LIBS)

# The Kubernetes kinds and their schemas.
noinst_LIBRARIES += libk8s.a
libk8s_a_SOURCES = \
	common/access-log-format.c \
	common/access-log-format.h \
	common/configuration.c \
	common/configuration.h \
	common/configuration-check.c \
	common/configuration-check.h \
	common/go-duration.c \
	common/go-duration.h \
	common/object-kind.c \
	common/status-document.c \
	common/status-document.h
K8S_LIBS = libk8s.a libk8s-proto.a

# JSON, YAML and Kubernetes' protobuf to the messages of proto/k8s.
noinst_LIBRARIES += libdecode.a
libdecode_a_SOURCES = \
	common/configuration-file.c \
	common/configuration-file.h \
	common/decode-json.c \
	common/decode-message.c \
	common/decode-message.h \
	common/decode-node.c \
	common/decode-node.h \
	common/decode-rules.c \
	common/decode-rules.h \
	common/decode-scalar.c \
	common/decode-scalar.h \
	common/decode-schema.c \
	common/decode-schema.h \
	common/decode-yaml.c \
	common/decode.c \
	common/decode.h \
	common/spelling.c \
	common/spelling.h
libdecode_a_CFLAGS = $(AM_CFLAGS) $(JSON_C_CFLAGS) $(YAML_CFLAGS)
DECODE_LIBS = libdecode.a $(K8S_LIBS) $(JSON_C_LIBS) $(YAML_LIBS)

# Recordings: for what writes and reads them.
noinst_LIBRARIES += librecording.a
librecording_a_SOURCES = \
	common/recording.h \
	common/recording-block.c \
	common/recording-block.h \
	common/recording-moment.c \
	common/recording-moment.h \
	common/recording-reader.c \
	common/recording-writer.c
librecording_a_CFLAGS = $(AM_CFLAGS) $(ZSTD_CFLAGS)
RECORDING_LIBS = librecording.a
RECORDING_SYSTEM_LIBS = $(ZSTD_LIBS)
