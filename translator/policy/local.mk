# What the configuration and HTTPProxies both can say.
libtranslator_a_SOURCES += \
	translator/policy/services.c \
	translator/policy/services.h \
	translator/policy/authorization.c \
	translator/policy/authorization.h \
	translator/policy/header-match.c \
	translator/policy/header-match.h \
	translator/policy/headers.c \
	translator/policy/headers.h \
	translator/policy/rate-limit.c \
	translator/policy/rate-limit.h \
	translator/policy/unit-configuration.c
