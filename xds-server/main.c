/* portolan-xds-server: serves the translator's resources to Envoys over gRPC. */
#include <stdio.h>
#include <string.h>

#include "common/base/address.h"
#include "common/base/cleanup.h"
#include "common/daemon/origin.h"
#include "xds-server/xds-server.h"

static const struct option_row options[] = {
	{ "xds-address", 0, OPTION_STRING, &xds_server_options.address, "ADDRESS",
	  "where Envoys connect: unix:PATH, or HOST:PORT with --tls-cert (default: the socket "
	  "xds.sock in the runtime directory)" },
	{ "xds-group", 0, OPTION_STRING, &xds_server_options.group, "GROUP",
	  "let processes of this group connect by that socket, beside those of our user and root" },
	{ "tls-cert", 0, OPTION_STRING, &xds_server_options.cert, "FILE",
	  "certificate (PEM); it, its key and the authority are read again when they change" },
	{ "tls-key", 0, OPTION_STRING, &xds_server_options.key, "FILE", "its private key (PEM)" },
	{ "tls-ca", 0, OPTION_STRING, &xds_server_options.ca, "FILE",
	  "authority that has signed the Envoys' certificates (PEM)" },
	{ "insecure-plaintext", 0, OPTION_FLAG, &xds_server_options.plaintext, NULL,
	  "serve HOST:PORT without TLS: whoever reaches it can read all private keys" },
	{ "max-streams", 0, OPTION_UINT, &xds_server_options.max_streams, "N",
	  "streams that are open at a time (default: 16384); from one address three quarters of "
	  "them, on one connection 1024" },
	{ "first-request-timeout", 0, OPTION_UINT, &xds_server_options.first_request_seconds,
	  "SECONDS", "end a stream on which nothing is asked for so long (default: 10)" },
	{ "max-stream-age", 0, OPTION_UINT, &xds_server_options.max_age_seconds, "SECONDS",
	  "end a TCP connection's streams after this and up to a fifth more, so that Envoys spread "
	  "over replicas again; 0: never (default: 3600)" },
	{ 0 },
};

static bool dir_of(const char *path, char *ret, size_t size)
{
	const char *slash = strrchr(path, '/');
	int n = slash ? (int)(slash - path) : 0;

	return n > 0 && (size_t)snprintf(ret, size, "%.*s", n, path) < size;
}

/* Reads its certificates, which may be replaced; with a host name in its own address, asks a name
 * server. */
static unsigned allow_more(const struct daemon *d, struct sandbox_paths *paths)
{
	const struct xds_server_options *o = &xds_server_options;
	char dir[108];
	socklen_t len;
	struct sockaddr_storage address;

	origin_allow(d, paths, false);
	sandbox_list_add_folder_of(&paths->read, o->cert);
	sandbox_list_add_folder_of(&paths->read, o->key);
	sandbox_list_add_folder_of(&paths->read, o->ca);
	if (!xds_server_is_tcp()) {
		/* Group names are read before files are out of reach. */
		(void)xds_server_group();
		if (o->address && dir_of(o->address + strlen("unix:"), dir, sizeof(dir)))
			sandbox_list_add(&paths->sockets, dir);
		return 0;
	}
	return address_parse(o->address, &address, &len) < 0 ? SANDBOX_CONNECT : 0;
}

static const struct daemon_def def = {
	.name = "xds-server",
	.description =
		"Serves the resources that portolan-translator makes to Envoys: aggregated and "
		"per type, state of the world and delta. Keeps its last complete set in the "
		"runtime directory and serves it after a restart.",
	.options = options,
	.start = xds_server_start,
	.stop = xds_server_stop,
	.ready = xds_server_ready,
	.sandbox = { .on = true,
		     .keeps = true,
		     .connects = "resources.sock",
		     .allow = SANDBOX_NETWORK | SANDBOX_THREADS,
		     .more = allow_more },
};

int main(int argc, char **argv)
{
	return daemon_main(&def, argc, argv);
}
