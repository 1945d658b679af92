/* Ownership made visible: a variable marked _cleanup_ gives back what it owns at the end of its
 * scope; TAKE_PTR hands it over. */
#pragma once

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f)   __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _unused_       __attribute__((unused))

#define TAKE_GENERIC(var, type, empty) \
	({                             \
		type *_pvar = &(var);  \
		type _taken = *_pvar;  \
		*_pvar = (empty);      \
		_taken;                \
	})
#define TAKE_PTR(p) TAKE_GENERIC(p, __typeof__(p), NULL)
#define TAKE_FD(fd) TAKE_GENERIC(fd, int, -1)

/* Defines NAMEp(), for _cleanup_, from a destructor that takes TYPE and accepts NULL. */
#define DEFINE_CLEANUP(type, name)                   \
	_unused_ static inline void name##p(type *p) \
	{                                            \
		if (*p)                              \
			name(*p);                    \
	}

static inline void freep(void *p)
{
	free(*(void **)p);
}

static inline void closep(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

#define _cleanup_free_  _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)

#define ARRAY_SIZE(a)                   (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
#define MIN(a, b)                       \
	({                              \
		__typeof__(a) _a = (a); \
		__typeof__(b) _b = (b); \
		_a < _b ? _a : _b;      \
	})
#define MAX(a, b)                       \
	({                              \
		__typeof__(a) _a = (a); \
		__typeof__(b) _b = (b); \
		_a > _b ? _a : _b;      \
	})
