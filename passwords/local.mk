# passwords/: one process. Its parts are in a library, for the tests.
noinst_LIBRARIES += libpasswords.a
libpasswords_a_SOURCES = \
	passwords/checks.c \
	passwords/checks.h \
	passwords/credentials.c \
	passwords/credentials.h \
	passwords/passwords.c \
	passwords/passwords.h \
	passwords/verified.c \
	passwords/verified.h \
	passwords/verify.c \
	passwords/verify.h
libpasswords_a_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS) $(CRYPT_CFLAGS)

PASSWORDS_LIBS = libpasswords.a $(COMMON_LIBS) $(CRYPTO_LIBS) $(CRYPT_LIBS)

pkglibexec_PROGRAMS += portolan-passwords
portolan_passwords_SOURCES = passwords/main.c
portolan_passwords_LDADD = $(PASSWORDS_LIBS)
