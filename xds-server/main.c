/* portolan-xds-server: serves the translator's resources to Envoys over gRPC. */
#include "common/address.h"
#include "common/cleanup.h"
#include "xds-server/xds-server.h"

static const struct option_row options[] = {
	{ "xds-address", 0, OPTION_STRING, &xds_server_options.address, "HOST:PORT",
	  "where Envoys connect (default: 127.0.0.1:8001; port 0: any)" },
	{ "tls-cert", 0, OPTION_STRING, &xds_server_options.cert, "FILE",
	  "certificate (PEM); it, its key and the authority are read again when they change" },
	{ "tls-key", 0, OPTION_STRING, &xds_server_options.key, "FILE", "its private key (PEM)" },
	{ "tls-ca", 0, OPTION_STRING, &xds_server_options.ca, "FILE",
	  "authority that has signed the Envoys' certificates (PEM)" },
	{ "insecure", 0, OPTION_FLAG, &xds_server_options.insecure, NULL,
	  "allow an address that other machines can reach without TLS" },
	{ 0 },
};

/* Its certificates, which may be replaced; and who has to ask for its own address asks a name server. */
static unsigned allow_more(const struct daemon *d _unused_, struct sandbox_paths *paths)
{
	const struct xds_server_options *o = &xds_server_options;
	socklen_t len;
	struct sockaddr_storage address;

	sandbox_list_add_folder_of(&paths->read, o->cert);
	sandbox_list_add_folder_of(&paths->read, o->key);
	sandbox_list_add_folder_of(&paths->read, o->ca);
	return o->address && address_parse(o->address, &address, &len) < 0 ? SANDBOX_CONNECT : 0;
}

static const struct daemon_def def = {
	.name = "xds-server",
	.description = "Serves the resources that portolan-translator makes to Envoys: aggregated and "
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
