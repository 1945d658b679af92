# Front end: Ingress.
libtranslator_a_SOURCES += \
	translator/ingress/ingress-options.c \
	translator/ingress/ingress-options.h \
	translator/ingress/ingress-path.c \
	translator/ingress/ingress-path.h \
	translator/ingress/ingress-written.c \
	translator/ingress/ingress-written.h \
	translator/ingress/unit-ingress-claim.c \
	translator/ingress/unit-ingress.c
