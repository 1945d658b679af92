/* The system calls of a sandbox: seccomp(2) by libseccomp. Calls on no list are refused and
 * counted (common/sandbox/refused-calls.h), since another C library or kernel may need calls
 * that we have not seen. Calls that no program of ours can ever need end the process. */
#include <asm/termbits.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/sandbox/refused-calls.h"
#include "common/sandbox/sandbox-parts.h"

#define CALLS(...) \
	((const int[]){ __VA_ARGS__ }), sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int)
#define C(name) SCMP_SYS(name)
#define REFUSED SCMP_ACT_ERRNO(EPERM)

/* Calls that look into other processes, change the machine, or open parts of the kernel that no
 * stage needs. */
static const int never[] = {
	C(acct),
	C(bpf),
	C(chroot),
	C(clock_adjtime),
	C(clock_settime),
	C(delete_module),
	C(fanotify_init),
	C(finit_module),
	C(fsconfig),
	C(fsmount),
	C(fsopen),
	C(fspick),
	C(init_module),
	C(ioperm),
	C(iopl),
	C(kexec_file_load),
	C(kexec_load),
	C(mount),
	C(mount_setattr),
	C(move_mount),
	C(open_by_handle_at),
	C(open_tree),
	C(perf_event_open),
	C(pidfd_getfd),
	C(pivot_root),
	C(process_madvise),
	C(process_vm_readv),
	C(process_vm_writev),
	C(ptrace),
	C(quotactl),
	C(reboot),
	C(setdomainname),
	C(sethostname),
	C(settimeofday),
	C(swapoff),
	C(swapon),
	C(syslog),
	C(umount2),
	C(userfaultfd),
	C(vhangup),
};

/* Calls on open files, or on those that Landlock allows; memory; time; its own threads and signals.
 * Older and newer forms of a call are both listed: the C library chooses. */
static const int base[] = {
	C(access),
	C(arch_prctl),
	C(brk),
	C(capget),
	C(chmod),
	C(clock_getres),
	C(clock_getres_time64),
	C(clock_gettime),
	C(clock_gettime64),
	C(clock_nanosleep),
	C(clock_nanosleep_time64),
	C(close),
	C(close_range),
	C(dup),
	C(dup2),
	C(dup3),
	C(epoll_create),
	C(epoll_create1),
	C(epoll_ctl),
	C(epoll_pwait),
	C(epoll_pwait2),
	C(epoll_wait),
	C(eventfd),
	C(eventfd2),
	C(exit),
	C(exit_group),
	C(faccessat),
	C(faccessat2),
	C(fadvise64),
	C(fadvise64_64),
	C(fallocate),
	C(fchmod),
	C(fchmodat),
	C(fcntl),
	C(fcntl64),
	C(fdatasync),
	C(flock),
	C(fstat),
	C(fstat64),
	C(fstatat64),
	C(fstatfs),
	C(fstatfs64),
	C(fsync),
	C(ftruncate),
	C(ftruncate64),
	C(futex),
	C(futex_time64),
	C(get_robust_list),
	C(getcpu),
	C(getcwd),
	C(getdents),
	C(getdents64),
	C(getegid),
	C(getegid32),
	C(geteuid),
	C(geteuid32),
	C(getgid),
	C(getgid32),
	C(getgroups),
	C(getpid),
	C(getppid),
	C(getpriority),
	C(getrandom),
	C(getresgid),
	C(getresuid),
	C(getrlimit),
	C(getrusage),
	C(gettid),
	C(gettimeofday),
	C(getuid),
	C(getuid32),
	C(lseek),
	C(_llseek),
	C(lstat),
	C(lstat64),
	C(madvise),
	C(membarrier),
	C(memfd_create),
	C(mincore),
	C(mkdir),
	C(mkdirat),
	C(mremap),
	C(msync),
	C(munmap),
	C(nanosleep),
	C(newfstatat),
	C(open),
	C(openat),
	C(openat2),
	C(pause),
	C(pipe),
	C(pipe2),
	C(poll),
	C(ppoll),
	C(ppoll_time64),
	C(prctl),
	C(pread64),
	C(preadv),
	C(preadv2),
	C(pselect6),
	C(pselect6_time64),
	C(pwrite64),
	C(pwritev),
	C(pwritev2),
	C(read),
	C(readahead),
	C(readlink),
	C(readlinkat),
	C(readv),
	C(rename),
	C(renameat),
	C(renameat2),
	C(restart_syscall),
	C(rseq),
	C(rt_sigaction),
	C(rt_sigpending),
	C(rt_sigprocmask),
	C(rt_sigreturn),
	C(rt_sigsuspend),
	C(rt_sigtimedwait),
	C(rt_sigtimedwait_time64),
	C(sched_get_priority_max),
	C(sched_get_priority_min),
	C(sched_getaffinity),
	C(sched_getparam),
	C(sched_getscheduler),
	C(sched_yield),
	C(select),
	C(set_robust_list),
	C(set_tid_address),
	C(sigaltstack),
	C(sigreturn),
	C(stat),
	C(stat64),
	C(statfs),
	C(statfs64),
	C(statx),
	C(sync_file_range),
	C(sysinfo),
	C(time),
	C(timerfd_create),
	C(timerfd_gettime),
	C(timerfd_settime),
	C(timerfd_settime64),
	C(times),
	C(ugetrlimit),
	C(umask),
	C(uname),
	C(unlink),
	C(unlinkat),
	C(write),
	C(writev),
};

