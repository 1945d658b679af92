/* portolan-watcher: reads Kubernetes objects where they are (manifests, an API server) and hands
 * them to the translator. */
#include <stdlib.h>

#include "common/daemon/origin.h"
#include "watcher/kube/kubeconfig.h"
#include "watcher/watcher.h"

static const struct option_row options[] = {
	{ "config", 0, OPTION_STRING, &watcher_options.config, "FILE",
	  "Portolan's configuration, with Contour's keys; read again at SIGHUP" },
	{ "manifests", 0, OPTION_LIST, &watcher_options.manifests, "PATH",
	  "file or directory with objects in YAML or JSON, watched for changes; may be repeated" },
	{ "kubeconfig", 0, OPTION_STRING, &watcher_options.kube.kubeconfig, "FILE",
	  "watch the Kubernetes API that FILE names (default: $KUBECONFIG)" },
	{ "context", 0, OPTION_STRING, &watcher_options.kube.context, "NAME",
	  "context of the kubeconfig to use (default: its current-context)" },
	{ "in-cluster", 0, OPTION_FLAG, &watcher_options.kube.in_cluster, NULL,
	  "watch the Kubernetes API with this pod's service account" },
	{ "watch-namespaces", 0, OPTION_LIST, &watcher_options.kube.watch_namespaces, "LIST",
	  "namespaces to watch, separated by commas (default: all)" },
	{ "root-namespaces", 0, OPTION_LIST, &watcher_options.kube.root_namespaces, "LIST",
	  "namespaces that may hold root proxies; they must be among those watched" },
	{ "publish-service", 0, OPTION_STRING, &watcher_options.kube.writers.publish_service,
	  "NAMESPACE/NAME", "Service whose load balancer addresses an Ingress' status is to show" },
	{ "publish-address", 0, OPTION_STRING, &watcher_options.kube.writers.publish_address,
	  "LIST",
	  "addresses (IP or host name) that an Ingress' status is to show, instead of a "
	  "Service's" },
	{ "no-leader-election", 0, OPTION_FLAG, &watcher_options.kube.writers.no_leader_election,
	  NULL, "write statuses without asking: for one replica only" },
	{ "lease-name", 0, OPTION_STRING, &watcher_options.kube.writers.lease_name, "NAME",
	  "Lease by which replicas elect the one that writes (default: portolan)" },
	{ "lease-namespace", 0, OPTION_STRING, &watcher_options.kube.writers.lease_namespace,
	  "NAMESPACE", "namespace of that Lease (default: $POD_NAMESPACE, or the context's)" },
	{ "contour-config-name", 0, OPTION_STRING, &watcher_options.kube.config_name, "NAME",
	  "ContourConfiguration of that API to take the configuration from, instead of --config" },
	{ "contour-config-namespace", 0, OPTION_STRING, &watcher_options.kube.config_namespace,
	  "NAMESPACE", "its namespace (default: $POD_NAMESPACE, or the context's)" },
	{ "replay", 0, OPTION_LIST, &watcher_options.replay.files, "FILE",
	  "play what portolan record wrote; may be repeated, the oldest file first" },
	{ "replay-speed", 0, OPTION_STRING, &watcher_options.replay.speed, "N",
	  "so many times as fast as it was; max: as fast as it goes; step: when asked to (default: "
	  "1)" },
	{ "replay-until", 0, OPTION_STRING, &watcher_options.replay.until, "MOMENT",
	  "stop there: a time (2026-01-31T12:00:00Z), an offset (+90s), or the number of a world" },
	{ "ingress-nginx", 0, OPTION_FLAG, &watcher_options.ingress_nginx, NULL,
	  "the Ingresses of ingress-nginx are served (also an option of portolan-translator): read "
	  "its ConfigMaps, and make its default certificate" },
	{ "contour-metrics", 0, OPTION_FLAG, &watcher_options.contour_metrics, NULL,
	  "show HTTPProxies also in metrics with Contour's names, for its dashboards" },
	{ "once", 0, OPTION_FLAG, &watcher_options.once, NULL,
	  "read everything once, write it where --write-stream says, and exit: 0, or 1 if "
	  "something "
	  "could not be read" },
	{ "check", 0, OPTION_FLAG, &watcher_options.check, NULL,
	  "say whether --config would be taken, change nothing, and exit: 0, or 78 if not" },
	{ "write-stream", 0, OPTION_STRING, &watcher_options.write_stream, "FILE",
	  "with --once: where the objects go, as frames of the link; - is standard output" },
	{ "write-notes", 0, OPTION_STRING, &watcher_options.write_notes, "FILE",
	  "with --once: where problems of the files go, as frames of the link, in place of log "
	  "lines" },
	{ "note-passed", 0, OPTION_FLAG, &watcher_options.note_passed, NULL,
	  "with --write-notes: note, too, how many objects of which other kinds were passed over" },
	{ "stand-in", 0, OPTION_FLAG, &watcher_options.stand_in, NULL,
	  "with --once: make the default certificate of ingress-nginx's hosts, as without --once, "
	  "but do not keep it" },
	{ "write-manifests", 0, OPTION_STRING, &watcher_options.write_manifests, "FILE",
	  "with --once and without --manifests: write the objects of the Kubernetes API as YAML, "
	  "mode 0600; - is standard output" },
	{ "redact", 0, OPTION_FLAG, &watcher_options.redact, NULL,
	  "with --write-manifests: take out what is secret in Secrets" },
	{ "redact-key", 0, OPTION_STRING, &watcher_options.redact_key, "FILE",
	  "with --redact: makes fingerprints that are the same each time (16 bytes at least)" },
	{ 0 },
};

/* A kubeconfig may name a program that gives out credentials, and files anywhere. Manifests may be
 * links whose targets change later. In a pod the files to read are known. */
static unsigned allow_more(const struct daemon *d, struct sandbox_paths *paths)
{
	const struct watcher_options *o = &watcher_options;
	const char *list = getenv("KUBECONFIG");

	bool named = o->kube.kubeconfig || o->kube.context;

	origin_allow(d, paths, true);
	if (!named && (o->manifests.n || o->replay.files.n))
		return SANDBOX_READ;
	if (named || (list && *list && !o->kube.in_cluster))
		return SANDBOX_READ | SANDBOX_EXEC;
	sandbox_list_add(&paths->read, KUBE_SERVICE_ACCOUNT);
	sandbox_list_add_folder_of(&paths->read, o->config);
	return 0;
}

static const struct daemon_def def = {
	.name = "watcher",
	.description = "Reads Kubernetes objects from manifests or an API server, keeps them, and "
		       "hands them to portolan-translator over a socket in the runtime directory.",
	.options = options,
	.once = watcher_once,
	.start = watcher_start,
	.stop = watcher_stop,
	.reload = watcher_reload,
	.ready = watcher_ready,
	.sandbox = { .on = true,
		     .keeps = true,
		     .allow = SANDBOX_NETWORK | SANDBOX_CONNECT | SANDBOX_THREADS,
		     .more = allow_more },
};

int main(int argc, char **argv)
{
	return daemon_main(&def, argc, argv);
}
