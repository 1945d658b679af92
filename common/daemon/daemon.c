/* The frame of every stage. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/core-dump.h"
#include "common/base/log.h"
#include "common/base/notify-send.h"
#include "common/base/text-stream.h"
#include "common/base/text.h"
#include "common/daemon/daemon.h"
#include "common/daemon/runtime-dir.h"
#include "common/sandbox/refused-calls.h"

#ifdef FAULT_INJECTION
#include "tests/faults/break-out.h"
#endif

#define OPTIONS_MAX 64

static const char *arg_runtime_dir;
static const char *arg_log_level = "info";
static const char *arg_log_format;
static bool arg_core_dumps;

static const struct option_row common_options[] = {
	{ "runtime-dir", 0, OPTION_STRING, &arg_runtime_dir, "DIR",
	  "directory for sockets and kept state (default: $RUNTIME_DIRECTORY, "
	  "$XDG_RUNTIME_DIR/portolan or /tmp/portolan-UID)" },
	{ "log-level", 0, OPTION_STRING, &arg_log_level, "LEVEL", "debug, info, warning or error" },
	{ "log-format", 0, OPTION_STRING, &arg_log_format, "FORMAT",
	  "text, json or journal (default: journal where stderr is connected to it, else text)" },
	{ "core-dumps", 0, OPTION_FLAG, &arg_core_dumps, NULL,
	  "let a crash write a core dump, which holds the private keys that were in memory" },
};

static int on_readyz(void *ctx, const char *query _unused_, struct strbuf *out)
{
	struct daemon *d = ctx;
	bool ready = d->def->ready(d, out);

	if (ready && !out->len)
		strbuf_puts(out, "ok\n");
	return ready ? 200 : 503;
}

static void on_reload(void *ctx)
{
	struct daemon *d = ctx;

	if (d->def->reload)
		d->def->reload(d);
}

char *daemon_path(const struct daemon *d, const char *name)
{
	return xasprintf("%s/%s", d->runtime_dir, name);
}

char *daemon_own_path(const struct daemon *d, const char *name)
{
	return xasprintf("%s/%s/%s", d->runtime_dir, d->def->name, name);
}

/* Messages not yet sent to the supervisor. */
static struct {
	bool reported_ready;
	char *status;
	struct event *retry;
} notice;

static void tell_status(evutil_socket_t fd _unused_, short what _unused_, void *ctx _unused_)
{
	_cleanup_free_ char *text =
		xasprintf("%sSTATUS=%s", notice.reported_ready ? "" : "READY=1\n", notice.status);

	if (notify_send(text) == -EAGAIN)
		event_loop_arm(notice.retry, USEC_PER_SEC);
	else
		notice.reported_ready = true;
}

void daemon_status(struct daemon *d, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	free(notice.status);
	/* systemctl shows it, and a line feed in it would begin another field. */
	notice.status = text_of(text ? text : "");
	if (!notice.retry)
		notice.retry = event_loop_timer(d->loop, tell_status, NULL);
	tell_status(-1, 0, NULL);
}

/* Returns the index of the first word after the options, or -1. */
static int parse(const struct daemon_def *def, int argc, char **argv, int *ret_exit)
{
	struct option_row rows[OPTIONS_MAX] = { 0 };
	_cleanup_free_ char *usage = xasprintf("portolan-%s [OPTION…]%s%s", def->name,
					       def->words ? " " : "", def->words ? def->words : "");
	size_t n = 0;
	int at;

	for (const struct option_row *r = def->options; r && r->name && n < OPTIONS_MAX - 8; r++)
		rows[n++] = *r;
	for (size_t i = 0; i < ARRAY_SIZE(common_options); i++)
		rows[n++] = common_options[i];
	at = options_parse(argc, argv, rows, usage, def->description, ret_exit);
	if (at < 0)
		return -1;
	*ret_exit = 2;
	if (at < argc && !def->words) {
		(void)fprintf(stderr, "unexpected word \"%s\" (--help says more)\n", argv[at]);
		return -1;
	}
	if (log_set_level(arg_log_level) < 0) {
		(void)fprintf(stderr,
			      "--log-level: \"%s\" is not one of debug, info, warning, error\n",
			      arg_log_level);
		return -1;
	}
	if (arg_log_format && log_set_format(arg_log_format) < 0) {
		(void)fprintf(stderr, "--log-format: \"%s\" is not one of text, json, journal\n",
			      arg_log_format);
		return -1;
	}
	return at;
}