/* The allowed families are below, and so are the addresses for connect(2). */
static const int sockets[] = {
	C(accept),          C(accept4),    C(bind),     C(getpeername), C(getsockname),
	C(getsockopt),      C(listen),     C(recv),     C(recvfrom),    C(recvmmsg),
	C(recvmmsg_time64), C(recvmsg),    C(send),     C(sendmmsg),    C(sendmsg),
	C(sendto),          C(setsockopt), C(shutdown), C(socketpair),
};

/* Manifests and certificates that change. */
static const int watches[] = { C(inotify_add_watch), C(inotify_init), C(inotify_init1),
			       C(inotify_rm_watch) };

/* To start a program, and calls that programs in many languages make. */
static const int programs[] = {
	C(alarm),
	C(capset),
	C(chdir),
	C(chown),
	C(chown32),
	C(clone),
	C(clone3),
	C(copy_file_range),
	C(creat),
	C(execve),
	C(execveat),
	C(fchdir),
	C(fchown),
	C(fchown32),
	C(fchownat),
	C(fgetxattr),
	C(flistxattr),
	C(fork),
	C(fremovexattr),
	C(fsetxattr),
	C(get_mempolicy),
	C(get_thread_area),
	C(getitimer),
	C(getpgid),
	C(getpgrp),
	C(getsid),
	C(getxattr),
	C(io_cancel),
	C(io_destroy),
	C(io_getevents),
	C(io_setup),
	C(io_submit),
	C(ioprio_get),
	C(ioprio_set),
	C(kill),
	C(lchown),
	C(lchown32),
	C(lgetxattr),
	C(link),
	C(linkat),
	C(listxattr),
	C(llistxattr),
	C(lremovexattr),
	C(lsetxattr),
	C(mlock),
	C(mlock2),
	C(mlockall),
	C(mmap),
	C(mmap2),
	C(mprotect),
	C(mq_getsetattr),
	C(mq_notify),
	C(mq_open),
	C(mq_timedreceive),
	C(mq_timedsend),
	C(mq_unlink),
	C(msgctl),
	C(msgget),
	C(msgrcv),
	C(msgsnd),
	C(munlock),
	C(munlockall),
	C(pidfd_open),
	C(pidfd_send_signal),
	C(pkey_alloc),
	C(pkey_free),
	C(pkey_mprotect),
	C(prlimit64),
	C(remap_file_pages),
	C(removexattr),
	C(rmdir),
	C(rt_sigqueueinfo),
	C(rt_tgsigqueueinfo),
	C(sched_getattr),
	C(sched_rr_get_interval),
	C(sched_setaffinity),
	C(sched_setattr),
	C(sched_setparam),
	C(sched_setscheduler),
	C(semctl),
	C(semget),
	C(semop),
	C(semtimedop),
	C(sendfile),
	C(sendfile64),
	C(set_thread_area),
	C(setfsgid),
	C(setfsuid),
	C(setgid),
	C(setgroups),
	C(setitimer),
	C(setpgid),
	C(setpriority),
	C(setregid),
	C(setresgid),
	C(setresuid),
	C(setreuid),
	C(setrlimit),
	C(setsid),
	C(setuid),
	C(setxattr),
	C(shmat),
	C(shmctl),
	C(shmdt),
	C(shmget),
	C(signalfd),
	C(signalfd4),
	C(splice),
	C(symlink),
	C(symlinkat),
	C(sync),
	C(syncfs),
	C(tee),
	C(tgkill),
	C(timer_create),
	C(timer_delete),
	C(timer_getoverrun),
	C(timer_gettime),
	C(timer_settime),
	C(tkill),
	C(truncate),
	C(truncate64),
	C(utime),
	C(utimensat),
	C(utimensat_time64),
	C(utimes),
	C(vfork),
	C(vmsplice),
	C(wait4),
	C(waitid),
	C(waitpid),
};

/* ioctls of libevent and the C library on sockets and terminals, and ours on our own filter. */
static const unsigned long requests[] = {
	FIONREAD,
	FIONBIO,
	FIOCLEX,
	FIONCLEX,
	TCGETS,
	TIOCGWINSZ,
	SIOCGIFINDEX,
	SIOCGIFNAME,
	SIOCGIFCONF,
	SIOCGIFFLAGS,
	SIOCGIFADDR,
	SECCOMP_IOCTL_NOTIF_RECV,
	SECCOMP_IOCTL_NOTIF_SEND,
	SECCOMP_IOCTL_NOTIF_ID_VALID,
};

/* The C library's resolver asks netlink for addresses. */
static const int network_families[] = { AF_INET, AF_INET6, AF_NETLINK };

