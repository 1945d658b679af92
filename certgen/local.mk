# certgen/: makes and renews the certificates with which xds-server and Envoys know each other.
pkglibexec_PROGRAMS += portolan-certgen
portolan_certgen_SOURCES = \
	common/certificate/certificate.c \
	common/certificate/certificate.h \
	certgen/file-store.c \
	certgen/file-store.h \
	certgen/kube-store.c \
	certgen/kube-store.h \
	certgen/main.c \
	certgen/renewal.c \
	certgen/renewal.h \
	certgen/secret.h
portolan_certgen_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(JSON_C_CFLAGS) $(CRYPTO_CFLAGS)
portolan_certgen_LDADD = $(COMMON_LIBS) $(CURL_LIBS) $(JSON_C_LIBS) $(CRYPTO_LIBS)
