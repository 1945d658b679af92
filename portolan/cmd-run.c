/* portolan run and portolan replay: becomes the supervisor of all stages, and of Envoy if asked. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/options.h"
#include "common/configuration/configuration-file.h"
#include "common/configuration/configuration.h"
#include "common/daemon/control-client.h"
#include "common/daemon/runtime-dir.h"
#include "portolan/ask-stages.h"
#include "portolan/bootstrap.h"
#include "portolan/commands.h"
#include "portolan/output-file.h"
#include "portolan/port-choice.h"
#include "portolan/program.h"
#include "portolan/run-screen.h"
#include "portolan/stage-options.h"

#define NEXT_TIMEOUT_USEC (60 * USEC_PER_SEC)

static const char *arg_runtime_dir, *arg_envoy, *arg_envoy_bootstrap, *arg_try;
static const char *arg_envoy_log_level = "warning";
static unsigned arg_envoy_concurrency;
static bool arg_no_screen, arg_record_redact;
static const char *arg_record;

static const struct option_row own_options[] = {
	{ "envoy", 0, OPTION_MAYBE, &arg_envoy, "PATH",
	  "run an Envoy too (default: the one in $PATH, or the one that scripts/venv has "
	  "fetched)" },
	{ "envoy-concurrency", 0, OPTION_UINT, &arg_envoy_concurrency, "N",
	  "its worker threads (default: one a processor)" },
	{ "envoy-log-level", 0, OPTION_STRING, &arg_envoy_log_level, "LEVEL",
	  "trace, debug, info, warning, error or off (default: warning)" },
	{ "envoy-bootstrap", 0, OPTION_STRING, &arg_envoy_bootstrap, "FILE",
	  "start it with this file of portolan bootstrap's, not one made here; its admin interface "
	  "must be "
	  "the socket " RUNTIME_ENVOY_ADMIN " in the runtime directory" },
	{ "no-screen", 0, OPTION_FLAG, &arg_no_screen, NULL,
	  "do not show what runs where when all is ready" },
	{ "record", 0, OPTION_STRING, &arg_record, "FILE",
	  "record what the watcher sees, as portolan record does (default: $PORTOLAN_RECORD, if it "
	  "is set)" },
	{ "record-redact", 0, OPTION_FLAG, &arg_record_redact, NULL,
	  "with --record: without what is in Secrets (or $PORTOLAN_RECORD_REDACT=yes)" },
	{ "try-file", 0, OPTION_STRING, &arg_try, "FILE",
	  "show this text on that screen, in the place of the general hints" },
	{ "runtime-dir", 0, OPTION_STRING, &arg_runtime_dir, "DIR",
	  "directory for sockets and kept state (default: $RUNTIME_DIRECTORY, "
	  "$XDG_RUNTIME_DIR/portolan or /tmp/portolan-UID)" },
};

enum { PORT_XDS, PORT_ADMIN, PORT_HTTP, PORT_HTTPS, PORTS };

static const struct stage {
	const char *name, *program;
	unsigned options;
} stages[] = {
	/* In the order in which they start; they end in the opposite one, Envoy before all. */
	{ "admin", "portolan-admin", FOR_ADMIN },
	{ "watcher", "portolan-watcher", FOR_WATCHER },
	{ "translator", "portolan-translator", FOR_TRANSLATOR },
	{ "xds-server", "portolan-xds-server", FOR_XDS_SERVER },
};

static const char *option_or(const char *name, const char *otherwise)
{
	const char *value = stage_option(name);

	return value ? value : otherwise;
}

static char *join(const char *host, const char *port)
{
	bool ipv6 = strchr(host, ':') != NULL;

	return xasprintf("%s%s%s:%s", ipv6 ? "[" : "", host, ipv6 ? "]" : "", port);
}

/* The configuration file's content; NULL: it is missing or wrong. The watcher reports faults of the
 * file. */
