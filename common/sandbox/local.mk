# What a stage can still do once it runs.
libcommon_a_SOURCES += \
	common/sandbox/refused-calls.c \
	common/sandbox/refused-calls.h \
	common/sandbox/sandbox-addresses.c \
	common/sandbox/sandbox-calls.c \
	common/sandbox/sandbox-files.c \
	common/sandbox/sandbox-parts.h \
	common/sandbox/sandbox.c \
	common/sandbox/sandbox.h
