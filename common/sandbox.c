/* The sandbox of a stage. Each part is one the kernel may lack; what is there is used. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/sandbox.h"

/* ---- capabilities ---- */

static int drop_capabilities(unsigned allow)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };
	uint32_t keep = allow & SANDBOX_NETWORK ? 1u << CAP_NET_BIND_SERVICE : 0;

	/* EPERM: we may not, for we have none to give. */
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		if (!(cap < 32 && keep & 1u << cap) && prctl(PR_CAPBSET_DROP, cap) < 0 && errno != EPERM)
			return -errno;
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	/* capset(2) itself may be out of reach for one that has none. */
	if (!((data[0].permitted & ~keep) | data[0].inheritable | data[1].permitted | data[1].inheritable))
		return 0;
	data[0].effective &= keep;
	data[0].permitted &= keep;
	data[0].inheritable = 0;
	data[1] = (struct __user_cap_data_struct){ 0 };
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

/* ---- files ---- */

/* <linux/landlock.h> of the oldest kernel that we build on has fewer; the numbers are the kernel's ABI. */
#define FS_WRITE_FILE (1ull << 1)
#define FS_READ_FILE (1ull << 2)
#define FS_READ_DIR (1ull << 3)
#define FS_REMOVE_FILE (1ull << 5)
#define FS_MAKE_REG (1ull << 8)
#define FS_MAKE_SOCK (1ull << 9)
#define FS_REFER (1ull << 13)
#define FS_TRUNCATE (1ull << 14)
#define FS_ALL_V1 ((1ull << 13) - 1)
#define FS_OWN                                                                                     \
	(FS_WRITE_FILE | FS_READ_FILE | FS_READ_DIR | FS_REMOVE_FILE | FS_MAKE_REG | FS_MAKE_SOCK |  \
	 FS_TRUNCATE)
#define SCOPE_ABSTRACT_SOCKETS (1ull << 0)
#define SCOPE_SIGNALS (1ull << 1)
#define RULE_PATH_BENEATH 1
#define CREATE_VERSION 1u
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

struct ruleset_attr {
	uint64_t fs, net, scoped;
};

struct path_attr {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

static int allow_path(int ruleset, const char *path, uint64_t access)
{
	_cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
	struct path_attr attr = { .allowed = access, .parent = fd };

	if (fd < 0)
		return -errno;
	return syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &attr, 0) < 0 ? -errno : 0;
}

static int allow_paths(int ruleset, unsigned allow, const struct sandbox_paths *paths, uint64_t handled)
{
	int r = allow_path(ruleset, paths->runtime_dir, FS_OWN & handled);

	/* What a process costs, for its metrics. */
	if (r >= 0)
		r = allow_path(ruleset, "/proc/self", FS_READ_FILE | FS_READ_DIR);
	if (r == -ENOENT)
		r = 0;
	if (r >= 0 && paths->folder)
		r = allow_path(ruleset, paths->folder, FS_OWN & handled);
	/* Plugins keep caches wherever they like. */
	if (r >= 0 && allow & SANDBOX_EXEC)
		r = allow_path(ruleset, "/", handled);
	else if (r >= 0 && allow & SANDBOX_READ)
		r = allow_path(ruleset, "/", (FS_READ_FILE | FS_READ_DIR) & handled);
	return r;
}

/* 0, -EOPNOTSUPP where the kernel has none of it, -errno. */
static int restrict_files(unsigned allow, const struct sandbox_paths *paths)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);
	struct ruleset_attr attr = { .fs = FS_ALL_V1 };
	_cleanup_close_ int ruleset = -1;
	int r;

	if (abi < 0)
		/* EPERM: a filter from outside, of a container, say. */
		return errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM ? -EOPNOTSUPP : -errno;
	if (abi >= 2)
		attr.fs |= FS_REFER;
	if (abi >= 3)
		attr.fs |= FS_TRUNCATE;
	if (abi >= 6)
		attr.scoped = SCOPE_SIGNALS | (allow & SANDBOX_NETWORK ? 0 : SCOPE_ABSTRACT_SOCKETS);
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr,
			       abi >= 6 ? sizeof(attr) : sizeof(attr.fs), 0);
	if (ruleset < 0)
		return -errno;
	r = allow_paths(ruleset, allow, paths, attr.fs);
	if (r < 0)
		return r;
	return syscall(SYS_landlock_restrict_self, ruleset, 0) < 0 ? -errno : 0;
}

/* ---- system calls ---- */

