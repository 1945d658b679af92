/* portolan-envoy-shutdown: an Envoy's preStop hook runs it, or a unit's ExecStop=. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/address.h"
#include "common/base/cleanup.h"
#include "common/base/options.h"
#include "envoy-shutdown/drain.h"

#define EXIT_USAGE   2
#define EXIT_TIMEOUT 3

static const char *arg_log;
static struct drain arg = {
	.admin = "/run/envoy/admin.sock",
	.unready_after = 5,
	.min_seconds = 5,
	.max_seconds = 50,
};

static const struct option_row options[] = {
	{ "admin", 0, OPTION_STRING, &arg.admin, "PATH|ADDRESS:PORT",
	  "Envoy's admin interface (default: /run/envoy/admin.sock)" },
	{ "unready-after", 0, OPTION_UINT, &arg.unready_after, "SECONDS",
	  "how long Envoy still says that it is ready, so that load balancers can hear of it first "
	  "(default 5)" },
	{ "min-seconds", 0, OPTION_UINT, &arg.min_seconds, "SECONDS",
	  "how long it takes at least (default 5)" },
	{ "max-seconds", 0, OPTION_UINT, &arg.max_seconds, "SECONDS",
	  "how long it takes at most; less than the pod's grace period (default 50)" },
	{ "min-connections", 0, OPTION_UINT, &arg.min_connections, "N",
	  "be content when so many connections are left (default 0)" },
	{ "log", 0, OPTION_STRING, &arg_log, "FILE",
	  "say there what happens, not on standard error; /proc/1/fd/2 is the container's log" },
	{ 0 },
};

static const char *wrong(void)
{
	struct sockaddr_storage a;
	socklen_t len;

	if (arg.admin[0] != '/' && address_parse(arg.admin, &a, &len) < 0)
		return "--admin: an absolute path or ADDRESS:PORT is wanted";
	if (arg.min_seconds > arg.max_seconds || arg.unready_after > arg.max_seconds)
		return "--max-seconds must not be less than --min-seconds and --unready-after";
	return NULL;
}

/* Without that file the lines go to stderr as before: no reason to cut requests. */
static void log_to(const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
		(void)fprintf(stderr, "portolan-envoy-shutdown: cannot write to %s: %m\n", path);
	if (fd >= 0)
		(void)close(fd);
}

int main(int argc, char **argv)
{
	const char *why;
	int exit_code, at;

	at = options_parse(
		argc, argv, options, "portolan envoy shutdown [OPTION…]",
		"Takes an Envoy out of service without cutting a request, and returns when it may "
		"be ended:\n"
		"it tells clients to go, then says that it is not ready, and waits for connections "
		"to end.\n"
		"Exits 0 if none is left, 1 if Envoy does not answer, 3 if the time is over.",
		&exit_code);
	if (at < 0)
		return exit_code;
	why = at < argc ? "there is nothing to name besides options" : wrong();
	if (why) {
		(void)fprintf(stderr, "portolan-envoy-shutdown: %s (--help says more)\n", why);
		return EXIT_USAGE;
	}
	if (arg_log)
		log_to(arg_log);
	switch (drain_run(&arg)) {
	case DRAIN_DONE:
		return EXIT_SUCCESS;
	case DRAIN_TIMEOUT:
		return EXIT_TIMEOUT;
	default:
		return EXIT_FAILURE;
	}
}