static K8s__ContourConfigurationSpec *read_file(struct arena *arena)
{
	_cleanup_(configuration_file_freep) struct configuration_file *file = NULL;
	const char *path = stage_option("config");
	K8s__ContourConfiguration *object;
	const uint8_t *bytes;
	size_t n;

	if (!path || configuration_file_load(path, &file) < 0)
		return NULL;
	bytes = configuration_file_object(file, &n);
	object = bytes ? k8s__contour_configuration__unpack(arena_pb(arena), n, bytes) : NULL;
	return object ? object->spec : NULL;
}

/* The ports of the configuration file, unless options give others. */
static void take_ports_of_file(void)
{
	static const struct {
		const char *option, *setting;
	} rows[] = {
		{ "http-port", "envoy.http.port" },
		{ "https-port", "envoy.https.port" },
	};
	static char ports[ARRAY_SIZE(rows)][16];
	_cleanup_(arena_freep) struct arena *arena = arena_new(4096);
	K8s__ContourConfigurationSpec *spec = read_file(arena);

	for (size_t i = 0; i < ARRAY_SIZE(rows) && spec; i++) {
		struct configuration_setting s;

		if (stage_option(rows[i].option) ||
		    !configuration_find(spec, rows[i].setting, &s) || !configuration_is_set(&s))
			continue;
		(void)snprintf(ports[i], sizeof(ports[i]), "%d", *(int32_t *)s.at);
		stage_option_set(rows[i].option, ports[i]);
	}
}

/* Whether Ingresses of ingress-nginx are served: their passwords must be checked. An object may
 * enable them later. */
static bool needs_passwords(void)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(4096);
	K8s__ContourConfigurationSpec *spec = read_file(arena);

	return stage_option("contour-config-name") || stage_option_given("ingress-nginx") ||
	       (spec && spec->portolan && spec->portolan->ingress_nginx &&
		spec->portolan->ingress_nginx->enabled);
}

/* Envoys elsewhere have ports of their own: without one here only our own ports are checked. */
static int choose_ports(struct port_choice *ports, const char *dir)
{
	const char *host = option_or("listen-address", "0.0.0.0");
	const char *xds = stage_option("xds-address");
	int r;

	take_ports_of_file();
	ports[PORT_XDS] =
		(struct port_choice){ "--xds-address",
				      xds ? xstrdup(xds)
					  : xasprintf(BOOTSTRAP_UNIX "%s/" RUNTIME_XDS, dir) };
	ports[PORT_ADMIN] =
		(struct port_choice){ "--admin-address",
				      xstrdup(option_or("admin-address", "127.0.0.1:8000")) };
	ports[PORT_HTTP] =
		(struct port_choice){ "--http-port", join(host, option_or("http-port", "8080")) };
	ports[PORT_HTTPS] =
		(struct port_choice){ "--https-port", join(host, option_or("https-port", "8443")) };
	r = port_choices_make(ports, arg_envoy ? PORTS : PORT_HTTP);
	if (r < 0)
		return r;
	if (xds)
		stage_option_set("xds-address", ports[PORT_XDS].address);
	stage_option_set("admin-address", ports[PORT_ADMIN].address);
	if (arg_envoy) {
		stage_option_set("http-port", strrchr(ports[PORT_HTTP].address, ':') + 1);
		stage_option_set("https-port", strrchr(ports[PORT_HTTPS].address, ':') + 1);
	}
	return 0;
}

static int open_runtime_dir(char **ret)
{
	int fd, pid = 0, r = runtime_dir_open(arg_runtime_dir, ret);

	if (r < 0) {
		errno = -r;
		(void)fprintf(stderr,
			      "portolan run: cannot use the runtime directory %s: %m (%s)\n", *ret,
			      runtime_dir_explain(r));
		return r;
	}
	/* The supervisor takes the lock for good; it is tried here so that its message comes before
	 * "port taken". */
	fd = runtime_dir_lock(*ret, "supervisor", &pid);
	if (fd == -EBUSY)
		(void)fprintf(
			stderr,
			"portolan run: Portolan runs here already (pid %d, runtime directory %s); "
			"another one needs another --runtime-dir and other ports\n",
			pid, *ret);
	if (fd < 0)
		return fd;
	(void)close(fd);
	return 0;
}

