/* portolan-admin: one HTTP port for people and Prometheus. */
#include "admin/admin.h"

static const struct option_row options[] = {
	{ "admin-address", 0, OPTION_STRING, &admin_options.address, "ADDRESS:PORT",
	  "where to listen (default 127.0.0.1:8000; port 0: any free one)" },
	{ 0 },
};

static const struct daemon_def def = {
	.name = "admin",
	.description = "Shows health, readiness, metrics and debug pages of all stages on one HTTP port.\n"
		       "It can only read, and holds no credentials.",
	.options = options,
	.start = admin_start,
	.stop = admin_stop,
	.ready = admin_ready,
	.sandbox = { .on = true, .allow = SANDBOX_NETWORK | SANDBOX_READ },
};

int main(int argc, char **argv)
{
	return daemon_main(&def, argc, argv);
}
