/* One child: fork and exec, watchdog, obituary, restart. Runs in the supervisor. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/incident.h"
#include "common/base/log.h"
#include "supervisor/child.h"

#define EXIT_USAGE      2
#define EXIT_CONFIG     78 /* EX_CONFIG: daemon_main() */
#define EXIT_NO_PROGRAM 127
/* A child that never worked is not restarted for ever: the supervisor's own caller should see the
 * failure. */
#define TRIES 5

static const char *const state_names[] = {
	[CHILD_STOPPED] = "stopped", [CHILD_WAITING] = "waiting",   [CHILD_STARTING] = "starting",
	[CHILD_READY] = "ready",     [CHILD_ABORTING] = "aborting", [CHILD_STOPPING] = "stopping",
};

const char *child_state_name(enum child_state state)
{
	return state_names[state];
}

static void set_state(struct child *c, enum child_state state)
{
	if (state == CHILD_STOPPED || state == CHILD_WAITING)
		(void)event_del(c->timer);
	if (c->state == state)
		return;
	c->state = state;
	c->since_usec = clock_realtime();
	c->config.changed(c->config.ctx);
}

static void set_environment(const struct child_config *config)
{
	char usec[24];

	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	if (!config->notify_path)
		return;
	(void)setenv("NOTIFY_SOCKET", config->notify_path, 1);
	if (config->watchdog_usec) {
		(void)snprintf(usec, sizeof(usec), "%lld", (long long)config->watchdog_usec);
		(void)setenv("WATCHDOG_USEC", usec, 1);
	}
}

/* Between fork and exec. The supervisor has one thread, so ordinary functions are safe here. */
_Noreturn static void become(const struct child_config *config, pid_t supervisor)
{
	int null;

	/* The child ends with the supervisor, even if the supervisor was killed and is gone
	 * already. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != supervisor)
		_exit(EXIT_FAILURE);
	/* A group of its own: Ctrl-C is for the supervisor, which ends the others in order. */
	(void)setpgid(0, 0);
	(void)signal(SIGPIPE, SIG_DFL);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null >= 0)
		(void)dup2(null, STDIN_FILENO);
	(void)close_range(STDERR_FILENO + 1, ~0u, 0);
	set_environment(config);
	(void)execv(config->argv[0], config->argv);
	log_error_errno(-errno, "cannot execute %s: %m", config->argv[0]);
	_exit(EXIT_NO_PROGRAM);
}

static void wait_and_start(struct child *c, int64_t delay_usec)
{
	set_state(c, CHILD_WAITING);
	event_loop_arm(c->timer, delay_usec);
}

