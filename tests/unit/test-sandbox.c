/* common/sandbox/sandbox.c: tried from inside, dropped rights are gone. */
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
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/incident.h"
#include "common/sandbox/refused-calls.h"
#include "common/sandbox/sandbox.h"
#include "tests/lib/test.h"

extern char **environ;

static char folder[] = "/tmp/portolan-test-XXXXXX";
static char own[64];

/* Runs fn in a child that has entered the sandbox, in a runtime directory of its own, with a folder
 * in it to keep files, and FOLDER/socket to connect to. */
static void inside(unsigned allow, void (*fn)(void))
{
	_cleanup_free_ char *socket_path = NULL, *file = NULL, *other = NULL;
	pid_t pid;
	int status;

	memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
	CHECK(mkdtemp(folder));
	socket_path = xasprintf("%s/socket", folder);
	(void)snprintf(own, sizeof(own), "%s/own", folder);
	CHECK_EQ(mkdir(own, 0700), 0);
	file = xasprintf("%s/file", own);
	other = xasprintf("%s/other", folder);
	close(open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		struct sandbox_paths paths = { .runtime_dir = folder };
		const char *missing = NULL;

		sandbox_list_add(&paths.own, own);
		sandbox_list_add(&paths.connect, socket_path);
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
	(void)unlink(other);
	CHECK_EQ(rmdir(own), 0);
	CHECK_EQ(rmdir(folder), 0);
	CHECK(WIFEXITED(status));
	if (WEXITSTATUS(status) != 77)
		CHECK_EQ(WEXITSTATUS(status), 0);
}

#define REFUSED(call)                                                       \
	do {                                                                \
		errno = 0;                                                  \
		CHECK((call) < 0);                                          \
		if (errno != EPERM && errno != EACCES && errno != ENOSYS) { \
			perror(#call);                                      \
			CHECK(0);                                           \
		}                                                           \
	} while (0)

/* The call ends its process, so another process makes it. */
#define ENDS(call)                                          \
	do {                                                \
		int _status;                                \
		pid_t _pid = fork();                        \
		CHECK(_pid >= 0);                           \
		if (_pid == 0) {                            \
			(void)(call);                       \
			_exit(0);                           \
		}                                           \
		CHECK_EQ(waitpid(_pid, &_status, 0), _pid); \
		CHECK(WIFSIGNALED(_status));                \
		CHECK_EQ(WTERMSIG(_status), SIGSYS);        \
	} while (0)

static void *in_thread(void *ctx)
{
	*(int *)ctx = 1;
	return NULL;
}

static void use_what_is_own(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_free_ char *file = xasprintf("%s/file", own),
			    *aside = xasprintf("%s/file.new", own);
	int fd, listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", folder);
	CHECK(listener >= 0);
	CHECK_EQ(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	CHECK_EQ(listen(listener, 1), 0);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_EQ(connect(fd, (const struct sockaddr *)sandbox_address(&address), sizeof(address)),
		 0);
	fd = open(aside, O_WRONLY | O_CREAT | O_EXCL, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(ftruncate(fd, 0), 0);
	CHECK_EQ(rename(aside, file), 0);
	CHECK(open(file, O_RDONLY) >= 0);
	CHECK(open("/proc/self/statm", O_RDONLY) >= 0);
}

static void use_threads(void)
{
	pthread_t thread;
	int ran = 0;

	CHECK_EQ(pthread_create(&thread, NULL, in_thread, &ran), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(ran, 1);
}

static void try_what_nobody_needs(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	REFUSED(unshare(CLONE_NEWUSER));
	REFUSED(syscall(SYS_io_uring_setup, 1, NULL));
	REFUSED(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
	REFUSED(socket(AF_PACKET, SOCK_RAW, 0));
	REFUSED(socket(AF_ALG, SOCK_SEQPACKET, 0));
	REFUSED(socket(AF_VSOCK, SOCK_STREAM, 0));
	CHECK_EQ(syscall(SYS_capget, &header, data), 0);
	CHECK_EQ(data[0].effective & ~(1u << CAP_NET_BIND_SERVICE), 0);
	CHECK_EQ(data[0].permitted & ~(1u << CAP_NET_BIND_SERVICE), 0);
	CHECK_EQ(data[1].effective | data[1].permitted, 0);
}

/* In a sandbox that may start processes. */
static void try_what_ends_a_process(void)
{
	ENDS(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
	ENDS(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
	ENDS(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0));
	ENDS(syscall(SYS_mount, "none", folder, "tmpfs", 0, NULL));
	ENDS(syscall(SYS_bpf, 0, NULL, 0));
	ENDS(syscall(SYS_kexec_load, 0, 0, NULL, 0));
	ENDS(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
	ENDS(syscall(SYS_userfaultfd, 0));
}

/* An unforeseen call is refused and counted, and the process goes on. */
static void be_of_another_c_library(void)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct event_loop *loop = event_loop_new();

	refused_calls_watch(loop);
	for (int i = 0; i < 3; i++) {
		errno = 0;
		CHECK_EQ(syscall(SYS_set_mempolicy, 0, NULL, 0), -1);
		CHECK_EQ(errno, ENOSYS);
	}
	CHECK_EQ(unshare(CLONE_NEWUSER), -1);
	CHECK_EQ(errno, EPERM);
	/* The answer comes first, then the incidents. */
	while (!strstr(strbuf_str(&out), "set_mempolicy") || !strstr(strbuf_str(&out), "unshare")) {
		(void)event_base_loop(event_loop_base(loop), EVLOOP_ONCE);
		strbuf_done(&out);
		incident_json(&out);
	}
	strbuf_done(&out);
	incident_metrics(&out);
	CHECK(strstr(strbuf_str(&out), "portolan_incidents_total{kind=\"call\"} 4\n"));
	refused_calls_end();
	event_loop_free(loop);
}

static void try_writing(void)
{
	_cleanup_free_ char *file = xasprintf("%s/../portolan-escaped", folder);
	_cleanup_free_ char *other = xasprintf("%s/other", folder),
			    *new = xasprintf("%s/new", folder);

	REFUSED(open(other, O_WRONLY));
	REFUSED(open(new, O_WRONLY | O_CREAT, 0600));
	REFUSED(open(file, O_WRONLY | O_CREAT, 0600));
	REFUSED(open("/tmp/portolan-escaped", O_WRONLY | O_CREAT, 0600));
	REFUSED(open("/etc/passwd", O_WRONLY));
	REFUSED(unlink("/etc/passwd"));
	REFUSED(mkdir("/tmp/portolan-escaped", 0700));
	REFUSED(symlink("/etc/passwd", "/tmp/portolan-escaped"));
}

/* The address of a socket, but not the one that is known. */
static void try_connecting(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", folder);
	REFUSED(connect(fd, (struct sockaddr *)&address, sizeof(address)));
	(void)close(fd);
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
	_cleanup_free_ char *other = xasprintf("%s/other", folder);

	REFUSED(open(other, O_RDONLY));
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
	REFUSED(kill(getppid(), 0));
	CHECK(mmap(NULL, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	      MAP_FAILED);
}

static void be_a_translator(void)
{
	use_what_is_own();
	try_what_nobody_needs();
	try_network();
	try_reading();
	try_writing();
	try_programs();
	try_connecting();
	REFUSED(syscall(SYS_clone, CLONE_VM | CLONE_THREAD | CLONE_SIGHAND, 0, 0, 0, 0));
}

static void be_an_xds_server(void)
{
	use_what_is_own();
	try_what_nobody_needs();
	try_writing();
	try_programs();
	try_reading();
	try_connecting();
	use_threads();
	CHECK(socket(AF_INET, SOCK_STREAM, 0) >= 0);
	CHECK(open("/etc/hosts", O_RDONLY) >= 0 || errno == ENOENT);
}

static void be_a_watcher(void)
{
	char *argv[] = { (char[]){ "cat" }, (char[]){ "/dev/null" }, NULL };
	int status;
	pid_t pid;

	use_what_is_own();
	try_what_nobody_needs();
	use_threads();
	CHECK(open("/etc/passwd", O_RDONLY) >= 0);
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
		try_what_ends_a_process();
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

#define WATCHER (SANDBOX_NETWORK | SANDBOX_CONNECT | SANDBOX_READ | SANDBOX_THREADS | SANDBOX_EXEC)

TEST(a_translator_has_no_network_no_files_and_no_programs)
{
	inside(0, be_a_translator);
}

TEST(an_xds_server_listens_and_reads_and_writes_nowhere)
{
	inside(SANDBOX_NETWORK | SANDBOX_THREADS, be_an_xds_server);
}

TEST(a_watcher_may_run_programs_and_they_get_out_no_more_than_it)
{
	inside(WATCHER, be_a_watcher);
	inside(WATCHER, be_what_a_watcher_runs);
}

TEST(a_call_that_is_on_no_list_is_answered_with_an_error_and_counted)
{
	inside(0, be_of_another_c_library);
	inside(WATCHER, be_of_another_c_library);
}
