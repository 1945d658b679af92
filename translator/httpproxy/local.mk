# Front end: HTTPProxy.
libtranslator_a_SOURCES += \
	translator/httpproxy/proxy-advice.c \
	translator/httpproxy/proxy-authorization.c \
	translator/httpproxy/proxy-authorization.h \
	translator/httpproxy/proxy-client.c \
	translator/httpproxy/proxy-condition.c \
	translator/httpproxy/proxy-condition.h \
	translator/httpproxy/proxy-cookie.c \
	translator/httpproxy/proxy-cookie.h \
	translator/httpproxy/proxy-fallback.c \
	translator/httpproxy/proxy-filter.c \
	translator/httpproxy/proxy-filter.h \
	translator/httpproxy/proxy-jwt.c \
	translator/httpproxy/proxy-rate-limit.c \
	translator/httpproxy/proxy-rewrite.c \
	translator/httpproxy/proxy-route.c \
	translator/httpproxy/proxy-tcp.c \
	translator/httpproxy/proxy-upstream.c \
	translator/httpproxy/proxy.h \
	translator/httpproxy/proxy-written.c \
	translator/httpproxy/proxy-written.h \
	translator/httpproxy/unit-claim.c \
	translator/httpproxy/unit-proxy.c
