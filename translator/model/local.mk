# What objects want, apart from Envoy's messages.
libtranslator_a_SOURCES += \
	translator/model/access.h \
	translator/model/cluster.h \
	translator/model/cookie.h \
	translator/model/filters.h \
	translator/model/front-end.c \
	translator/model/front-end.h \
	translator/model/header-edits.c \
	translator/model/header-edits.h \
	translator/model/host-name.c \
	translator/model/host-name.h \
	translator/model/host.h \
	translator/model/jwt.h \
	translator/model/listener.h \
	translator/model/match.c \
	translator/model/match.h \
	translator/model/message.h \
	translator/model/path.c \
	translator/model/path.h \
	translator/model/precedence.c \
	translator/model/precedence.h \
	translator/model/proxy-headers.c \
	translator/model/proxy-headers.h \
	translator/model/route.c \
	translator/model/route.h \
	translator/model/settings.c \
	translator/model/settings.h \
	translator/model/tls.h