static int enter_sandbox(struct daemon *d)
{
	const struct daemon_sandbox *s = &d->def->sandbox;
	_cleanup_(
		sandbox_paths_done) struct sandbox_paths paths = { .runtime_dir = d->runtime_dir };
	_cleanup_free_ char *own = daemon_path(d, d->def->name);
	_cleanup_free_ char *neighbour = s->connects ? daemon_path(d, s->connects) : NULL;
	const char *missing = NULL;
	unsigned allow = s->allow;
	int r;

	if (!s->on)
		return 0;
	if (s->keeps && mkdir(own, 0700) < 0 && errno != EEXIST)
		return log_error_errno(-errno, "cannot make %s: %m", own);
	if (s->keeps)
		sandbox_list_add(&paths.own, own);
	sandbox_list_add(&paths.connect, neighbour);
	if (s->more)
		allow |= s->more(d, &paths);
	r = sandbox_enter(allow, &paths, &missing);
	if (r < 0)
		return log_error_errno(r, "cannot give up what is not needed: %m");
	refused_calls_watch(d->loop);
#ifdef SANITIZED
	/* Not reported in builds with sanitizers, which only developers make. */
	if (missing)
		log_debug("the sandbox lacks %s", missing);
#else
	if (missing)
		log_warning("the sandbox lacks %s", missing);
#endif
	return 0;
}

/* Errors of start() that come from the options: a value that is not valid, a file that is missing
 * or has the wrong content. Other errors may pass: a port that is taken, no memory. */
static bool is_configuration(int r)
{
	static const int errors[] = { EINVAL,  ENOENT,       ENOTDIR, EISDIR,
				      EBADMSG, ENAMETOOLONG, ELOOP,   EDESTADDRREQ };

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (r == -errors[i])
			return true;
	return false;
}

static int start(struct daemon *d)
{
	int r = d->def->start(d);

	if (!is_configuration(r))
		return r;
	d->unusable = true;
	(void)notify_send(
		"STATUS=stopped: the options or what they name cannot be used, see the log");
	return r;
}

static int run(struct daemon *d)
{
	_cleanup_free_ char *path = daemon_path(d, d->def->name), *control = NULL;
	int r;

	control = xasprintf("%s.control", path);
	r = control_new(d->loop, control, &d->control);
	if (r < 0)
		return log_error_errno(r, "cannot listen at %s: %m", control);
	if (d->def->ready)
		control_add(d->control, "/readyz", CONTROL_TEXT, on_readyz, d);
	event_loop_on_reload(d->loop, on_reload, d);
	r = enter_sandbox(d);
#ifdef FAULT_INJECTION
	break_out_page(d);
#endif
	if (r >= 0)
		r = start(d);
	if (r < 0)
		return r;
	r = event_loop_run(d->loop);
	(void)notify_send("STOPPING=1");
	d->def->stop(d);
	return r;
}

/* Two of one stage in a directory would take each other's sockets away. */
static int lock(const char *dir, const char *name)
{
	int pid = 0, fd = runtime_dir_lock(dir, name, &pid);

	if (fd == -EBUSY)
		return log_error_errno(fd, "another %s (pid %d) runs in %s", name, pid, dir);
	if (fd < 0)
		return log_error_errno(fd, "cannot lock %s/%s.lock: %m", dir, name);
	return fd;
}

int daemon_main(const struct daemon_def *def, int argc, char **argv)
{
	_cleanup_(event_loop_freep) struct event_loop *loop = NULL;
	_cleanup_close_ int lock_fd = -1;
	_cleanup_free_ char *dir = NULL;
	struct daemon d = { .def = def };
	int r, at, exit_code;

	alloc_init();
	text_streams_init();
	log_init(def->name);
	at = parse(def, argc, argv, &exit_code);
	if (at < 0)
		return exit_code;
	if (!arg_core_dumps)
		core_dump_forbid();
	if (def->once && (exit_code = def->once()) >= 0)
		return exit_code;
	r = runtime_dir_open(arg_runtime_dir, &dir);
	if (r < 0) {
		log_error_errno(r, "cannot use the runtime directory %s: %m (%s)", dir,
				runtime_dir_explain(r));
		return EXIT_FAILURE;
	}
	lock_fd = lock(dir, def->name);
	if (lock_fd < 0)
		return EXIT_FAILURE;
	loop = event_loop_new();
	d.loop = loop;
	d.runtime_dir = dir;
	d.words = argv + at;
	r = run(&d);
	control_free(d.control);
	refused_calls_end();
	event_freep(&notice.retry);
	free(notice.status);
	return r >= 0 ? EXIT_SUCCESS : d.unusable ? EX_CONFIG : EXIT_FAILURE;
}
