/* portolan-supervisor: starts the programs given to it, and keeps each running. */
#include "supervisor/supervisor.h"

static const struct option_row options[] = {
	{ "watchdog-msec", 0, OPTION_UINT, &supervisor_options.watchdog_msec, "MSEC",
	  "end a program that was silent for so long, and start it again (default 30000; 0: "
	  "never)" },
	{ "stop-msec", 0, OPTION_UINT, &supervisor_options.stop_msec, "MSEC",
	  "what a program gets between SIGTERM and SIGKILL (default 5000)" },
	{ "restart-max-msec", 0, OPTION_UINT, &supervisor_options.restart_max_msec, "MSEC",
	  "the longest delay before a program is started again (default 30000)" },
	{ "drain-seconds", 0, OPTION_UINT, &supervisor_options.drain_seconds, "SECONDS",
	  "let Envoy drain its connections for at most so long before it is ended (default 0)" },
	{ "ready-fd", 0, OPTION_UINT, &supervisor_options.ready_fd, "FD",
	  "write a newline to this descriptor and close it when all programs are ready" },
	{ 0 },
};

static const struct daemon_def def = {
	.name = "supervisor",
	.description = "Starts programs and keeps each of them running by itself: readiness and "
		       "watchdog by\n"
		       "sd_notify(3), restart with growing delays. They start in the order given "
		       "and end in the\n"
		       "opposite one. A program named \"envoy\" is asked at its admin interface "
		       "instead, which\n"
		       "has to be the socket envoy-admin.sock in the runtime directory.",
	.options = options,
	.words = "-- NAME PROGRAM [ARGUMENT…] [-- NAME PROGRAM [ARGUMENT…]]…",
	.start = supervisor_start,
	.stop = supervisor_stop,
	.reload = supervisor_reload,
	.ready = supervisor_ready,
};

int main(int argc, char **argv)
{
	return daemon_main(&def, argc, argv);
}