/* -EDOM, -EEXIST: this architecture has no such call, or has it under another name. */
static int add(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++) {
		r = seccomp_rule_add(filter, action, calls[i], 0);
		if (r == -EDOM || r == -EEXIST)
			r = 0;
	}
	return r;
}

static int add_if(scmp_filter_ctx filter, int call, struct scmp_arg_cmp condition)
{
	int r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &condition);

	return r == -EDOM || r == -EEXIST ? 0 : r;
}

static int add_sockets(scmp_filter_ctx filter, unsigned allow)
{
	const struct sockaddr_un *addresses;
	size_t n = sandbox_addresses(&addresses);
	int r = add(filter, SCMP_ACT_ALLOW, sockets, ARRAY_SIZE(sockets));

	if (r >= 0)
		r = add_if(filter, C(socket), SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
	for (size_t i = 0; allow & SANDBOX_NETWORK && i < ARRAY_SIZE(network_families) && r >= 0;
	     i++)
		r = add_if(filter, C(socket),
			   SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)network_families[i]));
	if (r >= 0 && allow & SANDBOX_CONNECT)
		return add(filter, SCMP_ACT_ALLOW, CALLS(C(connect)));
	for (size_t i = 0; i < n && r >= 0; i++)
		r = add_if(filter, C(connect),
			   SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)(uintptr_t)&addresses[i]));
	return r;
}

/* No memory that is written and then executed; no processes, signals and limits but its own.
 * Threads are made by clone: clone3 passes its flags by a pointer, and the C library goes back to
 * the other. */
static int add_without_programs(scmp_filter_ctx filter, unsigned allow)
{
	const int maps[] = { C(mmap), C(mmap2) };
	int r = add_if(filter, C(mprotect), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));

	for (size_t i = 0; i < ARRAY_SIZE(maps) && r >= 0; i++) {
		r = add_if(filter, maps[i], SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
		if (r >= 0)
			r = add_if(filter, maps[i], SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_WRITE, 0));
	}
	for (size_t i = 0; i < ARRAY_SIZE(requests) && r >= 0; i++)
		r = add_if(filter, C(ioctl), SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, requests[i]));
	if (r >= 0)
		r = add_if(filter, C(tgkill), SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	if (r >= 0)
		r = add_if(filter, C(prlimit64), SCMP_A0(SCMP_CMP_EQ, 0));
	if (r >= 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), C(clone3), 0);
	if (r >= 0 && allow & SANDBOX_THREADS)
		r = add_if(filter, C(clone),
			   SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	return r;
}

/* All terminals' requests but the one that types into them. */
static int add_programs(scmp_filter_ctx filter)
{
	int r = add(filter, SCMP_ACT_ALLOW, programs, ARRAY_SIZE(programs));

	return r < 0 ? r : add_if(filter, C(ioctl), SCMP_A1(SCMP_CMP_NE, TIOCSTI));
}

static void release(scmp_filter_ctx *filter)
{
	if (*filter)
		seccomp_release(*filter);
}

/* Loads it; *ret_fd receives refused calls, unless they get an error at once. */
static int load(unsigned allow, uint32_t otherwise, int *ret_fd)
{
	_cleanup_(release) scmp_filter_ctx filter = seccomp_init(otherwise);
	int r;

	if (!filter)
		return -ENOMEM;
	/* No call of another architecture is allowed (32 bit ones on 64 bits). */
	r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, REFUSED);
	/* The thread that answers them is in the sandbox, too. */
	if (r >= 0)
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, otherwise == SCMP_ACT_NOTIFY);
	/* Frequent calls come first, so that they are found soonest. */
	if (r >= 0)
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r >= 0)
		r = add(filter, SCMP_ACT_KILL_PROCESS, never, ARRAY_SIZE(never));
	if (r >= 0)
		r = add(filter, SCMP_ACT_ALLOW, base, ARRAY_SIZE(base));
	if (r >= 0 && allow & (SANDBOX_READ | SANDBOX_NETWORK))
		r = add(filter, SCMP_ACT_ALLOW, watches, ARRAY_SIZE(watches));
	if (r >= 0)
		r = add_sockets(filter, allow);
	if (r >= 0)
		r = allow & SANDBOX_EXEC ? add_programs(filter)
					 : add_without_programs(filter, allow);
	if (r >= 0)
		r = seccomp_load(filter);
	if (r >= 0 && otherwise == SCMP_ACT_NOTIFY)
		*ret_fd = seccomp_notify_fd(filter);
	return r;
}

int sandbox_calls(unsigned allow)
{
	int fd = -1, r;

	if (prctl(PR_GET_SECCOMP) < 0 && errno == EINVAL)
		return -EOPNOTSUPP;
	r = refused_calls_prepare();
	if (r < 0)
		return r;
	r = load(allow, SCMP_ACT_NOTIFY, &fd);
	if (r >= 0) {
		refused_calls_begin(fd);
		return 0;
	}
	/* An older kernel, or a listener outside has the calls already: refused, but not
	 * counted. */
	refused_calls_begin(-1);
	return load(allow, SCMP_ACT_ERRNO(ENOSYS), &fd);
}
