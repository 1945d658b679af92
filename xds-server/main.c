/* portolan-xds-server: serves the translator's resources to Envoys over gRPC. */
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

static const struct daemon_def def = {
	.name = "xds-server",
	.description = "Serves the resources that portolan-translator makes to Envoys: aggregated and "
		       "per type, state of the world and delta. Keeps its last complete set in the "
		       "runtime directory and serves it after a restart.",
	.options = options,
	.start = xds_server_start,
	.stop = xds_server_stop,
	.ready = xds_server_ready,
	.sandbox = { .on = true, .allow = SANDBOX_NETWORK | SANDBOX_READ },
};

int main(int argc, char **argv)
{
	return daemon_main(&def, argc, argv);
}
