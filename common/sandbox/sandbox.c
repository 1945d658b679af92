/* The sandbox of a stage. The kernel may lack any of its parts; the others are used. */
#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/sandbox/sandbox-parts.h"

/* ---- lists ---- */

void sandbox_list_add(struct sandbox_list *l, const char *path)
{
	if (path && *path && l->n < SANDBOX_PATHS_MAX)
		l->v[l->n++] = xstrdup(path);
}

static void add_folder(struct sandbox_list *l, const char *path)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *folder = slash ? xstrndup(path, (size_t)(slash - path) + 1)
					    : xstrdup(".");

	sandbox_list_add(l, folder);
}

void sandbox_list_add_folder_of(struct sandbox_list *l, const char *path)
{
	_cleanup_free_ char *real = path ? realpath(path, NULL) : NULL;

	if (!path)
		return;
	add_folder(l, path);
	if (real && strcmp(real, path) != 0)
		add_folder(l, real);
}

static void list_done(struct sandbox_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	l->n = 0;
}

void sandbox_paths_done(struct sandbox_paths *p)
{
	list_done(&p->sockets);
	list_done(&p->own);
	list_done(&p->read);
	list_done(&p->connect);
}

/* ---- capabilities ---- */

static int drop_capabilities(unsigned allow)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };
	uint32_t keep = allow & SANDBOX_NETWORK ? 1u << CAP_NET_BIND_SERVICE : 0;

	/* EPERM: we have no right to, and so no capability to drop. */
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		if (!(cap < 32 && keep & 1u << cap) && prctl(PR_CAPBSET_DROP, cap) < 0 &&
		    errno != EPERM)
			return -errno;
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	/* A process without capabilities may be unable to call capset(2). */
	if (!((data[0].permitted & ~keep) | data[0].inheritable | data[1].permitted |
	      data[1].inheritable))
		return 0;
	data[0].effective &= keep;
	data[0].permitted &= keep;
	data[0].inheritable = 0;
	data[1] = (struct __user_cap_data_struct){ 0 };
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int sandbox_enter(unsigned allow, const struct sandbox_paths *paths, const char **ret_missing)
{
	const char *missing = NULL;
	int r;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	r = drop_capabilities(allow);
	if (r < 0)
		return r;
#ifdef SANITIZED
	(void)paths;
	missing = "seccomp and Landlock, for this is built with a sanitizer";
#else
	r = sandbox_files(allow, paths);
	if (r == -EOPNOTSUPP)
		missing = "Landlock: files are as the user's permissions say";
	else if (r < 0)
		return r;
	r = allow & SANDBOX_CONNECT ? 0 : sandbox_seal_addresses(&paths->connect);
	if (r >= 0)
		r = sandbox_calls(allow);
	if (r == -EOPNOTSUPP)
		missing = missing ? "seccomp and Landlock"
				  : "seccomp: all system calls are possible";
	else if (r < 0)
		return r;
#endif
	*ret_missing = missing;
	return 0;
}
