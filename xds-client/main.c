/* portolan-xds-client: shows people the resources that an Envoy would get. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/options.h"
#include "common/daemon/runtime-dir.h"
#include "common/link/resource-kind.h"
#include "translator/print/print.h"
#include "xds-client/exchange.h"
#include "xds-client/grpc-call.h"

#define EXIT_USAGE 2

static const char *arg_runtime_dir, *arg_envoy_version = "1.40";
static struct grpc_call_options arg_call = { .tls_name = "portolan" };
static bool arg_json, arg_show_keys;
static unsigned arg_timeout = 10;
static struct exchange arg = { .node_id = "portolan-xds" };

static const struct option_row options[] = {
	{ "address", 0, OPTION_STRING, &arg_call.address, "HOST:PORT|unix:PATH",
	  "where xds-server listens (default: its socket in the runtime directory)" },
	{ "delta", 0, OPTION_FLAG, &arg.delta, NULL,
	  "ask by the incremental protocol; default: for the state of the world" },
	{ "watch", 0, OPTION_FLAG, &arg.watch, NULL,
	  "go on, and print what changes; the answers are accepted, as by an Envoy" },
	{ "envoy-version", 0, OPTION_STRING, &arg_envoy_version, "N.N",
	  "say to be an Envoy of this version (default 1.40): some get other listeners" },
	{ "node-id", 0, OPTION_STRING, &arg.node_id, "NAME",
	  "how to introduce ourselves (default portolan-xds)" },
	{ "tls-cert", 0, OPTION_STRING, &arg_call.tls_cert, "FILE",
	  "our certificate (PEM): that of an Envoy" },
	{ "tls-key", 0, OPTION_STRING, &arg_call.tls_key, "FILE", "its private key (PEM)" },
	{ "tls-ca", 0, OPTION_STRING, &arg_call.tls_ca, "FILE",
	  "authority that has signed xds-server's certificate (PEM)" },
	{ "tls-name", 0, OPTION_STRING, &arg_call.tls_name, "NAME",
	  "DNS name that xds-server's certificate must have (default portolan)" },
	{ "timeout-seconds", 0, OPTION_UINT, &arg_timeout, "SECONDS",
	  "how long to wait for what was asked for (default 10)" },
	{ "json", 0, OPTION_FLAG, &arg_json, NULL, "print JSON, not YAML" },
	{ "show-keys", 0, OPTION_FLAG, &arg_show_keys, NULL,
	  "print private keys, too; default: [redacted]" },
	{ "runtime-dir", 0, OPTION_STRING, &arg_runtime_dir, "DIR",
	  "Portolan's directory of sockets (default: $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR/portolan "
	  "or /tmp/portolan-UID)" },
	{ 0 },
};

/* "cds" or "cluster". 0: no such kind. */
static unsigned find_kind(const char *word)
{
	for (unsigned k = 1; k < RESOURCE_KIND_MAX_; k++) {
		const struct resource_kind_row *row = resource_kind(k);

		if (row && row->type_url &&
		    (strcasecmp(row->xds, word) == 0 || strcasecmp(row->name, word) == 0))
			return k;
	}
	return 0;
}

/* A client names the resources that it wants of all other kinds. */
static bool may_ask_for_all(unsigned kind)
{
	return kind == RESOURCE_CLUSTER || kind == RESOURCE_LISTENER ||
	       kind == RESOURCE_SCOPED_ROUTE;
}

static const char *wrong(int n_words, const char *word)
{
	char end;

	if (n_words == 0)
		return "say what: lds, cds, rds, eds, sds, srds or rtds";
	arg.kind = find_kind(word);
	if (!arg.kind)
		return "there is no such type: lds, cds, rds, eds, sds, srds or rtds";
	if (n_words == 1 && !may_ask_for_all(arg.kind))
		return "name the resources: only lds, cds and srds are asked for as a whole (names "
		       "are in what those say)";
	if (sscanf(arg_envoy_version, "%u.%u%c", &arg.envoy_major, &arg.envoy_minor, &end) != 2)
		return "--envoy-version: two numbers with a point are wanted";
	if ((arg_call.tls_cert || arg_call.tls_key || arg_call.tls_ca) &&
	    !(arg_call.tls_cert && arg_call.tls_key && arg_call.tls_ca))
		return "--tls-cert, --tls-key and --tls-ca go together";
	if (arg_timeout == 0)
		return "--timeout-seconds: at least 1 is wanted";
	return NULL;
}

static void say_failure(int r, struct stream *s)
{
	switch (r) {
	case -ETIMEDOUT:
		log_error("%s: not all that was asked for has come within %u s", arg_call.address,
			  arg_timeout);
		break;
	case -EPIPE:
		log_error("%s: %s", arg_call.address, stream_error(s));
		break;
	default:
		(void)log_error_errno(r, "%s: an answer cannot be read: %m", arg_call.address);
	}
}

static int run(void)
{
	struct stream *s;
	int r;

	arg.timeout_usec = arg_timeout * USEC_PER_SEC;
	arg.format = arg_json ? DOCUMENT_JSON : DOCUMENT_YAML;
	arg.print_flags = arg_show_keys ? 0 : PRINT_REDACT;
	arg_call.method = exchange_method(&arg);
	s = stream_open(&arg_call);
	if (!s)
		return EXIT_FAILURE;
	r = exchange_run(&arg, s);
	if (r < 0)
		say_failure(r, s);
	stream_close(s);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	_cleanup_free_ char *dir = NULL, *address = NULL;
	const char *why;
	int exit_code, at;

	log_init("xds");
	at = options_parse(
		argc, argv, options, "portolan xds [OPTION…] TYPE [NAME…]",
		"Asks xds-server for resources, as an Envoy does, and prints them. TYPE: lds, cds, "
		"rds, eds, sds,\nsrds or rtds. Exits 0 when all that was asked for has come, 1 if "
		"it has not.",
		&exit_code);
	if (at < 0)
		return exit_code;
	why = wrong(argc - at, at < argc ? argv[at] : "");
	if (why) {
		(void)fprintf(stderr, "portolan xds: %s (--help says more)\n", why);
		return EXIT_USAGE;
	}
	arg.names = argv + at + 1;
	arg.n_names = (size_t)(argc - at - 1);
	if (!arg_call.address) {
		(void)runtime_dir_find(arg_runtime_dir, &dir);
		address = xasprintf("unix:%s/" RUNTIME_XDS, dir);
		arg_call.address = address;
	}
	return run();
}
