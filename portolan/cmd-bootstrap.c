/* portolan bootstrap: writes the file that Envoy starts with. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/log.h"
#include "common/base/options.h"
#include "common/base/word.h"
#include "common/daemon/runtime-dir.h"
#include "portolan/bootstrap.h"
#include "portolan/commands.h"
#include "portolan/output-file.h"
#include "portolan/program.h"

static const char *arg_runtime_dir, *arg_sds_dir, *arg_shutdown_program;
static struct bootstrap arg = {
	.node_cluster = "portolan",
	.tls_name = "portolan",
	.max_connections = 50000,
};

static const struct option_row options[] = {
	{ "xds-address", 0, OPTION_STRING, &arg.xds_address, "ADDRESS",
	  "where Envoy finds portolan-xds-server: unix:PATH, or HOST:PORT (default: the "
	  "socket " RUNTIME_XDS " in the runtime directory)" },
	{ "check-path", 0, OPTION_STRING, &arg.check_path, "PATH",
	  "Unix socket where Envoy finds portolan-passwords (default: " RUNTIME_CHECK
	  " in the folder of xds-server's socket, and none with HOST:PORT)" },
	{ "check-address", 0, OPTION_STRING, &arg.check_address, "HOST:PORT",
	  "instead, a server that takes TLS as portolan-xds-server does and passes bytes on to "
	  "portolan-passwords; with --tls-…" },
	{ "admin-path", 0, OPTION_STRING, &arg.admin_path, "PATH",
	  "Unix socket of Envoy's admin interface (default: " RUNTIME_ENVOY_ADMIN
	  " in the runtime directory)" },
	{ "admin-address", 0, OPTION_STRING, &arg.admin_address, "ADDRESS:PORT",
	  "put the admin interface there instead; whoever reaches it can stop Envoy" },
	{ "node-id", 0, OPTION_STRING, &arg.node_id, "NAME",
	  "how Envoy introduces itself (default: this host's name)" },
	{ "node-cluster", 0, OPTION_STRING, &arg.node_cluster, "NAME",
	  "the group it belongs to (default: portolan)" },
	{ "tls-cert", 0, OPTION_STRING, &arg.tls_cert, "FILE",
	  "Envoy's certificate towards portolan-xds-server, on Envoy's host" },
	{ "tls-key", 0, OPTION_STRING, &arg.tls_key, "FILE", "its private key" },
	{ "tls-ca", 0, OPTION_STRING, &arg.tls_ca, "FILE",
	  "what portolan-xds-server's certificate must be signed by" },
	{ "tls-name", 0, OPTION_STRING, &arg.tls_name, "NAME",
	  "DNS name that portolan-xds-server's certificate must have (default: portolan)" },
	{ "sds-dir", 0, OPTION_STRING, &arg_sds_dir, "DIR",
	  "with --tls-…: where two small files are written that name certificate and CA, so that "
	  "Envoy "
	  "sees them change (default: where FILE is)" },
	{ "max-connections", 0, OPTION_UINT, &arg.max_connections, "N",
	  "connections that Envoy takes from clients (default 50000)" },
	{ "max-heap-mb", 0, OPTION_UINT, &arg.max_heap_mb, "N",
	  "megabytes of memory near which Envoy refuses requests (default: no limit)" },
	{ "all-stats", 0, OPTION_FLAG, &arg.all_stats, NULL,
	  "keep all statistics of each cluster, not only those that dashboards show" },
	{ "shutdown-program", 0, OPTION_STRING, &arg_shutdown_program, "FILE",
	  "also put a copy of the program behind portolan envoy shutdown there, which runs in "
	  "Envoy's own container without any library" },
	{ "runtime-dir", 0, OPTION_STRING, &arg_runtime_dir, "DIR",
	  "Portolan's directory of sockets (default: $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR/portolan "
	  "or "
	  "/tmp/portolan-UID)" },
	{ 0 },
};

/* DIR/NAME as an absolute path: Envoy may be started from elsewhere. */
static char *path_in(const char *dir, const char *name)
{
	_cleanup_free_ char *real = realpath(dir, NULL);

	return real ? xasprintf("%s/%s", real, name) : NULL;
}

