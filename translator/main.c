/* portolan-translator: turns Kubernetes objects into Envoy's configuration. It has no network, no
 * credentials and no input but its links. */
#include "common/daemon/origin.h"
#include "translator/translator.h"

static const struct option_row options[] = {
	{ "listen-address", 0, OPTION_STRING, &translator_options.settings.listen_address,
	  "ADDRESS", "where Envoy listens for clients (default: 0.0.0.0)" },
	{ "http-port", 0, OPTION_UINT, &translator_options.settings.http_port, "PORT",
	  "for plain HTTP (default: 8080)" },
	{ "https-port", 0, OPTION_UINT, &translator_options.settings.https_port, "PORT",
	  "for HTTPS (default: 8443)" },
	{ "ingress-class", 0, OPTION_LIST, &translator_options.settings.classes, "NAME",
	  "serve objects of this class; may be repeated (default: portolan, and objects without a "
	  "class where no IngressClass is the default)" },
	{ "root-namespaces", 0, OPTION_LIST, &translator_options.settings.root_namespaces, "LIST",
	  "namespaces that may hold root HTTPProxies, separated by commas; may be repeated "
	  "(default: all)" },
	{ "ingress-nginx", 0, OPTION_FLAG, &translator_options.settings.ingress_nginx, NULL,
	  "serve the Ingresses of ingress-nginx (the configuration's ingressNginx.enabled)" },
	{ "enable-external-name", 0, OPTION_FLAG, &translator_options.settings.external_names, NULL,
	  "let Services of type ExternalName be backends: whoever may write one can then make "
	  "Envoy "
	  "connect to any name" },
	{ "access-log", 0, OPTION_STRING, &translator_options.settings.access_log, "WHERE",
	  "Envoy's log of requests: off, stdout, or a path on Envoy's host (default: off)" },
	{ "tls-hosts", 0, OPTION_STRING, &translator_options.settings.tls_hosts, "FORM",
	  "chains: each TLS host is in Envoy's listener; shared: those with ordinary settings are "
	  "behind one "
	  "filter chain, and Envoy fetches their certificates when they are asked for (default: "
	  "the "
	  "configuration's portolan.tls.hosts, or chains)" },
	{ "once", 0, OPTION_FLAG, &translator_options.once, NULL,
	  "translate what --read-stream has, print, and exit: 0, or 1 if an object is not served "
	  "as it "
	  "says" },
	{ "read-stream", 0, OPTION_STRING, &translator_options.read_stream, "FILE",
	  "with --once: objects as frames of the link; - is standard input (default)" },
	{ "print", 0, OPTION_STRING, &translator_options.print, "FORMAT",
	  "with --once: yaml or json, on standard output" },
	{ "print-changes", 0, OPTION_STRING, &translator_options.print_changes, "FORMAT",
	  "with --once: what is different between the stream's first world and its last, and which "
	  "objects "
	  "made it so, as yaml or json on standard output" },
	{ "full", 0, OPTION_FLAG, &translator_options.full, NULL,
	  "with --print-changes: the changed resources as they were and are" },
	{ "explain", 0, OPTION_STRING, &translator_options.explain, "QUERY",
	  "with --once: answer a question as the page /debug/explain does, as JSON on standard "
	  "output" },
	{ "write-stream", 0, OPTION_STRING, &translator_options.write_stream, "FILE",
	  "with --once: write the resources as frames of the link; - is standard output" },
	{ "write-statuses", 0, OPTION_STRING, &translator_options.write_statuses, "FILE",
	  "with --once: write the objects' statuses as frames of the link" },
	{ "each-world", 0, OPTION_FLAG, &translator_options.each_world, NULL,
	  "with --write-statuses: as they are after each world of the stream, not only the last" },
	{ 0 },
};

static unsigned allow_more(const struct daemon *d, struct sandbox_paths *paths)
{
	origin_allow(d, paths, true);
	return 0;
}

static const struct daemon_def def = {
	.name = "translator",
	.description =
		"Turns the Kubernetes objects of portolan-watcher into Envoy's configuration, and "
		"says in each object's status what became of it. It listens on no network.",
	.options = options,
	.once = translator_once,
	.start = translator_start,
	.stop = translator_stop,
	.ready = translator_ready,
	.sandbox = { .on = true, .keeps = true, .connects = "objects.sock", .more = allow_more },
};

int main(int argc, char **argv)
{
	return daemon_main(&def, argc, argv);
}
