# recorder/: one process. Its parts are in a library, for the tests.
noinst_LIBRARIES += librecorder.a
librecorder_a_SOURCES = \
	recorder/recorder.c \
	recorder/recorder.h
librecorder_a_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)

RECORDER_LIBS = librecorder.a $(REDACT_LIBS) $(RECORDING_LIBS) $(K8S_LIBS) $(COMMON_LIBS) $(CRYPTO_LIBS) $(RECORDING_SYSTEM_LIBS)

pkglibexec_PROGRAMS += portolan-recorder
portolan_recorder_SOURCES = recorder/main.c
portolan_recorder_LDADD = $(RECORDER_LIBS)
