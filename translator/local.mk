# translator/: one process

# Messages as JSON and YAML: for the translator and for what prints resources offline.
noinst_LIBRARIES += libprint.a
libprint_a_SOURCES = \
	translator/print.c \
	translator/print.h \
	translator/print-types.c
PRINT_LIBS = libprint.a libenvoy-proto.a