static int find_sds_dir(const char *file, char **ret)
{
	const char *slash = strrchr(file, '/');

	if (arg_sds_dir) {
		*ret = xstrdup(arg_sds_dir);
		return 0;
	}
	if (strcmp(file, "-") == 0)
		return -EINVAL;
	*ret = slash ? xstrndup(file, (size_t)(slash - file) + 1) : xstrdup(".");
	return 0;
}

static int write_file(const char *path, const struct strbuf *content)
{
	int r = output_file_write(path, content, 0044);

	if (r < 0) {
		errno = -r;
		(void)fprintf(stderr, "portolan bootstrap: cannot write %s: %m\n", path);
	}
	return r;
}

static int write_sds(void)
{
	_cleanup_strbuf_ struct strbuf cert = STRBUF_INIT, ca = STRBUF_INIT;
	int r;

	bootstrap_write_sds_cert(&arg, &cert);
	bootstrap_write_sds_ca(&arg, &ca);
	r = write_file(arg.sds_cert, &cert);
	return r < 0 ? r : write_file(arg.sds_ca, &ca);
}

static int prepare_tls(const struct command *c, const char *file)
{
	static const char why[] = "--sds-dir is needed where the bootstrap goes to standard output";
	_cleanup_free_ char *dir = NULL;

	if (find_sds_dir(file, &dir) < 0)
		return command_misused(c, why);
	arg.sds_cert = path_in(dir, "envoy-xds-certificate.yaml");
	arg.sds_ca = path_in(dir, "envoy-xds-ca.yaml");
	if (!arg.sds_cert || !arg.sds_ca) {
		(void)fprintf(stderr, "portolan bootstrap: cannot use %s: %m\n", dir);
		return EXIT_FAILURE;
	}
	return write_sds() < 0 ? EXIT_FAILURE : 0;
}

static int copy_shutdown_program(void)
{
	_cleanup_free_ char *from = program_find("portolan-envoy-shutdown");
	int r;

	if (!from)
		return -ENOENT;
	r = output_file_copy(from, arg_shutdown_program, 0155);
	if (r < 0) {
		errno = -r;
		(void)fprintf(stderr, "portolan bootstrap: cannot copy %s to %s: %m\n", from,
			      arg_shutdown_program);
	}
	return r;
}

static void set_defaults(void)
{
	static char host[256];

	if (!arg.xds_address) {
		_cleanup_free_ char *dir = NULL;

		(void)runtime_dir_find(arg_runtime_dir, &dir);
		arg.xds_address = xasprintf(BOOTSTRAP_UNIX "%s/" RUNTIME_XDS, dir);
	}
	if (!arg.admin_path && !arg.admin_address) {
		_cleanup_free_ char *dir = NULL;

		(void)runtime_dir_find(arg_runtime_dir, &dir);
		arg.admin_path = xasprintf("%s/" RUNTIME_ENVOY_ADMIN, dir);
	}
	if (!arg.node_id && gethostname(host, sizeof(host) - 1) == 0)
		arg.node_id = host;
	if (!arg.node_id || !*arg.node_id)
		arg.node_id = "envoy";
}

int cmd_bootstrap(const struct command *c, int argc, char **argv)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	const char *file, *why;
	int at, exit_code;

	at = command_parse(
		c, argc, argv, options,
		"Writes the bootstrap with which Envoy (1.36 to 1.40) finds Portolan, as YAML, "
		"to FILE or\nstandard output.",
		1, &exit_code);
	if (at < 0)
		return exit_code;
	file = at < argc ? argv[at] : "-";
	if (arg.admin_path && arg.admin_address)
		return command_misused(c, "--admin-path and --admin-address exclude each other");
	if (word_ends_with(file, ".json"))
		return command_misused(
			c, "the bootstrap is YAML, which Envoy does not take from a file "
			   "named .json: call it .yaml");
	set_defaults();
	why = bootstrap_check(&arg);
	if (why)
		return command_misused(c, why);
	if (arg.tls_cert) {
		exit_code = prepare_tls(c, file);
		if (exit_code)
			return exit_code;
	}
	if (arg_shutdown_program && copy_shutdown_program() < 0)
		return EXIT_FAILURE;
	bootstrap_write(&arg, &out);
	if (strcmp(file, "-") != 0)
		return write_file(file, &out) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	return fwrite(out.s, 1, out.len, stdout) == out.len && fflush(stdout) == 0 ? EXIT_SUCCESS
										   : EXIT_FAILURE;
}