static int64_t next_delay(struct child *c, int64_t lived_usec)
{
	uint32_t random = 0;

	(void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
	return backoff_next(&c->config.backoff, lived_usec, random);
}

static void spawn(struct child *c)
{
	pid_t supervisor = getpid(), pid;

	(void)fflush(stderr);
	pid = fork();
	if (pid == 0)
		become(&c->config, supervisor);
	if (pid < 0) {
		log_warning_errno(-errno, "cannot start %s: %m", c->config.name);
		wait_and_start(c, next_delay(c, 0));
		return;
	}
	c->pid = pid;
	c->started_usec = clock_monotonic();
	c->status[0] = '\0';
	c->error = 0;
	log_debug("%s started as pid %d", c->config.name, (int)pid);
	set_state(c, CHILD_STARTING);
	if (c->config.watchdog_usec)
		event_loop_arm(c->timer, c->config.watchdog_usec);
}

/* A stopped child handles no other signal, so it is woken, and before SIGTERM. After it, waking
 * could undo the SIGSTOP with which a tool that inspects the ending child (LeakSanitizer) holds
 * it. */
static void signal_stopped(const struct child *c, int signo)
{
	child_signal(c, SIGCONT);
	child_signal(c, signo);
}

static void abort_stuck(struct child *c)
{
	log_error("%s (pid %d) has not fed its watchdog for %.1f s: ending it with SIGABRT",
		  c->config.name, (int)c->pid, (double)c->config.watchdog_usec / USEC_PER_SEC);
	c->watchdog_kills++;
	incident_count(INCIDENT_STUCK, c->config.name,
		       "%s (pid %d) has not fed its watchdog for %.1f s", c->config.name,
		       (int)c->pid, (double)c->config.watchdog_usec / USEC_PER_SEC);
	set_state(c, CHILD_ABORTING);
	signal_stopped(c, SIGABRT);
	event_loop_arm(c->timer, c->config.abort_usec);
}

static void on_watchdog(struct child *c)
{
	/* We may have been the one that was stopped, not the child. */
	c->config.catch_up(c->config.ctx);
	if (c->pid && !evtimer_pending(c->timer, NULL))
		abort_stuck(c);
}

static void on_timer(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct child *c = ctx;

	switch (c->state) {
	case CHILD_WAITING:
		spawn(c);
		break;
	case CHILD_STARTING:
	case CHILD_READY:
		on_watchdog(c);
		break;
	case CHILD_ABORTING:
	case CHILD_STOPPING:
		log_warning("%s (pid %d) does not end: killing it", c->config.name, (int)c->pid);
		child_signal(c, SIGKILL);
		break;
	case CHILD_STOPPED:
	case CHILD_STATE_MAX_:
		assert(!"a timer without meaning");
	}
}

struct child *child_new(struct event_loop *loop, const struct child_config *config)
{
	struct child *c = xnew(struct child, 1);

	c->config = *config;
	c->loop = loop;
	c->since_usec = clock_realtime();
	c->timer = event_loop_timer(loop, on_timer, c);
	return c;
}

void child_free(struct child *c)
{
	assert(!c->pid);
	event_free(c->timer);
	free(c);
}

void child_start(struct child *c)
{
	c->wanted = true;
	if (!c->pid)
		wait_and_start(c, 0);
}

void child_signal(const struct child *c, int signo)
{
	if (c->pid)
		(void)kill(c->pid, signo);
}

void child_stop(struct child *c)
{
	c->wanted = false;
	if (!c->pid) {
		set_state(c, CHILD_STOPPED);
		return;
	}
	if (c->state == CHILD_ABORTING || c->state == CHILD_STOPPING)
		return;
	signal_stopped(c, SIGTERM);
	event_loop_arm(c->timer, c->config.stop_usec);
	set_state(c, CHILD_STOPPING);
}

void child_kill(struct child *c)
{
	child_stop(c);
	child_signal(c, SIGKILL);
}

static void describe_end(int wait_status, char *text, size_t size)
{
	const char *signal_text;

	if (WIFEXITED(wait_status)) {
		(void)snprintf(text, size, "exited with code %d", WEXITSTATUS(wait_status));
		return;
	}
	signal_text = sigdescr_np(WTERMSIG(wait_status));
	(void)snprintf(text, size, "was killed by signal %d (%s)%s", WTERMSIG(wait_status),
		       signal_text ? signal_text : "real-time signal",
		       WCOREDUMP(wait_status) ? ", core dumped" : "");
}

static void log_end(const struct child *c, pid_t pid, int64_t lived_usec, int64_t delay_usec)
{
	double lived = (double)lived_usec / USEC_PER_SEC;

	if (c->hopeless)
		log_error("%s (pid %d) %s, and has never been ready", c->config.name, (int)pid,
			  c->last_exit);
	else if (delay_usec < 0)
		log_info("%s (pid %d) %s", c->config.name, (int)pid, c->last_exit);
	else
		log_error("%s (pid %d) %s after %.1f s; it is started again in %.2f s",
			  c->config.name, (int)pid, c->last_exit, lived,
			  (double)delay_usec / USEC_PER_SEC);
}

static bool is_hopeless(const struct child *c, int wait_status)
{
	int code = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 0;

	return !c->was_ready && (code == EXIT_USAGE || code == EXIT_CONFIG ||
				 code == EXIT_NO_PROGRAM || c->restarts + 1 >= TRIES);
}

void child_ended(struct child *c, int wait_status)
{
	int64_t lived = clock_monotonic() - c->started_usec, delay = -1;
	pid_t pid = c->pid;

	c->pid = 0;
	describe_end(wait_status, c->last_exit, sizeof(c->last_exit));
	if (c->error) {
		size_t n = strlen(c->last_exit);

		(void)snprintf(c->last_exit + n, sizeof(c->last_exit) - n, ": %s",
			       strerror(c->error));
	}
	c->hopeless = c->wanted && is_hopeless(c, wait_status);
	if (c->wanted && !c->hopeless)
		delay = next_delay(c, lived);
	log_end(c, pid, lived, delay);
	if (c->wanted)
		incident_count(c->error == ENOMEM ? INCIDENT_MEMORY : INCIDENT_ENDED,
			       c->config.name, "%s (pid %d) %s after %.1f s", c->config.name,
			       (int)pid, c->last_exit, (double)lived / USEC_PER_SEC);
	if (delay < 0) {
		set_state(c, CHILD_STOPPED);
		return;
	}
	c->restarts++;
	wait_and_start(c, delay);
}

static void become_ready(struct child *c)
{
	if (c->state != CHILD_STARTING)
		return;
	log_debug("%s (pid %d) is ready", c->config.name, (int)c->pid);
	c->was_ready = true;
	set_state(c, CHILD_READY);
}

static void set_status(struct child *c, const char *status)
{
	if (strcmp(c->status, status) == 0)
		return;
	(void)snprintf(c->status, sizeof(c->status), "%s", status);
	c->config.changed(c->config.ctx);
}

void child_notified(struct child *c, const struct notify_message *m)
{
	bool runs = c->state == CHILD_STARTING || c->state == CHILD_READY;

	if (m->has_status)
		set_status(c, m->status);
	if (m->error)
		c->error = m->error;
	if (m->watchdog && runs && c->config.watchdog_usec)
		event_loop_arm(c->timer, c->config.watchdog_usec);
	if (m->watchdog_trigger && runs)
		abort_stuck(c);
	else if (m->ready)
		become_ready(c);
}

void child_probed(struct child *c, bool ready, const char *status)
{
	set_status(c, status);
	if (ready)
		become_ready(c);
	else if (c->state == CHILD_READY)
		set_state(c, CHILD_STARTING);
}
