/* The files of a sandbox: Landlock, see landlock(7). */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/sandbox/sandbox-parts.h"

/* <linux/landlock.h> of the oldest kernel that we build on has fewer; the numbers are the kernel's
 * ABI. */
#define FS_WRITE_FILE   (1ull << 1)
#define FS_READ_FILE    (1ull << 2)
#define FS_READ_DIR     (1ull << 3)
#define FS_REMOVE_FILE  (1ull << 5)
#define FS_MAKE_REG     (1ull << 8)
#define FS_MAKE_SOCK    (1ull << 9)
#define FS_REFER        (1ull << 13)
#define FS_TRUNCATE     (1ull << 14)
#define FS_ALL_V1       ((1ull << 13) - 1)
#define FS_READ         (FS_READ_FILE | FS_READ_DIR)
#define FS_OWN          (FS_WRITE_FILE | FS_READ | FS_REMOVE_FILE | FS_MAKE_REG | FS_TRUNCATE)
#define FS_SOCKETS      (FS_MAKE_SOCK | FS_REMOVE_FILE)
#define NET_BIND_TCP    (1ull << 0)
#define NET_CONNECT_TCP (1ull << 1)
#define SCOPE_ABSTRACT_SOCKETS (1ull << 0)
#define SCOPE_SIGNALS          (1ull << 1)
#define RULE_PATH_BENEATH      1
#define CREATE_VERSION         1u
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif

struct ruleset_attr {
	uint64_t fs, net, scoped;
};

struct path_attr {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

struct ruleset {
	int fd;
	uint64_t handled;
};

/* With a network the C library reads its files for looking up names, and with TLS OpenSSL its
 * settings. */
static const char *const network_files[] = {
	"/etc/gai.conf",
	"/etc/host.conf",
	"/etc/hosts",
	"/etc/ld.so.cache",
	"/etc/nsswitch.conf",
	"/etc/pki",
	"/etc/protocols",
	"/etc/services",
	"/etc/resolv.conf",
	"/etc/ssl",
	"/lib",
	"/lib64",
	"/usr/lib",
	"/usr/lib64",
	"/usr/local/lib",
	"/usr/local/share/ca-certificates",
	"/usr/share/ca-certificates",
	"/dev/null",
	"/dev/random",
	"/dev/urandom",
	"/sys/devices/system/cpu",
	"/proc/sys/net",
};

static int allow_path(const struct ruleset *rules, const char *path, uint64_t access)
{
	_cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
	struct path_attr attr = { .allowed = access & rules->handled, .parent = fd };
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		attr.allowed &= FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE;
	return syscall(SYS_landlock_add_rule, rules->fd, RULE_PATH_BENEATH, &attr, 0) < 0 ? -errno
											  : 0;
}

/* Paths that are absent or not ours cannot be read anyway. */
static int allow_reading(const struct ruleset *rules, const char *path)
{
	int r = allow_path(rules, path, FS_READ);

	return r == -ENOENT || r == -EACCES || r == -ENOTDIR || r == -ELOOP ? 0 : r;
}

static int allow_paths(const struct ruleset *rules, unsigned allow,
		       const struct sandbox_paths *paths)
{
	int r = allow_path(rules, paths->runtime_dir, FS_SOCKETS);

	/* Files with the costs of a process, for its metrics. */
	if (r >= 0)
		r = allow_reading(rules, "/proc/self");
	for (size_t i = 0; i < paths->sockets.n && r >= 0; i++) {
		r = allow_path(rules, paths->sockets.v[i], FS_SOCKETS);
		/* The listener reports a bad address itself. */
		if (r == -ENOENT || r == -EACCES || r == -ENOTDIR || r == -ELOOP)
			r = 0;
	}
	for (size_t i = 0; i < paths->own.n && r >= 0; i++)
		r = allow_path(rules, paths->own.v[i], FS_OWN);
	for (size_t i = 0; i < paths->read.n && r >= 0; i++)
		r = allow_reading(rules, paths->read.v[i]);
	for (size_t i = 0; allow & SANDBOX_NETWORK && i < ARRAY_SIZE(network_files) && r >= 0; i++)
		r = allow_reading(rules, network_files[i]);
	/* Plugins keep caches wherever they like. */
	if (r >= 0 && allow & SANDBOX_EXEC)
		r = allow_path(rules, "/", rules->handled);
	else if (r >= 0 && allow & SANDBOX_READ)
		r = allow_path(rules, "/", FS_READ);
	return r;
}

int sandbox_files(unsigned allow, const struct sandbox_paths *paths)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);
	struct ruleset_attr attr = { .fs = FS_ALL_V1 };
	_cleanup_close_ int fd = -1;
	size_t size = sizeof(attr.fs);
	int r;

	if (abi < 0)
		/* EPERM: a filter from outside, of a container, say. */
		return errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM ? -EOPNOTSUPP
										: -errno;
	if (abi >= 2)
		attr.fs |= FS_REFER;
	if (abi >= 3)
		attr.fs |= FS_TRUNCATE;
	if (abi >= 4) {
		attr.net = (allow & SANDBOX_NETWORK ? 0 : NET_BIND_TCP) |
			   (allow & SANDBOX_CONNECT ? 0 : NET_CONNECT_TCP);
		size = sizeof(attr.fs) + sizeof(attr.net);
	}
	if (abi >= 6) {
		attr.scoped = SCOPE_SIGNALS |
			      (allow & SANDBOX_CONNECT ? 0 : SCOPE_ABSTRACT_SOCKETS);
		size = sizeof(attr);
	}
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (fd < 0)
		return -errno;
	r = allow_paths(&(struct ruleset){ fd, attr.fs }, allow, paths);
	if (r < 0)
		return r;
	return syscall(SYS_landlock_restrict_self, fd, 0) < 0 ? -errno : 0;
}
