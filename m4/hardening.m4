dnl The defences of compiler and linker, each used where it works. Sets HARDENING_CFLAGS, HARDENING_LDFLAGS and
dnl STATIC_LDFLAGS.

dnl PORTOLAN_HARDENING_FLAG(FLAG, VARIABLE): adds FLAG to VARIABLE if a program compiles and links with it.
AC_DEFUN([PORTOLAN_HARDENING_FLAG], [
	AC_MSG_CHECKING([whether $CC takes $1])
	save_CFLAGS="$CFLAGS"; save_LDFLAGS="$LDFLAGS"
	CFLAGS="$CFLAGS -Werror"
	$2="$$2 $1"
	CFLAGS="$CFLAGS $HARDENING_CFLAGS"; LDFLAGS="$LDFLAGS $HARDENING_LDFLAGS $STATIC_LDFLAGS"
	AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <stdio.h>
			#include <string.h>]],
			[[char text[16]; (void)snprintf(text, sizeof(text), "%p", (void *)text);
			return (int)strlen(text);]])],
		[AC_MSG_RESULT([yes])],
		[AC_MSG_RESULT([no]); $2="${$2% $1}"])
	CFLAGS="$save_CFLAGS"; LDFLAGS="$save_LDFLAGS"])

AC_DEFUN([PORTOLAN_HARDENING], [
	AC_ARG_ENABLE([hardening],
		[AS_HELP_STRING([--disable-hardening],
			[leave out the defences of compiler and linker])])
	HARDENING_CFLAGS=
	HARDENING_LDFLAGS=
	STATIC_LDFLAGS=
	AS_IF([test "x$enable_hardening" != xno], [
		PORTOLAN_HARDENING_FLAG([-fstack-protector-strong], [HARDENING_CFLAGS])
		PORTOLAN_HARDENING_FLAG([-fstack-clash-protection], [HARDENING_CFLAGS])
		PORTOLAN_HARDENING_FLAG([-Wformat -Werror=format-security], [HARDENING_CFLAGS])
		AS_CASE([$host_cpu],
			[x86_64|i?86], [PORTOLAN_HARDENING_FLAG([-fcf-protection], [HARDENING_CFLAGS])],
			[aarch64],
			[PORTOLAN_HARDENING_FLAG([-mbranch-protection=standard], [HARDENING_CFLAGS])])
		dnl Both at once: a position-independent program needs objects made for it.
		save_HARDENING_CFLAGS="$HARDENING_CFLAGS"
		HARDENING_CFLAGS="$HARDENING_CFLAGS -fPIE"
		PORTOLAN_HARDENING_FLAG([-pie], [HARDENING_LDFLAGS])
		AS_CASE([" $HARDENING_LDFLAGS "], [*" -pie "*], [],
			[HARDENING_CFLAGS="$save_HARDENING_CFLAGS"])
		m4_foreach_w([flag], [relro now noexecstack],
			[PORTOLAN_HARDENING_FLAG([-Wl,-z,flag], [HARDENING_LDFLAGS])
			])
		dnl _FORTIFY_SOURCE works in optimized code only, and hides from AddressSanitizer what it
		dnl looks for.
		AS_IF([test -z "$SANITIZE_FLAGS"], [
			PORTOLAN_HARDENING_FLAG([-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3], [HARDENING_CFLAGS])
			AS_CASE([$HARDENING_CFLAGS], [*FORTIFY*], [],
				[PORTOLAN_HARDENING_FLAG([-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2],
					[HARDENING_CFLAGS])])])])
	dnl For a program without shared libraries; -pie has no effect beside -static.
	AS_CASE([" $HARDENING_LDFLAGS "], [*" -pie "*],
		[PORTOLAN_HARDENING_FLAG([-static-pie], [STATIC_LDFLAGS])])
	AS_IF([test -z "$STATIC_LDFLAGS"], [STATIC_LDFLAGS=-static])
	dnl In config.h, so that everything is compiled again when the flags change.
	AC_DEFINE_UNQUOTED([HARDENING], ["$HARDENING_CFLAGS$HARDENING_LDFLAGS"],
		[The defences of compiler and linker that were found.])
	AC_SUBST([STATIC_LDFLAGS])
	AC_SUBST([HARDENING_CFLAGS])
	AC_SUBST([HARDENING_LDFLAGS])])
