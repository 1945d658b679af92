/* Starts the children, follows their states, ends them in order. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/notify-send.h"
#include "common/daemon/runtime-dir.h"
#include "supervisor/child.h"
#include "supervisor/envoy-probe.h"
#include "supervisor/status.h"
#include "supervisor/supervisor.h"

#define ABORT_USEC       (5 * USEC_PER_SEC)
#define BACKOFF_MIN_USEC (100 * USEC_PER_MSEC)
#define HEALTHY_USEC     (10 * USEC_PER_SEC)
#define NAME_MAX_LENGTH  32

enum { STOPPED = 1, HOPELESS = -ECHILD };

struct supervisor_options supervisor_options = {
	.watchdog_msec = 30000,
	.stop_msec = 5000,
	.restart_max_msec = 30000,
};

static void stop_one(struct supervisor *s, struct child *c)
{
	if (s->probe && s->probed == c)
		envoy_probe_drain_and_stop(s->probe,
					   supervisor_options.drain_seconds * USEC_PER_SEC);
	else
		child_stop(c);
}

/* Ends the last that runs; its end brings us here again. */
static void stop_next(struct supervisor *s)
{
	for (size_t i = s->n; i-- > 0;) {
		if (s->children[i]->state == CHILD_STOPPED)
			continue;
		stop_one(s, s->children[i]);
		if (s->children[i]->state != CHILD_STOPPED)
			return;
	}
	event_loop_stop(s->daemon->loop, STOPPED);
}

/* Envoy waits, the first time, for the one before it: so it finds its configuration at once. */
static bool may_start(const struct supervisor *s, size_t i)
{
	return !s->probe || s->probed != s->children[i] || i == 0 || s->children[i - 1]->was_ready;
}

static void start_waiting(struct supervisor *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (!s->children[i]->wanted && may_start(s, i))
			child_start(s->children[i]);
}

static void announce(struct supervisor *s)
{
	s->announced = true;
	log_info("all %zu programs are ready", s->n);
	if (supervisor_options.ready_fd) {
		(void)!write((int)supervisor_options.ready_fd, "\n", 1);
		(void)close((int)supervisor_options.ready_fd);
	}
}

static void tell_starting(const char *why)
{
	_cleanup_free_ char *text = xasprintf("STATUS=starting: %s", why);

	(void)notify_send(text);
}

static void report(struct supervisor *s)
{
	_cleanup_strbuf_ struct strbuf why = STRBUF_INIT;
	bool ready = supervisor_ready(s->daemon, &why);

	if (ready && !s->announced)
		announce(s);
	for (char *p = why.s; p && *p; p++)
		if (*p == '\n')
			*p = p[1] ? ';' : '\0';
	if (ready)
		daemon_status(s->daemon, "all programs are ready");
	else if (s->announced)
		daemon_status(s->daemon, "partially operational: %s", strbuf_str(&why));
	else /* daemon_status() would say READY */
		tell_starting(strbuf_str(&why));
}

/* Acts on the children's present states. Deferred, so that no child's own function is on the
 * stack. */
static void evaluate(void *ctx)
{
	struct supervisor *s = ctx;

	s->evaluating = false;
	if (s->probe)
		envoy_probe_follow(s->probe);
	for (size_t i = 0; i < s->n; i++)
		if (s->children[i]->hopeless && !s->stopping) {
			log_error("%s cannot run like this: ending everything",
				  s->children[i]->config.name);
			event_loop_stop(s->daemon->loop, HOPELESS);
			return;
		}
	if (s->stopping)
		stop_next(s);
	else
		start_waiting(s);
	if (!s->stopping)
		report(s);
}

static void on_changed(void *ctx)
{
	struct supervisor *s = ctx;

	if (s->evaluating)
		return;
	s->evaluating = true;
	event_loop_defer(s->daemon->loop, evaluate, s);
}

static struct child *find_pid(const struct supervisor *s, pid_t pid)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->children[i]->pid == pid)
			return s->children[i];
	return NULL;
}

static void on_notify(void *ctx, pid_t pid, const struct notify_message *m)
{
	struct supervisor *s = ctx;
	struct child *c = find_pid(s, pid);

	if (c && c->config.notify_path)
		child_notified(c, m);
	else
		s->strangers++;
}

static void catch_up(void *ctx)
{
	struct supervisor *s = ctx;

	notify_drain(s->notify);
}

static void on_child_signal(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct supervisor *s = ctx;
	int status;
	pid_t pid;

	catch_up(s); /* its last words, while the pid is still its own */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct child *c = find_pid(s, pid);

		if (c)
			child_ended(c, status);
	}
}

static int check_name(const struct supervisor *s, const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	if (n == 0 || name[n] || n > NAME_MAX_LENGTH) {
		log_error("\"%s\" is not a name for a program: up to %d of a-z, 0-9 and -", name,
			  NAME_MAX_LENGTH);
		return -EINVAL;
	}
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->children[i]->config.name, name) == 0) {
			log_error("two programs are named \"%s\"", name);
			return -EINVAL;
		}
	return 0;
}

