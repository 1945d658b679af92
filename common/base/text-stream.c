/* Standard output and standard error as text. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "common/base/text-stream.h"
#include "common/base/text.h"

#define BUFFER_SIZE   (64u * 1024)
#define CHARACTER_MAX 4

struct text_stream {
	int fd;
	/* The start of a character that the next write completes. */
	char rest[CHARACTER_MAX];
	size_t n_rest;
};

static struct text_stream out = { .fd = STDOUT_FILENO }, err = { .fd = STDERR_FILENO };
static bool colours;

static int write_all(int fd, const char *s, size_t n)
{
	while (n) {
		ssize_t done = write(fd, s, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		s += done;
		n -= (size_t)done;
	}
	return 0;
}

/* Length of a sequence that sets a colour, or 0. */
static size_t colour(const char *s, size_t n)
{
	size_t i = 2;

	if (!colours || n < 3 || s[0] != '\033' || s[1] != '[')
		return 0;
	while (i < n && (s[i] == ';' || (s[i] >= '0' && s[i] <= '9')))
		i++;
	return i < n && s[i] == 'm' ? i + 1 : 0;
}

/* How many bytes at the end are the beginning of a character. */
static size_t unfinished(const char *s, size_t n)
{
	for (size_t k = 1; k < CHARACTER_MAX && k <= n; k++) {
		unsigned char c = (unsigned char)s[n - k];

		if (c < 0x80)
			return 0;
		if (c >= 0xc0)
			return k < (c >= 0xf0 ? 4u : c >= 0xe0 ? 3u : 2u) ? k : 0;
	}
	return 0;
}

static void put(struct strbuf *b, const char *s, size_t n)
{
	size_t i = 0;

	while (i < n) {
		size_t end = i, length = 0;

		while (end < n && !(length = colour(s + end, n - end)))
			end++;
		strbuf_lines(b, s + i, end - i);
		strbuf_add(b, s + end, length);
		i = end + length;
	}
}

static ssize_t text_write(void *ctx, const char *data, size_t n)
{
	_cleanup_strbuf_ struct strbuf all = STRBUF_INIT, b = STRBUF_INIT;
	struct text_stream *t = ctx;
	size_t left;
	int r;

	strbuf_add(&all, t->rest, t->n_rest);
	strbuf_add(&all, data, n);
	left = unfinished(all.s, all.len);
	put(&b, all.s, all.len - left);
	memcpy(t->rest, all.s + all.len - left, left);
	t->n_rest = left;
	r = write_all(t->fd, strbuf_str(&b), b.len);
	if (r < 0) {
		errno = -r;
		return 0;
	}
	return (ssize_t)n;
}

static FILE *replace(struct text_stream *t, int mode)
{
	FILE *f = fopencookie(t, "w", (cookie_io_functions_t){ .write = text_write });

	if (f)
		(void)setvbuf(f, NULL, mode, mode == _IONBF ? 0 : BUFFER_SIZE);
	return f;
}

void text_streams_init(void)
{
	FILE *f = replace(&out, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF);

	if (f)
		stdout = f;
	f = replace(&err, _IONBF);
	if (f)
		stderr = f;
}

void text_streams_allow_colours(bool allow)
{
	colours = allow;
}
