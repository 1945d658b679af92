/* portolan health: asks one stage, for exec probes of the kubelet and for scripts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/options.h"
#include "common/daemon/control-client.h"
#include "common/daemon/runtime-dir.h"
#include "common/daemon/stage.h"
#include "portolan/ask-stages.h"
#include "portolan/commands.h"

static const char *arg_runtime_dir;
static bool arg_ready;
static unsigned arg_timeout_msec = 3000;

static const struct option_row options[] = {
	{ "ready", 0, OPTION_FLAG, &arg_ready, NULL,
	  "ask whether it is ready, not only whether it lives" },
	{ "timeout-msec", 0, OPTION_UINT, &arg_timeout_msec, "MSEC",
	  "how long to wait for the answer (default 3000)" },
	{ "runtime-dir", 0, OPTION_STRING, &arg_runtime_dir, "DIR",
	  "Portolan's directory of sockets (default: $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR/portolan "
	  "or "
	  "/tmp/portolan-UID)" },
	{ 0 },
};

int cmd_health(const struct command *c, int argc, char **argv)
{
	struct stage_question q = { 0 };
	_cleanup_free_ char *dir = NULL;
	int at, exit_code;

	at = command_parse(
		c, argc, argv, options,
		"Exits 0 if the stage (watcher, translator, xds-server, admin, supervisor) is "
		"well, else 1.",
		1, &exit_code);
	if (at < 0)
		return exit_code;
	if (at == argc || !stage_find(argv[at], strlen(argv[at])))
		return command_misused(c,
				       "say which stage: watcher, translator, xds-server, admin or "
				       "supervisor");
	(void)runtime_dir_find(arg_runtime_dir, &dir);
	q.stage = argv[at];
	q.target = arg_ready ? "/readyz" : "/healthz";
	ask_stages(dir, &q, 1, arg_timeout_msec * USEC_PER_MSEC);
	if (q.error)
		(void)printf("%s %s (in %s)\n", q.stage, control_error(q.error), dir);
	else
		(void)printf("%s", strbuf_str(&q.body));
	exit_code = q.error == 0 && q.status == 200 ? EXIT_SUCCESS : EXIT_FAILURE;
	stage_question_done(&q);
	return exit_code;
}
