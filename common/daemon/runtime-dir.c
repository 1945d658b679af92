/* Where sockets and state files of one Portolan are. Used by every stage, the supervisor and the
 * portolan command. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/daemon/runtime-dir.h"

/* The longest name of a socket in the directory: control.c binds this one, then renames it. */
#define LONGEST_NAME "/xds-server.control.new"

static bool is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* sd_notify(3) wants absolute names, and a stage may be started from elsewhere. */
static char *absolute(const char *path)
{
	_cleanup_free_ char *here = NULL;

	if (path[0] == '/')
		return xstrdup(path);
	here = getcwd(NULL, 0);
	return here ? xasprintf("%s/%s", here, path) : xstrdup(path);
}

/* The directory of this user in one that all may write to. */
static char *own_folder(const char *dir)
{
	return xasprintf("%s/portolan-%u", dir, (unsigned)geteuid());
}

/* Sticky and open to all, as /tmp is, and as the kubelet makes a volume in memory (emptyDir with
 * medium Memory): other users cannot rename our files in it. */
static bool is_open_to_all(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
	       (st.st_uid == 0 || st.st_uid == geteuid()) && (st.st_mode & S_ISVTX) &&
	       (st.st_mode & S_IWOTH);
}

static char *choose_any(const char *option)
{
	const char *env;

	if (option)
		return absolute(option);
	env = getenv("RUNTIME_DIRECTORY");
	if (env && *env)
		return xstrndup(env, strcspn(env, ":")); /* systemd.exec(5): a list by colons */
	env = getenv("XDG_RUNTIME_DIR");
	if (env && *env && is_dir(env))
		return xasprintf("%s/portolan", env);
	return xstrdup("/tmp");
}

/* *ret_shared: in a directory where other users may have put something in our way. */
static char *choose(const char *option, bool *ret_shared)
{
	_cleanup_free_ char *dir = choose_any(option);

	*ret_shared = dir && is_open_to_all(dir);
	return *ret_shared ? own_folder(dir) : TAKE_PTR(dir);
}

/* /tmp is sticky: a directory there that is ours and closed to others stays ours. A link is
 * refused, it could lead anywhere. */
static int check(const char *path, bool shared)
{
	struct stat st;

	if (strlen(path) + strlen(LONGEST_NAME) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return -ENAMETOOLONG;
	if ((shared ? lstat : stat)(path, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (shared)
		return st.st_uid == geteuid() && !(st.st_mode & 077) ? 0 : -EPERM;
	if ((st.st_uid != geteuid() && geteuid() != 0) || (st.st_mode & 022))
		return -EPERM;
	return 0;
}

int runtime_dir_find(const char *option, char **path)
{
	bool shared;

	*path = choose(option, &shared);
	return check(*path, shared);
}

int runtime_dir_open(const char *option, char **path)
{
	bool shared;

	*path = choose(option, &shared);
	if (mkdir(*path, 0700) < 0 && errno != EEXIST)
		return -errno;
	return check(*path, shared);
}

const char *runtime_dir_explain(int r)
{
	switch (r) {
	case -EPERM:
		return "it must belong to this user, and nobody else may write to it (a pod's "
		       "emptyDir: medium Memory, or a folder inside it)";
	case -ENAMETOOLONG:
		return "the names of Unix sockets in it would exceed 107 bytes: choose a shorter "
		       "path "
		       "with --runtime-dir";
	default:
		return "--runtime-dir chooses another";
	}
}

static int holder(int fd)
{
	char text[16] = "";

	return pread(fd, text, sizeof(text) - 1, 0) > 0 ? atoi(text) : 0;
}

int runtime_dir_lock(const char *dir, const char *name, int *ret_holder)
{
	_cleanup_free_ char *path = xasprintf("%s/%s.lock", dir, name);
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	char text[16];
	int n;

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return -errno;
		*ret_holder = holder(fd);
		return -EBUSY;
	}
	n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	/* The file is only for people, so a full disk is no reason to stop. */
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) != n)
		return errno == ENOSPC || errno == EDQUOT ? TAKE_FD(fd) : -errno;
	return TAKE_FD(fd);
}
