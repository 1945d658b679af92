/* Ways out of a sandbox, tried from inside of the stage itself: /debug/break-out?WAY=ARGUMENT
 * answers with "out" or with the name of the error that stopped it. A way that ends the process
 * gives no answer. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/faults/break-out.h"

/* Each: 0 or more if it is out, -1 with errno if it was stopped. */

static int try_tcp(const char *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&to, sizeof(to));
}

static int try_unix(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&to, sizeof(to));
}

static int try_read(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int try_write(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static int try_exec(const char *path)
{
	char *argv[] = { (char *)(uintptr_t)path, NULL };

	return execv(path, argv);
}

static int try_fork(const char *argument _unused_)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid < 0 ? -1 : waitpid(pid, NULL, 0);
}

static int try_signal(const char *pid)
{
	return kill(atoi(pid), 0);
}

static int try_limit(const char *pid)
{
	struct rlimit limit;

	return prlimit(atoi(pid), RLIMIT_NOFILE, NULL, &limit);
}

static int try_code(const char *argument _unused_)
{
	return mmap(NULL, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
			       MAP_FAILED
		       ? -1
		       : 0;
}

static int try_unshare(const char *argument _unused_)
{
	return (int)syscall(SYS_unshare, 0x10000000 /* CLONE_NEWUSER */);
}

static int try_ptrace(const char *pid)
{
	return ptrace(PTRACE_ATTACH, atoi(pid), NULL, NULL) < 0 ? -1 : 0;
}

static int try_mount(const char *path)
{
	return mount("none", path, "tmpfs", 0, NULL);
}

static int try_bpf(const char *argument _unused_)
{
	return (int)syscall(SYS_bpf, 0, NULL, 0);
}

static const struct {
	const char *name;
	int (*fn)(const char *argument);
} ways[] = {
	{ "tcp", try_tcp },         { "unix", try_unix },     { "read", try_read },
	{ "write", try_write },     { "exec", try_exec },     { "fork", try_fork },
	{ "signal", try_signal },   { "limit", try_limit },   { "code", try_code },
	{ "unshare", try_unshare }, { "ptrace", try_ptrace }, { "mount", try_mount },
	{ "bpf", try_bpf },
};

static int on_break_out(void *ctx _unused_, const char *query, struct strbuf *out)
{
	size_t n = strcspn(query, "=");
	const char *argument = query[n] ? query + n + 1 : "";

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		if (strlen(ways[i].name) == n && memcmp(ways[i].name, query, n) == 0) {
			errno = 0;
			strbuf_puts(out,
				    ways[i].fn(argument) >= 0 ? "out" : strerrorname_np(errno));
			return 200;
		}
	return 404;
}

void break_out_page(struct daemon *d)
{
	control_add(d->control, "/debug/break-out", CONTROL_TEXT, on_break_out, NULL);
}
