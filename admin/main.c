/* portolan-admin: one HTTP port for people and Prometheus. */
#include "admin/admin.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/daemon/stage.h"

static const struct option_row options[] = {
	{ "admin-address", 0, OPTION_STRING, &admin_options.address, "ADDRESS:PORT",
	  "where to listen (default 127.0.0.1:8000; port 0: any free one)" },
	{ 0 },
};

/* The stages that it asks. */
static unsigned allow_more(const struct daemon *d, struct sandbox_paths *paths)
{
	for (size_t i = 0; i < STAGES; i++) {
		_cleanup_free_ char *path =
			xasprintf("%s/%s.control", d->runtime_dir, stages[i].name);

		sandbox_list_add(&paths->connect, path);
	}
	return 0;
}

static const struct daemon_def def = {
	.name = "admin",
	.description =
		"Shows health, readiness, metrics and debug pages of all stages on one HTTP port.\n"
		"It can only read, and holds no credentials.",
	.options = options,
	.start = admin_start,
	.stop = admin_stop,
	.ready = admin_ready,
	.sandbox = { .on = true, .allow = SANDBOX_NETWORK, .more = allow_more },
};

int main(int argc, char **argv)
{
	return daemon_main(&def, argc, argv);
}