static int add_child(struct supervisor *s, char **section)
{
	struct child_config config = {
		.name = section[0],
		.argv = section + 1,
		.notify_path = s->notify_path,
		.watchdog_usec = supervisor_options.watchdog_msec * USEC_PER_MSEC,
		.abort_usec = ABORT_USEC,
		.stop_usec = supervisor_options.stop_msec * USEC_PER_MSEC,
		.backoff = { BACKOFF_MIN_USEC,
			     MAX(supervisor_options.restart_max_msec * USEC_PER_MSEC,
				 BACKOFF_MIN_USEC),
			     HEALTHY_USEC, 0 },
		.changed = on_changed,
		.catch_up = catch_up,
		.ctx = s,
	};
	bool envoy;
	int r;

	if (!section[0] || !section[1] || s->n == CHILDREN_MAX) {
		log_error("after each \"--\" come a name and a program; at most %d of them",
			  CHILDREN_MAX);
		return -EINVAL;
	}
	r = check_name(s, section[0]);
	if (r < 0)
		return r;
	if (access(section[1], X_OK) < 0)
		return log_error_errno(-errno, "cannot run %s: %m", section[1]);
	envoy = strcmp(section[0], "envoy") == 0;
	if (envoy) {
		config.notify_path = NULL;
		config.watchdog_usec = 0;
	}
	s->children[s->n] = child_new(s->daemon->loop, &config);
	if (envoy) {
		s->probed = s->children[s->n];
		s->probe = envoy_probe_new(s->daemon->loop, s->probed, s->envoy_path);
	}
	s->n++;
	return 0;
}

/* NAME PROGRAM ARGUMENT… "--" NAME PROGRAM …: each section becomes an argv of its own. */
static int add_children(struct supervisor *s, char **words)
{
	char **section = words;
	int r;

	for (char **w = words;; w++) {
		bool last = *w == NULL;

		if (!last && strcmp(*w, "--") != 0)
			continue;
		*w = NULL;
		r = add_child(s, section);
		if (r < 0 || last)
			return r;
		section = w + 1;
	}
}

static void supervisor_free(struct supervisor *s)
{
	if (s->probe)
		envoy_probe_free(s->probe);
	for (size_t i = 0; i < s->n; i++)
		child_free(s->children[i]);
	notify_free(s->notify);
	if (s->child_signal)
		event_free(s->child_signal);
	free(s->notify_path);
	free(s->envoy_path);
	free(s);
}

/* credentials(7): a process that was left by its terminal cannot open it any more. */
static bool has_terminal(void)
{
	_cleanup_close_ int fd = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	return fd >= 0;
}

static int start(struct supervisor *s)
{
	struct daemon *d = s->daemon;
	int r;

	if (supervisor_options.ready_fd &&
	    fcntl((int)supervisor_options.ready_fd, F_SETFD, FD_CLOEXEC) < 0)
		return log_error_errno(-errno, "--ready-fd %u: %m", supervisor_options.ready_fd);
	r = notify_listen(d->loop, s->notify_path, on_notify, s, &s->notify);
	if (r < 0)
		return log_error_errno(r, "cannot listen at %s: %m", s->notify_path);
	s->child_signal = evsignal_new(event_loop_base(d->loop), SIGCHLD, on_child_signal, s);
	if (!s->child_signal || evsignal_add(s->child_signal, NULL) < 0)
		return log_error_errno(-ENOMEM, "cannot wait for children: %m");
	return add_children(s, d->words);
}

int supervisor_start(struct daemon *d)
{
	struct supervisor *s = xnew(struct supervisor, 1);
	int r;

	s->daemon = d;
	/* nohup(1) has its children outlive the terminal. */
	s->terminal = has_terminal() && !event_loop_hangup_ignored(d->loop);
	s->started_usec = clock_monotonic();
	s->notify_path = daemon_path(d, "notify.sock");
	s->envoy_path = daemon_path(d, RUNTIME_ENVOY_ADMIN);
	r = start(s);
	if (r < 0) {
		supervisor_free(s);
		return r;
	}
	d->stage = s;
	status_pages(s);
	on_changed(s);
	return 0;
}

/* SIGHUP has two meanings: read the configuration again, and the terminal of our start has been
 * closed. */
void supervisor_reload(struct daemon *d)
{
	struct supervisor *s = d->stage;

	if (s->terminal && !has_terminal()) {
		log_info("the terminal was closed: ending everything");
		event_loop_stop(d->loop, 0);
		return;
	}
	log_info("SIGHUP: passed on");
	for (size_t i = 0; i < s->n; i++)
		if (s->children[i]->config.notify_path)
			child_signal(s->children[i], SIGHUP);
}

bool supervisor_ready(struct daemon *d, struct strbuf *why)
{
	struct supervisor *s = d->stage;
	bool ready = true;

	for (size_t i = 0; i < s->n; i++) {
		const struct child *c = s->children[i];

		if (c->state == CHILD_READY)
			continue;
		ready = false;
		strbuf_printf(why, "%s is %s%s%s%s\n", c->config.name, child_state_name(c->state),
			      c->status[0] ? " (" : "", c->status, c->status[0] ? ")" : "");
	}
	return ready;
}

/* Ends the children in order, with a deadline each; a second SIGTERM or SIGINT ends the rest at
 * once. */
void supervisor_stop(struct daemon *d)
{
	struct supervisor *s = d->stage;

	s->stopping = true;
	for (size_t i = 0; i < s->n; i++)
		if (!s->children[i]->pid)
			child_stop(s->children[i]);
	on_changed(s);
	while (event_loop_run(d->loop) != STOPPED) {
		log_warning("told to stop again: killing what still runs");
		for (size_t i = 0; i < s->n; i++)
			child_kill(s->children[i]);
	}
	supervisor_free(s);
	d->stage = NULL;
}
