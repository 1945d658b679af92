/* Secrets in files. Used by portolan-certgen. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "certgen/file-store.h"
#include "common/base/alloc.h"
#include "common/base/log.h"

#define FILE_MAX (256 * 1024)

static const char *const folders[SECRET_ROLES] = {
	[SECRET_CA] = "ca",
	[SECRET_SERVER] = "xds-server",
	[SECRET_CLIENT] = "envoy",
};

/* A missing file: 0 and NULL. */
static int read_file(const char *dir, const char *folder, const char *name, char **ret)
{
	_cleanup_free_ char *path = xasprintf("%s/%s/%s", dir, folder, name);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	ssize_t n;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return log_error_errno(-errno, "cannot read %s: %m", path);
	text = xmalloc(FILE_MAX + 1);
	while ((n = read(fd, text + len, FILE_MAX - len)) > 0)
		len += (size_t)n;
	if (n < 0 || len == FILE_MAX)
		return log_error_errno(n < 0 ? -errno : -EFBIG, "cannot read %s: %m", path);
	text[len] = '\0';
	*ret = TAKE_PTR(text);
	return 0;
}

static int store_read(void *ctx, enum secret_role role, struct secret *ret)
{
	int r = read_file(ctx, folders[role], "tls.crt", &ret->cert);

	if (r == 0)
		r = read_file(ctx, folders[role], "tls.key", &ret->key);
	return r == 0 ? read_file(ctx, folders[role], "ca.crt", &ret->ca) : r;
}

static int make_folder(const char *path)
{
	return mkdir(path, 0755) < 0 && errno != EEXIST
		       ? log_error_errno(-errno, "cannot make the folder %s: %m", path)
		       : 0;
}

/* Writes aside and renames: a reader sees either the old file or the new one. */
static int write_file(const char *dir, const char *folder, const char *name, const char *text,
		      mode_t mode)
{
	_cleanup_free_ char *path = xasprintf("%s/%s/%s", dir, folder, name);
	_cleanup_free_ char *aside = xasprintf("%s.new", path);
	_cleanup_close_ int fd = -1;
	size_t len = text ? strlen(text) : 0;

	if (!text)
		return 0;
	(void)unlink(aside);
	fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return log_error_errno(-errno, "cannot write %s: %m", aside);
	if (write(fd, text, len) != (ssize_t)len || fsync(fd) < 0 || rename(aside, path) < 0) {
		int r = errno ? -errno : -ENOSPC;

		(void)unlink(aside);
		return log_error_errno(r, "cannot write %s: %m", path);
	}
	return 0;
}

static int store_write(void *ctx, enum secret_role role, const struct secret *s)
{
	_cleanup_free_ char *folder = xasprintf("%s/%s", (char *)ctx, folders[role]);
	int r = make_folder(ctx);

	if (r == 0)
		r = make_folder(folder);
	if (r == 0)
		r = write_file(ctx, folders[role], "ca.crt", s->ca, 0644);
	if (r == 0)
		r = write_file(ctx, folders[role], "tls.key", s->key, 0600);
	return r == 0 ? write_file(ctx, folders[role], "tls.crt", s->cert, 0644) : r;
}

struct secret_store file_store(const char *dir)
{
	return (struct secret_store){ store_read, store_write, (void *)dir };
}
