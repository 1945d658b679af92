/* Answers refused system calls, in a thread of its own. The calling thread waits for the answer and
 * may hold any lock, so this thread takes no lock and allocates nothing. */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/incident.h"
#include "common/sandbox/refused-calls.h"

#define CALLS_MAX  1024 /* numbers from here on count as one */
#define STACK_SIZE (64u * 1024)

static struct {
	int begin[2]; /* a pipe: the descriptor to answer at */
	int reported; /* an eventfd: refused calls are to be reported */
	struct seccomp_notif *question;
	size_t question_size; /* as this kernel has it */
	struct seccomp_notif_resp *reply;
	struct event *event;
	atomic_uint counts[CALLS_MAX];
	unsigned said[CALLS_MAX];
	atomic_int last_pid;
} calls = { .begin = { -1, -1 }, .reported = -1 };

/* EPERM for calls that are refused only with these arguments; ENOSYS for the others, as the C
 * library then tries another way. */
static int error_of(int nr)
{
	static const int known[] = {
		SCMP_SYS(clone),    SCMP_SYS(connect),   SCMP_SYS(execve), SCMP_SYS(execveat),
		SCMP_SYS(fork),     SCMP_SYS(ioctl),     SCMP_SYS(kill),   SCMP_SYS(mmap),
		SCMP_SYS(mprotect), SCMP_SYS(prlimit64), SCMP_SYS(socket), SCMP_SYS(tgkill),
		SCMP_SYS(unshare),  SCMP_SYS(vfork),
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i] == nr)
			return -EPERM;
	return -ENOSYS;
}

static void *answer(void *ctx _unused_)
{
	const uint64_t one = 1;
	int fd = -1;

	if (read(calls.begin[0], &fd, sizeof(fd)) != sizeof(fd) || fd < 0)
		return NULL;
	for (;;) {
		int nr;

		/* Has to be zero: seccomp_unotify(2). */
		memset(calls.question, 0, calls.question_size);
		if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, calls.question) < 0) {
			/* ENOENT: the one that called has died. */
			if (errno == EINTR || errno == ENOENT)
				continue;
			/* Without us the kernel answers ENOSYS. */
			(void)close(fd);
			return NULL;
		}
		nr = calls.question->data.nr;
		*calls.reply = (struct seccomp_notif_resp){ .id = calls.question->id,
							    .error = error_of(nr) };
		atomic_store(&calls.last_pid, (int)calls.question->pid);
		atomic_fetch_add(&calls.counts[nr >= 0 && nr < CALLS_MAX ? nr : CALLS_MAX - 1], 1);
		(void)ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, calls.reply);
		(void)!write(calls.reported, &one, sizeof(one));
	}
}

/* Signals are the loop's. */
static int start_thread(void)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	(void)sigfillset(&all);
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, STACK_SIZE);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = -pthread_create(&thread, &attr, answer, NULL);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attr);
	return r;
}

int refused_calls_prepare(void)
{
	struct seccomp_notif_sizes sizes = { 0 };

	/* An older kernel: it will refuse the filter, too. */
	(void)syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes);
	calls.question_size = MAX((size_t)sizes.seccomp_notif, sizeof(*calls.question));
	calls.question = xcalloc(1, calls.question_size);
	calls.reply = xcalloc(1, MAX((size_t)sizes.seccomp_notif_resp, sizeof(*calls.reply)));
	calls.reported = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (calls.reported < 0 || pipe2(calls.begin, O_CLOEXEC) < 0)
		return -errno;
	return start_thread();
}

void refused_calls_begin(int fd)
{
	(void)!write(calls.begin[1], &fd, sizeof(fd));
}

static void tell(int nr, unsigned times)
{
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, nr);
	int pid = atomic_load(&calls.last_pid);

	incident_times(INCIDENT_CALL, name ? name : "?", times,
		       "a system call was refused: %s (number %d), of process %d: see "
		       "docs/understand/sandbox.md",
		       name ? name : "?", nr, pid);
	free(name);
}

static void on_reported(evutil_socket_t fd, short what _unused_, void *ctx _unused_)
{
	uint64_t n;

	(void)!read(fd, &n, sizeof(n));
	for (int nr = 0; nr < CALLS_MAX; nr++) {
		unsigned count = atomic_load(&calls.counts[nr]), times = count - calls.said[nr];

		calls.said[nr] = count;
		if (times)
			tell(nr, times);
	}
}

void refused_calls_watch(struct event_loop *loop)
{
	if (calls.reported < 0)
		return;
	calls.event = event_new(event_loop_base(loop), calls.reported, EV_READ | EV_PERSIST,
				on_reported, NULL);
	(void)event_add(calls.event, NULL);
}

void refused_calls_end(void)
{
	event_freep(&calls.event);
}