/* The socket of portolan-passwords: beside xds-server's, where foreign Envoys look, too. */
static char *check_path(const char *dir)
{
	const char *xds = stage_option("xds-address"), *slash = NULL;
	size_t n = strlen(BOOTSTRAP_UNIX);

	if (xds && strncmp(xds, BOOTSTRAP_UNIX, n) == 0)
		slash = strrchr(xds, '/');
	return slash ? xasprintf("%.*s/" RUNTIME_CHECK, (int)(slash - xds - (ptrdiff_t)n), xds + n)
		     : xasprintf("%s/" RUNTIME_CHECK, dir);
}

static int write_bootstrap(const char *dir, const struct port_choice *ports, char **ret)
{
	_cleanup_free_ char *admin = xasprintf("%s/" RUNTIME_ENVOY_ADMIN, dir);
	_cleanup_free_ char *path = xasprintf("%s/envoy.yaml", dir);
	_cleanup_free_ char *check = check_path(dir);
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct bootstrap b = {
		.xds_address = ports[PORT_XDS].address,
		.check_path = check,
		.admin_path = admin,
		.node_id = "portolan-run",
		.node_cluster = "portolan",
		.max_connections = 50000,
	};
	int r;

	if (stage_option("tls-cert")) {
		(void)fprintf(stderr,
			      "portolan run: an xDS port with TLS needs an Envoy with a "
			      "certificate: write its "
			      "bootstrap with\nportolan bootstrap --tls-cert … --admin-path %s "
			      "FILE\nand give it "
			      "with --envoy-bootstrap FILE\n",
			      admin);
		return -EINVAL;
	}
	bootstrap_write(&b, &out);
	r = output_file_write(path, &out, 0);
	if (r < 0) {
		errno = -r;
		(void)fprintf(stderr, "portolan run: cannot write %s: %m\n", path);
		return r;
	}
	*ret = TAKE_PTR(path);
	return 0;
}

/* Its log lines look like ours and go where ours go. */
static void add_log_format(struct words *w)
{
	const char *format = option_or("log-format", "text");

	words_add(w, "--log-format");
	words_add(w,
		  strcmp(format, "json") == 0
			  ? "{\"time\":\"%Y-%m-%dT%T.%fZ\",\"level\":\"%l\",\"process\":\"envoy\","
			    "\"message\":\"%j\"}"
			  : "%Y-%m-%dT%T.%fZ %-7l envoy: [%n] %_");
	words_add(w, "--log-level");
	words_add(w, arg_envoy_log_level);
	/* At "warning" Envoy's component "misc" names each deprecated field that we must use for
	 * the oldest Envoy that we serve. The user cannot change that. */
	if (strcmp(arg_envoy_log_level, "warning") == 0) {
		words_add(w, "--component-log-level");
		words_add(w, "misc:error");
	}
}

static int add_envoy(struct words *w, const char *dir, const struct port_choice *ports)
{
	_cleanup_free_ char *bootstrap = NULL;
	char *path = program_find_envoy(arg_envoy);
	int r = 0;

	if (!path)
		return -ENOENT;
	words_add(w, "--");
	words_add(w, "envoy");
	words_take(w, path);
	if (arg_envoy_bootstrap)
		bootstrap = xstrdup(arg_envoy_bootstrap);
	else
		r = write_bootstrap(dir, ports, &bootstrap);
	if (r < 0)
		return r;
	words_add(w, "--config-path");
	words_add(w, bootstrap);
	words_add(w, "--disable-hot-restart"); /* which would need a number of its own an Envoy */
	if (arg_envoy_concurrency) {
		words_add(w, "--concurrency"); /* Envoy takes no "=" */
		words_take(w, xasprintf("%u", arg_envoy_concurrency));
	}
	add_log_format(w);
	return 0;
}

static int add_stage(struct words *w, const struct stage *s, const char *dir)
{
	char *path = program_find(s->program);

	if (!path)
		return -ENOENT;
	words_add(w, "--");
	words_add(w, s->name);
	words_take(w, path);
	words_take(w, xasprintf("--runtime-dir=%s", dir));
	stage_options_pass(w, s->options);
	return 0;
}

