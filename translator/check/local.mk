# What Envoy would refuse: certificates, key sets, regexes.
libtranslator_a_SOURCES += \
	translator/check/certificate.c \
	translator/check/certificate.h \
	translator/check/der.c \
	translator/check/der.h \
	translator/check/destination.c \
	translator/check/destination.h \
	translator/check/htpasswd.c \
	translator/check/htpasswd.h \
	translator/check/jwks.c \
	translator/check/jwks.h \
	translator/check/pem.c \
	translator/check/pem.h \
	translator/check/regex.cc \
	translator/check/regex.h
