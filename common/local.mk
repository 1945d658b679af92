# What the processes share, in layers: base; sandbox; link; daemon on top of these, and decode,
# configuration and recording beside them. libcommon.a needs libevent, protobuf-c and libsystemd only.

noinst_LIBRARIES += libcommon.a
libcommon_a_SOURCES =
include common/base/local.mk
include common/sandbox/local.mk
include common/link/local.mk
include common/daemon/local.mk

COMMON_LIBS = libcommon.a libipc-proto.a \
	$(LIBEVENT_LIBS) $(PROTOBUF_C_LIBS) $(SYSTEMD_LIBS) $(SECCOMP_LIBS)

# The Kubernetes kinds and their schemas.
noinst_LIBRARIES += libk8s.a
libk8s_a_SOURCES = \
	common/configuration/access-log-format.c \
	common/configuration/access-log-format.h \
	common/configuration/configuration.c \
	common/configuration/configuration.h \
	common/configuration/configuration-check.c \
	common/configuration/configuration-check.h \
	common/base/go-duration.c \
	common/base/go-duration.h \
	common/base/http-header.c \
	common/base/http-header.h \
	common/base/spelling.c \
	common/base/spelling.h \
	common/decode/gateway-class.c \
	common/decode/gateway-class.h \
	common/decode/object-kind.c \
	common/decode/status-document.c \
	common/decode/status-document.h
K8S_LIBS = libk8s.a libk8s-proto.a

# JSON, YAML and Kubernetes' protobuf to the messages of proto/k8s.
noinst_LIBRARIES += libdecode.a
libdecode_a_SOURCES = \
	common/configuration/configuration-example.c \
	common/configuration/configuration-example.h \
	common/configuration/configuration-file.c \
	common/configuration/configuration-file.h \
	common/decode/builtin-rules.c \
	common/decode/builtin-rules.h \
	common/decode/decode-complete.c \
	common/decode/decode-complete.h \
	common/decode/decode-json.c \
	common/decode/decode-message.c \
	common/decode/decode-message.h \
	common/decode/decode-node.c \
	common/decode/decode-node.h \
	common/decode/decode-plain.c \
	common/decode/decode-plain.h \
	common/decode/decode-problem.c \
	common/decode/decode-problem.h \
	common/decode/decode-rules.c \
	common/decode/decode-rules.h \
	common/decode/decode-scalar.c \
	common/decode/decode-scalar.h \
	common/decode/decode-schema.c \
	common/decode/decode-schema.h \
	common/decode/decode-yaml.c \
	common/decode/decode.c \
	common/decode/decode.h \
	common/decode/field-rules.h \
	common/decode/gateway-rules.c \
	common/decode/gateway-rules.h
nodist_libdecode_a_SOURCES = common/decode/field-rules.c
libdecode_a_CFLAGS = $(AM_CFLAGS) $(JSON_C_CFLAGS) $(YAML_CFLAGS)

# The markers in the schemas, as a table. gateway.proto has the patterns of the others.
field_rule_protos = \
	$(top_srcdir)/proto/k8s/meta.proto \
	$(top_srcdir)/proto/k8s/discovery.proto \
	$(top_srcdir)/proto/k8s/networking.proto \
	$(top_srcdir)/proto/k8s/gateway.proto \
	$(top_srcdir)/proto/k8s/core.proto \
	$(top_srcdir)/proto/k8s/gateway-route.proto \
	$(top_srcdir)/proto/k8s/gateway-experimental.proto
common/decode/field-rules.c: $(top_srcdir)/scripts/field-rules $(field_rule_protos)
	@$(MKDIR_P) $(@D)
	$(AM_V_GEN)$(AWK) -f $(top_srcdir)/scripts/field-rules $(field_rule_protos) > $@.new && mv $@.new $@
CLEANFILES += common/decode/field-rules.c

DECODE_LIBS = libdecode.a $(K8S_LIBS) $(JSON_C_LIBS) $(YAML_LIBS)

# Recordings: for what writes and reads them.
noinst_LIBRARIES += librecording.a
librecording_a_SOURCES = \
	common/recording/recording.h \
	common/recording/recording-block.c \
	common/recording/recording-block.h \
	common/recording/recording-moment.c \
	common/recording/recording-moment.h \
	common/recording/recording-reader.c \
	common/recording/recording-writer.c
librecording_a_CFLAGS = $(AM_CFLAGS) $(ZSTD_CFLAGS)
RECORDING_LIBS = librecording.a
RECORDING_SYSTEM_LIBS = $(ZSTD_LIBS)

# Answers of stages: read, printed again, drawn. For the portolan command and admin.
noinst_LIBRARIES += libanswer.a
libanswer_a_SOURCES = \
	common/answer/json-print.c \
	common/answer/json-print.h \
	common/answer/picture.c \
	common/answer/picture.h \
	common/answer/refusal.c \
	common/answer/refusal.h
libanswer_a_CFLAGS = $(AM_CFLAGS) $(JSON_C_CFLAGS)
ANSWER_LIBS = libanswer.a

# Secrets without what is secret in them. For what writes objects that may be given away.
noinst_LIBRARIES += libredact.a
libredact_a_SOURCES = \
	common/redact/fake-key.c \
	common/redact/fake-key.h \
	common/redact/redact.c \
	common/redact/redact.h
libredact_a_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
REDACT_LIBS = libredact.a