static int add_passwords(struct words *w, const char *dir)
{
	static const struct stage passwords = { "passwords", "portolan-passwords", FOR_PASSWORDS };
	_cleanup_free_ char *path = NULL;
	int r;

	if (!needs_passwords())
		return 0;
	r = add_stage(w, &passwords, dir);
	if (r < 0)
		return r;
	path = check_path(dir);
	words_take(w, xasprintf("--listen=%s", path));
	if (stage_option("xds-group"))
		words_take(w, xasprintf("--group=%s", stage_option("xds-group")));
	return 0;
}

static int add_recorder(struct words *w, const char *dir)
{
	static const struct stage recorder = { "recorder", "portolan-recorder", FOR_RECORDER };
	int r = arg_record ? add_stage(w, &recorder, dir) : 0;

	if (r < 0 || !arg_record)
		return r;
	if (arg_record_redact)
		words_add(w, "--redact");
	words_add(w, arg_record);
	return 0;
}

static int make_command(struct words *w, const char *dir, const struct port_choice *ports)
{
	char *path = program_find("portolan-supervisor");
	int r = path ? 0 : -ENOENT;

	if (r < 0)
		return r;
	words_take(w, path);
	words_take(w, xasprintf("--runtime-dir=%s", dir));
	stage_options_pass(w, FOR_SUPERVISOR);
	for (size_t i = 0; i < ARRAY_SIZE(stages) && r == 0; i++)
		r = add_stage(w, &stages[i], dir);
	if (r == 0)
		r = add_passwords(w, dir);
	if (r == 0)
		r = add_recorder(w, dir);
	return r == 0 && arg_envoy ? add_envoy(w, dir, ports) : r;
}

