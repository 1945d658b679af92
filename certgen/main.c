/* portolan-certgen: certificates for mutual TLS between xds-server and Envoys, made and renewed. */
#include <stdio.h>
#include <string.h>

#include "certgen/file-store.h"
#include "certgen/kube-store.h"
#include "certgen/renewal.h"
#include "common/base/alloc.h"
#include "common/base/log.h"
#include "common/base/options.h"

#define EXIT_USAGE 2
#define DAYS_MAX   3650

static const char *arg_out;
static bool arg_kube;
static struct option_list arg_names;
static struct renewal arg = { .days = 365, .renew_before_days = 30 };
static struct kube_store arg_store = {
	.account = "/var/run/secrets/kubernetes.io/serviceaccount",
	.names = { "portolan-xds-ca", "portolan-xds-server", "portolan-xds-envoy" },
};

static const struct option_row options[] = {
	{ "out", 0, OPTION_STRING, &arg_out, "DIR",
	  "keep them in files: DIR/ca, DIR/xds-server and DIR/envoy, with tls.crt, tls.key and "
	  "ca.crt" },
	{ "kube", 0, OPTION_FLAG, &arg_kube, NULL,
	  "keep them in Secrets of the cluster whose pod this is" },
	{ "days", 0, OPTION_UINT, &arg.days, "N",
	  "how long a certificate is good for (default 365); their authority: ten times as long" },
	{ "renew-before-days", 0, OPTION_UINT, &arg.renew_before_days, "N",
	  "renew what is good for less (default 30)" },
	{ "force", 0, OPTION_FLAG, &arg.force, NULL,
	  "make everything again, the authority too, at once" },
	{ "server-name", 0, OPTION_LIST, &arg_names, "NAME",
	  "a DNS name of xds-server besides portolan; may be repeated" },
	{ "ca-secret", 0, OPTION_STRING, &arg_store.names[SECRET_CA], "NAME",
	  "Secret of the authority and its key, which only this program reads (default "
	  "portolan-xds-ca)" },
	{ "server-secret", 0, OPTION_STRING, &arg_store.names[SECRET_SERVER], "NAME",
	  "Secret of xds-server (default portolan-xds-server)" },
	{ "envoy-secret", 0, OPTION_STRING, &arg_store.names[SECRET_CLIENT], "NAME",
	  "Secret of the Envoys (default portolan-xds-envoy)" },
	{ "namespace", 0, OPTION_STRING, &arg_store.namespace, "NAME",
	  "namespace of the Secrets (default: the pod's)" },
	{ "server", 0, OPTION_STRING, &arg_store.server, "URL",
	  "where the API server is (default: where a pod finds it)" },
	{ "account", 0, OPTION_STRING, &arg_store.account, "DIR",
	  "folder with token, ca.crt and namespace of the service account "
	  "(default: where a pod has it)" },
	{ 0 },
};

/* "portolan" is the name that Envoy checks after portolan bootstrap. */
static const char **all_names(void)
{
	const char **names = xnew(const char *, (size_t)arg_names.n + 2);

	names[0] = "portolan";
	for (unsigned i = 0; i < arg_names.n; i++)
		names[i + 1] = arg_names.words[i];
	return names;
}

static const char *wrong(void)
{
	if (!arg_out == !arg_kube)
		return "say where to: --out DIR or --kube";
	if (arg.days == 0 || arg.days > DAYS_MAX)
		return "--days: 1 to 3650 are wanted";
	if (arg.renew_before_days >= arg.days)
		return "--renew-before-days must be less than --days";
	return NULL;
}

static int run(void)
{
	struct secret_store store;
	int r;

	if (arg_out) {
		store = file_store(arg_out);
		return renewal_run(&arg, &store);
	}
	r = kube_store_open(&arg_store, &store);
	if (r == 0)
		r = renewal_run(&arg, &store);
	kube_store_close(&arg_store);
	return r;
}

int main(int argc, char **argv)
{
	_cleanup_free_ const char **names = NULL;
	const char *why;
	int exit_code, at;

	log_init("certgen");
	at = options_parse(argc, argv, options, "portolan certgen [OPTION…]",
			   "Makes the certificates with which xds-server and Envoys know each "
			   "other, and renews those that need\n"
			   "it: to run it again does nothing while all are good. A renewed one is "
			   "taken up without a restart,\n"
			   "and no connection fails.",
			   &exit_code);
	if (at < 0)
		return exit_code;
	why = at < argc ? "there is nothing to name besides options" : wrong();
	if (why) {
		(void)fprintf(stderr, "portolan certgen: %s (--help says more)\n", why);
		return EXIT_USAGE;
	}
	names = all_names();
	arg.server_names = names;
	exit_code = run() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	free(arg_names.words);
	return exit_code;
}
