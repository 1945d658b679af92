/* Allocation that does not fail. Used by every process. */
#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/notify-send.h"

void alloc_failed(void)
{
	static const char text[] = "portolan: out of memory\n";

	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	/* Tells the supervisor why we end (sd_notify(3)). Allocates nothing. */
	(void)notify_send("ERRNO=12\nSTATUS=out of memory");
	abort();
}

#define LARGE    (128 * 1024)
#define TOP_PAD  (1024 * 1024)
#define TRIM_MIN (4 * 1024 * 1024)

void alloc_init(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, LARGE);
	/* The heap's end moves in larger steps: a start of a large world asks less often. */
	(void)mallopt(M_TOP_PAD, TOP_PAD);
	(void)mallopt(M_TRIM_THRESHOLD, TRIM_MIN);
}

void *xmalloc(size_t size)
{
	void *p = malloc(size ? size : 1);

	if (!p)
		alloc_failed();
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		alloc_failed();
	return p;
}

static void *resize(void *p, size_t size)
{
	p = realloc(p, size ? size : 1);
	if (!p)
		alloc_failed();
	return p;
}

void *xreallocarray(void *p, size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total))
		alloc_failed();
	return resize(p, total);
}

void free_wiped(void *p, size_t n)
{
	if (p)
		explicit_bzero(p, n);
	free(p);
}

void *realloc_wiped(void *p, size_t had, size_t size)
{
	void *moved = xmalloc(size);

	if (had)
		memcpy(moved, p, had);
	free_wiped(p, had);
	return moved;
}

char *xstrndup(const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *p = xmalloc(len + 1);

	memcpy(p, s, len);
	p[len] = '\0';
	return p;
}

char *xstrdup(const char *s)
{
	return xmemdup(s, strlen(s) + 1);
}

void *xmemdup(const void *p, size_t n)
{
	void *copy = xmalloc(n);

	if (n)
		memcpy(copy, p, n);
	return copy;
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		alloc_failed();
	return s;
}