/* --ready-fd is for the screen, unless the user wants it. */
static int prepare_screen(const char *dir, const struct port_choice *ports)
{
	struct run_screen screen = {
		.runtime_dir = dir,
		.http = ports[PORT_HTTP].address,
		.https = ports[PORT_HTTPS].address,
		.xds = ports[PORT_XDS].address,
		.admin = ports[PORT_ADMIN].address,
		.envoy = arg_envoy != NULL,
		.try_file = arg_try,
	};
	static char number[16];
	int ends[2];

	if (arg_no_screen || stage_option("ready-fd"))
		return 0;
	if (pipe(ends) < 0)
		return -errno;
	(void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
	(void)fcntl(ends[1], F_SETFD, 0);
	run_screen_wait_and_print(&screen, ends);
	(void)close(ends[0]);
	(void)snprintf(number, sizeof(number), "%d", ends[1]);
	stage_option_set("ready-fd", number);
	return 0;
}

static void free_ports(struct port_choice (*ports)[PORTS])
{
	for (size_t i = 0; i < PORTS; i++)
		free((*ports)[i].address);
}

static int run(void)
{
	_cleanup_(free_ports) struct port_choice ports[PORTS] = { 0 };
	_cleanup_(words_done) struct words w = { 0 };
	_cleanup_free_ char *dir = NULL;

	if (open_runtime_dir(&dir) < 0 || choose_ports(ports, dir) < 0 ||
	    prepare_screen(dir, ports) < 0 || make_command(&w, dir, ports) < 0)
		return EXIT_FAILURE; /* which closes the pipe that the screen waits for */
	(void)execv(w.v[0], w.v);
	(void)fprintf(stderr, "portolan run: cannot execute %s: %m\n", w.v[0]);
	return EXIT_FAILURE;
}

/* The watcher looks there by itself. */
static bool has_env(const char *name)
{
	const char *value = getenv(name);

	return value && *value;
}

static bool has_source(void)
{
	return stage_option_given("manifests") || stage_option_given("replay") ||
	       stage_option_given("kubeconfig") || stage_option_given("context") ||
	       stage_option_given("in-cluster") || has_env("KUBECONFIG") ||
	       has_env("KUBERNETES_SERVICE_HOST");
}

/* Where the command line is the image's, and the environment the pod's. */
static void record_as_environment_says(void)
{
	const char *file = getenv("PORTOLAN_RECORD");

	if (!arg_record && file && *file) {
		arg_record = file;
		arg_record_redact |= has_env("PORTOLAN_RECORD_REDACT");
	}
}

int cmd_run(const struct command *c, int argc, char **argv)
{
	struct option_row options[ARRAY_SIZE(own_options) + STAGE_OPTIONS_MAX + 1] = { 0 };
	size_t n = stage_options_rows(FOR_ALL, options);
	int exit_code;

	memcpy(options + n, own_options, sizeof(own_options));
	if (command_parse(c, argc, argv, options,
			  "Starts all stages here and keeps each of them running; with --envoy, an "
			  "Envoy that "
			  "they\nconfigure. Ends them in order on SIGTERM or Ctrl-C.",
			  0, &exit_code) < 0)
		return exit_code;
	record_as_environment_says();
	if (!has_source())
		return command_misused(c, "say where the objects are with --manifests PATH, "
					  "--kubeconfig FILE or --in-cluster");
	return run();
}

/* ---- replay ---- */

static const char *arg_speed, *arg_until;
static const char *arg_next;

static const struct option_row replay_options[] = {
	{ "speed", 0, OPTION_STRING, &arg_speed, "N",
	  "so many times as fast as it was; max: as fast as it goes; step: when portolan replay "
	  "--next asks "
	  "for it (default: 1)" },
	{ "until", 0, OPTION_STRING, &arg_until, "MOMENT",
	  "stop there: a time (2026-01-31T12:00:00Z), an offset (+90s), or the number of a world" },
	{ "next", 0, OPTION_MAYBE, &arg_next, "N",
	  "play N more changes (default 1) in the replay that runs with --speed step, say where it "
	  "is, and "
	  "exit" },
};

static int next(void)
{
	_cleanup_free_ char *dir = NULL,
			    *target = xasprintf("/replay/step?n=%s", *arg_next ? arg_next : "1");
	struct stage_question q = { .stage = "watcher", .target = target };
	int exit_code = EXIT_FAILURE;

	if (strspn(arg_next, "0123456789") != strlen(arg_next)) {
		(void)fprintf(stderr, "portolan replay: --next: \"%s\" is not a number\n",
			      arg_next);
		return EXIT_USAGE;
	}
	(void)runtime_dir_find(arg_runtime_dir, &dir);
	ask_stages(dir, &q, 1, NEXT_TIMEOUT_USEC);
	if (q.error)
		(void)fprintf(stderr, "portolan replay: the watcher in %s %s\n", dir,
			      control_error(q.error));
	else if (q.status != 200)
		(void)fprintf(stderr, "portolan replay: no replay with --speed step runs in %s\n",
			      dir);
	else if (fputs(strbuf_str(&q.body), stdout) >= 0)
		exit_code = EXIT_SUCCESS;
	stage_question_done(&q);
	return exit_code;
}

int cmd_replay(const struct command *c, int argc, char **argv)
{
	struct option_row options[ARRAY_SIZE(own_options) + ARRAY_SIZE(replay_options) +
				  STAGE_OPTIONS_MAX + 1] = { 0 };
	size_t n = stage_options_rows(FOR_TRANSLATOR | FOR_XDS_SERVER | FOR_ADMIN | FOR_SUPERVISOR,
				      options);
	int at, exit_code;

	memcpy(options + n, own_options, sizeof(own_options));
	memcpy(options + n + ARRAY_SIZE(own_options), replay_options, sizeof(replay_options));
	at = command_parse(
		c, argc, argv, options,
		"Starts all stages on a recording: the watcher plays what is in FILEs (the oldest "
		"first), and all that\nfollows does what it did then. With --envoy, an Envoy too.",
		argc, &exit_code);
	if (at < 0)
		return exit_code;
	if (arg_next) {
		if (!*arg_next && at < argc)
			arg_next = argv[at]; /* "--next 10", as well as "--next=10" */
		return next();
	}
	if (at == argc)
		return command_misused(c, "say which recording");
	for (; at < argc; at++)
		stage_option_add("replay", argv[at]);
	if (arg_speed)
		stage_option_set("replay-speed", arg_speed);
	if (arg_until)
		stage_option_set("replay-until", arg_until);
	return run();
}
