# Messages and what was sent, in words.
libtranslator_a_SOURCES += \
	translator/print/changes.c \
	translator/print/changes.h \
	translator/print/composed.c \
	translator/print/composed.h