/* Nothing that a stage does needs one of these. */
static const int never[] = {
	SCMP_SYS(acct), SCMP_SYS(add_key), SCMP_SYS(bpf), SCMP_SYS(chroot), SCMP_SYS(clock_adjtime),
	SCMP_SYS(clock_settime), SCMP_SYS(delete_module), SCMP_SYS(fanotify_init), SCMP_SYS(finit_module),
	SCMP_SYS(fsconfig), SCMP_SYS(fsmount), SCMP_SYS(fsopen), SCMP_SYS(fspick), SCMP_SYS(init_module),
	SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register), SCMP_SYS(io_uring_setup), SCMP_SYS(ioperm),
	SCMP_SYS(iopl), SCMP_SYS(kcmp), SCMP_SYS(kexec_file_load), SCMP_SYS(kexec_load), SCMP_SYS(keyctl),
	SCMP_SYS(mknod), SCMP_SYS(mknodat), SCMP_SYS(mount), SCMP_SYS(mount_setattr), SCMP_SYS(move_mount),
	SCMP_SYS(name_to_handle_at), SCMP_SYS(open_by_handle_at), SCMP_SYS(open_tree),
	SCMP_SYS(perf_event_open), SCMP_SYS(personality), SCMP_SYS(pidfd_getfd), SCMP_SYS(pivot_root),
	SCMP_SYS(process_madvise), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
	SCMP_SYS(ptrace), SCMP_SYS(quotactl), SCMP_SYS(reboot), SCMP_SYS(request_key), SCMP_SYS(setdomainname),
	SCMP_SYS(sethostname), SCMP_SYS(setns), SCMP_SYS(settimeofday), SCMP_SYS(swapoff), SCMP_SYS(swapon),
	SCMP_SYS(syslog), SCMP_SYS(umount2), SCMP_SYS(unshare), SCMP_SYS(userfaultfd), SCMP_SYS(vhangup),
};

static const int exec_calls[] = {
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(fork), SCMP_SYS(vfork),
};

#define DENIED SCMP_ACT_ERRNO(EPERM)

static int deny(scmp_filter_ctx filter, const int *calls, size_t n)
{
	int r = 0;

	/* -EDOM: this architecture has no such call. */
	for (size_t i = 0; i < n && r >= 0; i++) {
		r = seccomp_rule_add(filter, DENIED, calls[i], 0);
		if (r == -EDOM)
			r = 0;
	}
	return r;
}

/* Threads yes, processes no. clone3 passes its flags by a pointer that no filter can follow; the C
 * library falls back to clone. */
static int deny_processes(scmp_filter_ctx filter)
{
	int r = deny(filter, exec_calls, ARRAY_SIZE(exec_calls));

	if (r >= 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (r >= 0)
		r = seccomp_rule_add(filter, DENIED, SCMP_SYS(clone), 1,
				     SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
	return r;
}

/* All but Unix sockets; or, with a network, all that is neither that nor TCP, UDP and netlink (which
 * the C library asks for addresses). */
static int deny_sockets(scmp_filter_ctx filter, unsigned allow)
{
	static const unsigned families[] = { AF_INET, AF_INET6, AF_NETLINK };
	unsigned next = 0;
	int r = 0;

	if (!(allow & SANDBOX_NETWORK))
		return seccomp_rule_add(filter, DENIED, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_NE, AF_UNIX));
	for (unsigned family = 0; family < AF_MAX && r >= 0; family++) {
		bool known = family == AF_UNIX;

		for (size_t i = 0; i < ARRAY_SIZE(families); i++)
			known |= family == families[i];
		if (!known)
			r = seccomp_rule_add(filter, DENIED, SCMP_SYS(socket), 1,
					     SCMP_A0(SCMP_CMP_EQ, family));
		next = family + 1;
	}
	return r < 0 ? r : seccomp_rule_add(filter, DENIED, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_GE, next));
}

static void release(scmp_filter_ctx *filter)
{
	if (*filter)
		seccomp_release(*filter);
}

/* 0, -EOPNOTSUPP where the kernel has none of it, -errno. */
static int restrict_calls(unsigned allow)
{
	_cleanup_(release) scmp_filter_ctx filter = NULL;
	int r;

	if (prctl(PR_GET_SECCOMP) < 0 && errno == EINVAL)
		return -EOPNOTSUPP;
	filter = seccomp_init(SCMP_ACT_ALLOW);
	if (!filter)
		return -ENOMEM;
	/* Of other architectures' calls (32 bit ones on 64 bits) none is allowed. */
	r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, DENIED);
	if (r >= 0)
		r = deny(filter, never, ARRAY_SIZE(never));
	if (r >= 0 && !(allow & SANDBOX_EXEC))
		r = deny_processes(filter);
	if (r >= 0)
		r = deny_sockets(filter, allow);
	return r < 0 ? r : seccomp_load(filter);
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
	(void)restrict_files;
	(void)restrict_calls;
	missing = "seccomp and Landlock, for this is built with a sanitizer";
#else
	r = restrict_files(allow, paths);
	if (r == -EOPNOTSUPP)
		missing = "Landlock: files are as the user's permissions say";
	else if (r < 0)
		return r;
	r = restrict_calls(allow);
	if (r == -EOPNOTSUPP)
		missing = missing ? "seccomp and Landlock" : "seccomp: all system calls are possible";
	else if (r < 0)
		return r;
#endif
	*ret_missing = missing;
	return 0;
}
