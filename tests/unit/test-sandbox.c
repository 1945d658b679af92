/* common/sandbox.c: from inside, what a stage has given up cannot be had. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/cleanup.h"
#include "common/sandbox.h"
#include "tests/lib/test.h"

extern char **environ;

static char folder[] = "/tmp/portolan-test-XXXXXX";

/* Runs fn in a child that has entered the sandbox, in a runtime directory of its own. */
static void inside(unsigned allow, void (*fn)(void))
{
	_cleanup_free_ char *socket_path = NULL, *file = NULL;
	pid_t pid;
	int status;

	memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
	CHECK(mkdtemp(folder));
	socket_path = xasprintf("%s/socket", folder);
	file = xasprintf("%s/file", folder);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		struct sandbox_paths paths = { folder, NULL };
		const char *missing = NULL;

		CHECK_EQ(sandbox_enter(allow, &paths, &missing), 0);
		if (missing) {
			fprintf(stderr, "left out here: %s\n", missing);
			_exit(77);
		}
		fn();
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	(void)unlink(socket_path);
	(void)unlink(file);
	CHECK_EQ(rmdir(folder), 0);
	CHECK(WIFEXITED(status));
	if (WEXITSTATUS(status) != 77)
		CHECK_EQ(WEXITSTATUS(status), 0);
}

#define REFUSED(call)                                                                              \
	do {                                                                                       \
		errno = 0;                                                                         \
		CHECK((call) < 0);                                                                 \
		if (errno != EPERM && errno != EACCES && errno != ENOSYS) {                        \
			perror(#call);                                                             \
			CHECK(0);                                                                  \
		}                                                                                  \
	} while (0)

static void *in_thread(void *ctx)
{
	*(int *)ctx = 1;
	return NULL;
}

static void use_what_is_own(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_free_ char *file = xasprintf("%s/file", folder), *aside = xasprintf("%s/file.new", folder);
	int fd, ran = 0, listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pthread_t thread;

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", folder);
	CHECK(listener >= 0);
	CHECK_EQ(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	CHECK_EQ(listen(listener, 1), 0);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_EQ(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	fd = open(aside, O_WRONLY | O_CREAT | O_EXCL, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(ftruncate(fd, 0), 0);
	CHECK_EQ(rename(aside, file), 0);
	CHECK(open("/proc/self/statm", O_RDONLY) >= 0);
	CHECK_EQ(pthread_create(&thread, NULL, in_thread, &ran), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(ran, 1);
}

static void try_what_nobody_needs(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	REFUSED(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
	REFUSED(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
	REFUSED(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0));
	REFUSED(unshare(CLONE_NEWUSER));
	REFUSED(syscall(SYS_mount, "none", folder, "tmpfs", 0, NULL));
	REFUSED(syscall(SYS_bpf, 0, NULL, 0));
	REFUSED(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
	REFUSED(syscall(SYS_io_uring_setup, 1, NULL));
	REFUSED(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
	REFUSED(syscall(SYS_userfaultfd, 0));
	REFUSED(socket(AF_PACKET, SOCK_RAW, 0));
	REFUSED(socket(AF_ALG, SOCK_SEQPACKET, 0));
	REFUSED(socket(AF_VSOCK, SOCK_STREAM, 0));
	CHECK_EQ(syscall(SYS_capget, &header, data), 0);
	CHECK_EQ(data[0].effective & ~(1u << CAP_NET_BIND_SERVICE), 0);
	CHECK_EQ(data[0].permitted & ~(1u << CAP_NET_BIND_SERVICE), 0);
	CHECK_EQ(data[1].effective | data[1].permitted, 0);
}

static void try_writing(void)
{
	_cleanup_free_ char *file = xasprintf("%s/../portolan-escaped", folder);

	REFUSED(open(file, O_WRONLY | O_CREAT, 0600));
	REFUSED(open("/tmp/portolan-escaped", O_WRONLY | O_CREAT, 0600));
	REFUSED(open("/etc/passwd", O_WRONLY));
	REFUSED(unlink("/etc/passwd"));
	REFUSED(mkdir("/tmp/portolan-escaped", 0700));
	REFUSED(symlink("/etc/passwd", "/tmp/portolan-escaped"));
}

static void try_network(void)
{
	REFUSED(socket(AF_INET, SOCK_STREAM, 0));
	REFUSED(socket(AF_INET6, SOCK_STREAM, 0));
	REFUSED(socket(AF_INET, SOCK_DGRAM, 0));
	REFUSED(socket(AF_NETLINK, SOCK_RAW, 0));
}

static void try_reading(void)
{
	REFUSED(open("/etc/passwd", O_RDONLY));
	REFUSED(open("/", O_RDONLY | O_DIRECTORY));
	REFUSED(open("/proc/1/environ", O_RDONLY));
	REFUSED(open("/proc/self/mem", O_RDWR));
}

static void try_programs(void)
{
	char *argv[] = { (char[]){ "true" }, NULL };
	pid_t pid;

	REFUSED(execve("/bin/true", argv, environ));
	REFUSED(syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, environ, 0));
	REFUSED(fork());
	REFUSED(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
	CHECK(posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ) != 0);
}

static void be_a_translator(void)
{
	use_what_is_own();
	try_what_nobody_needs();
	try_network();
	try_reading();
	try_writing();
	try_programs();
}

static void be_an_xds_server(void)
{
	use_what_is_own();
	try_what_nobody_needs();
	try_writing();
	try_programs();
	CHECK(socket(AF_INET, SOCK_STREAM, 0) >= 0);
	CHECK(open("/etc/passwd", O_RDONLY) >= 0);
}

static void be_a_watcher(void)
{
	char *argv[] = { (char[]){ "cat" }, (char[]){ "/dev/null" }, NULL };
	int status;
	pid_t pid;

	use_what_is_own();
	try_what_nobody_needs();
	CHECK(socket(AF_INET6, SOCK_STREAM, 0) >= 0);
	CHECK_EQ(posix_spawn(&pid, "/bin/cat", NULL, NULL, argv, environ), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

/* A child of one that may run programs is where it is. */
static void be_what_a_watcher_runs(void)
{
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		try_what_nobody_needs();
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

TEST(a_translator_has_no_network_no_files_and_no_programs)
{
	inside(0, be_a_translator);
}

TEST(an_xds_server_has_a_network_and_writes_nowhere)
{
	inside(SANDBOX_NETWORK | SANDBOX_READ, be_an_xds_server);
}

TEST(a_watcher_may_run_programs_and_they_get_out_no_more_than_it)
{
	inside(SANDBOX_NETWORK | SANDBOX_READ | SANDBOX_EXEC, be_a_watcher);
	inside(SANDBOX_NETWORK | SANDBOX_READ | SANDBOX_EXEC, be_what_a_watcher_runs);
}
