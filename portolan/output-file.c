/* Files that the command writes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "portolan/output-file.h"

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

int output_file_copy(const char *from, const char *path, unsigned other_bits)
{
	_cleanup_strbuf_ struct strbuf content = STRBUF_INIT;
	_cleanup_close_ int fd = open(from, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, strbuf_room(&content, 65536), 65536)) > 0)
		content.len += (size_t)n;
	return n < 0 ? -errno : output_file_write(path, &content, other_bits);
}

int output_file_write(const char *path, const struct strbuf *content, unsigned other_bits)
{
	_cleanup_free_ char *aside = xasprintf("%s.XXXXXX", path);
	_cleanup_close_ int fd = mkostemp(aside, O_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = write_all(fd, strbuf_str(content), content->len);
	if (r == 0 && fchmod(fd, 0600 | other_bits) < 0)
		r = -errno;
	if (r == 0 && rename(aside, path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(aside);
	return r;
}
