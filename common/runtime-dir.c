/* Where sockets and state files of one Portolan are. Used by every stage, the supervisor and the
 * portolan command. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/alloc.h"
#include "common/cleanup.h"
#include "common/runtime-dir.h"

static char *choose(const char *option)
{
	const char *env;

	if (option)
		return xstrdup(option);
	env = getenv("RUNTIME_DIRECTORY");
	if (env && *env)
		return xstrndup(env, strcspn(env, ":")); /* systemd.exec(5): a list by colons */
	env = getenv("XDG_RUNTIME_DIR");
	if (env && *env)
		return xasprintf("%s/portolan", env);
	return NULL;
}

int runtime_dir_open(const char *option, char **ret)
{
	_cleanup_free_ char *path = choose(option);
	struct stat st;

	if (!path) {
		path = xstrdup("/tmp/portolan-XXXXXX");
		if (!mkdtemp(path))
			return -errno;
	} else if (mkdir(path, 0700) < 0 && errno != EEXIST) {
		return -errno;
	}
	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if ((st.st_uid != geteuid() && geteuid() != 0) || (st.st_mode & 022))
		return -EPERM;
	*ret = TAKE_PTR(path);
	return 0;
}
