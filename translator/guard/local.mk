# Quarantine, kept Secrets, poison.
libtranslator_a_SOURCES += \
	translator/guard/poison.c \
	translator/guard/poison.h \
	translator/guard/programmed.c \
	translator/guard/programmed.h \
	translator/guard/propagation.c \
	translator/guard/propagation.h \
	translator/guard/quarantine-dispute.c \
	translator/guard/quarantine-hold.c \
	translator/guard/quarantine-newcomer.c \
	translator/guard/quarantine-note.c \
	translator/guard/quarantine-note.h \
	translator/guard/quarantine-subject.c \
	translator/guard/quarantine-subject.h \
	translator/guard/quarantine.c \
	translator/guard/quarantine.h \
	translator/guard/route-patience.c \
	translator/guard/route-patience.h \
	translator/guard/secret-keeper.c \
	translator/guard/secret-keeper.h
