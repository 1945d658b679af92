/* Unix stream sockets in the runtime directory: links and control sockets. Used by every stage. */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/link/unix-socket.h"
#include "common/sandbox/sandbox.h"

static int open_socket(const char *path, const char *suffix, struct sockaddr_un *ret)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;

	if ((size_t)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s%s", path, suffix) >=
	    sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	*ret = addr;
	return fd;
}

/* Bound under another name and renamed. */
int unix_socket_listen(const char *path)
{
	_cleanup_close_ int fd = -1;
	struct sockaddr_un addr;
	int r;

	fd = open_socket(path, ".new", &addr);
	if (fd < 0)
		return fd;
	(void)unlink(addr.sun_path);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	if (chmod(addr.sun_path, 0600) < 0 || listen(fd, 64) < 0 ||
	    rename(addr.sun_path, path) < 0) {
		r = -errno;
		(void)unlink(addr.sun_path);
		return r;
	}
	return TAKE_FD(fd);
}

int unix_socket_connect(const char *path)
{
	_cleanup_close_ int fd = -1;
	struct sockaddr_un addr;

	fd = open_socket(path, "", &addr);
	if (fd < 0)
		return fd;
	if (connect(fd, (const struct sockaddr *)sandbox_address(&addr), sizeof(addr)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int unix_socket_check_peer(int fd, uid_t *ret_uid)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	*ret_uid = cred.uid;
	return cred.uid == 0 || cred.uid == geteuid() ? 0 : -EPERM;
}
