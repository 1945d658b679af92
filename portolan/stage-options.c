/* Options that the portolan command passes on to stages. The stages check their values. A test
 * compares this table with --help of each stage. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "portolan/stage-options.h"

struct stage_option {
	const char *name, *arg; /* no arg: a flag */
	unsigned stages;
	const char *help;
};

static const struct stage_option table[] = {
	{ "config", "FILE", FOR_WATCHER, "Portolan's configuration, with Contour's keys" },
	{ "manifests", "PATH", FOR_WATCHER,
	  "file or directory with objects in YAML or JSON, watched for changes; may be repeated" },
	{ "kubeconfig", "FILE", FOR_WATCHER,
	  "watch the Kubernetes API that FILE names (default: $KUBECONFIG)" },
	{ "context", "NAME", FOR_WATCHER,
	  "context of the kubeconfig to use (default: its current-context)" },
	{ "in-cluster", NULL, FOR_WATCHER,
	  "watch the Kubernetes API with this pod's service account" },
	{ "watch-namespaces", "LIST", FOR_WATCHER,
	  "namespaces to watch, separated by commas (default: all)" },
	{ "root-namespaces", "LIST", FOR_WATCHER | FOR_TRANSLATOR,
	  "namespaces that may hold root proxies; they must be among those watched" },
	{ "publish-service", "NAMESPACE/NAME", FOR_WATCHER,
	  "Service whose load balancer addresses an Ingress' status is to show" },
	{ "publish-address", "LIST", FOR_WATCHER,
	  "addresses (IP or host name) that an Ingress' status is to show, instead of a "
	  "Service's" },
	{ "no-leader-election", NULL, FOR_WATCHER,
	  "write statuses without asking: for one replica only" },
	{ "lease-name", "NAME", FOR_WATCHER,
	  "Lease by which replicas elect the one that writes (default: portolan)" },
	{ "lease-namespace", "NAMESPACE", FOR_WATCHER,
	  "namespace of that Lease (default: $POD_NAMESPACE, or the context's)" },
	{ "contour-config-name", "NAME", FOR_WATCHER,
	  "ContourConfiguration of that API to take the configuration from, instead of --config" },
	{ "contour-config-namespace", "NAMESPACE", FOR_WATCHER,
	  "its namespace (default: $POD_NAMESPACE, or the context's)" },
	{ "contour-metrics", NULL, FOR_WATCHER,
	  "show HTTPProxies also in metrics with Contour's names, for its dashboards" },
	{ "replay", "FILE", FOR_WATCHER, "play what portolan record wrote; may be repeated" },
	{ "replay-speed", "N", FOR_WATCHER,
	  "so many times as fast as it was; max, or step (default: 1)" },
	{ "replay-until", "MOMENT", FOR_WATCHER,
	  "stop the replay at a time, an offset (+90s), or the number of a world" },
	{ "listen-address", "ADDRESS", FOR_TRANSLATOR,
	  "where Envoy listens for clients (default: 0.0.0.0)" },
	{ "http-port", "PORT", FOR_TRANSLATOR, "for plain HTTP (default: 8080)" },
	{ "https-port", "PORT", FOR_TRANSLATOR, "for HTTPS (default: 8443)" },
	{ "ingress-class", "NAME", FOR_TRANSLATOR,
	  "serve objects of this class; may be repeated (default: portolan)" },
	{ "ingress-nginx", NULL, FOR_WATCHER | FOR_TRANSLATOR,
	  "serve the Ingresses of ingress-nginx, as the configuration's ingressNginx.enabled" },
	{ "enable-external-name", NULL, FOR_TRANSLATOR,
	  "let Services of type ExternalName be backends" },
	{ "access-log", "WHERE", FOR_TRANSLATOR,
	  "Envoy's log of requests: off, stdout, or a path on Envoy's host (default: off)" },
	{ "tls-hosts", "FORM", FOR_TRANSLATOR,
	  "chains or shared: how TLS hosts reach Envoy (default: the configuration's, or chains)" },
	{ "xds-address", "ADDRESS", FOR_XDS_SERVER,
	  "where Envoys connect: unix:PATH, or ADDRESS:PORT with --tls-cert (default: the socket "
	  "xds.sock in the runtime directory)" },
	{ "xds-group", "GROUP", FOR_XDS_SERVER,
	  "let processes of this group connect by that socket, too" },
	{ "tls-cert", "FILE", FOR_XDS_SERVER, "certificate of the xDS port" },
	{ "tls-key", "FILE", FOR_XDS_SERVER, "its private key" },
	{ "tls-ca", "FILE", FOR_XDS_SERVER, "what Envoys' certificates must be signed by" },
	{ "insecure-plaintext", NULL, FOR_XDS_SERVER,
	  "serve ADDRESS:PORT without TLS: whoever reaches it can read all private keys" },
	{ "max-streams", "N", FOR_XDS_SERVER, "streams of all Envoys together (default: 16384)" },
	{ "first-request-timeout", "SECONDS", FOR_XDS_SERVER,
	  "end a stream on which nothing is asked for so long (default: 10)" },
	{ "max-stream-age", "SECONDS", FOR_XDS_SERVER,
	  "end a TCP connection's streams after this time (default: 3600; 0: never)" },
	{ "admin-address", "ADDRESS:PORT", FOR_ADMIN,
	  "where people and Prometheus ask (default: 127.0.0.1:8000)" },
	{ "watchdog-msec", "MSEC", FOR_SUPERVISOR,
	  "end a program that was silent for so long, and start it again (default: 30000; 0: "
	  "never)" },
	{ "stop-msec", "MSEC", FOR_SUPERVISOR,
	  "what a program gets between SIGTERM and SIGKILL (default: 5000)" },
	{ "restart-max-msec", "MSEC", FOR_SUPERVISOR,
	  "the longest delay before a program is started again (default: 30000)" },
	{ "drain-seconds", "SECONDS", FOR_SUPERVISOR,
	  "let Envoy drain its connections for at most so long before it is ended (default: 0)" },
	{ "ready-fd", "FD", FOR_SUPERVISOR,
	  "write a newline to this descriptor and close it when all programs are ready" },
	{ "log-level", "LEVEL", FOR_ALL, "debug, info, warning or error (default: info)" },
	{ "log-format", "FORMAT", FOR_ALL, "text, json or journal" },
	{ "core-dumps", NULL, FOR_ALL,
	  "let a crash write a core dump, which holds the private keys that were in memory" },
};

_Static_assert(ARRAY_SIZE(table) <= STAGE_OPTIONS_MAX, "room in callers' arrays");

static struct option_list given[ARRAY_SIZE(table)];
static bool flags[ARRAY_SIZE(table)];

size_t stage_options_rows(unsigned stages, struct option_row *rows)
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct stage_option *o = &table[i];

		if ((o->stages & stages) && !(o->stages & ~(stages | FOR_WATCHER)))
			rows[n++] = (struct option_row){
				.name = o->name,
				.type = o->arg ? OPTION_LIST : OPTION_FLAG,
				.target = o->arg ? (void *)&given[i] : (void *)&flags[i],
				.arg = o->arg,
				.help = o->help,
			};
	}
	return n;
}

static size_t find(const char *name)
{
	size_t i = 0;

	while (strcmp(table[i].name, name) != 0) {
		i++;
		assert(i < ARRAY_SIZE(table));
	}
	return i;
}

bool stage_option_given(const char *name)
{
	size_t i = find(name);

	return given[i].n || flags[i];
}

const char *stage_option(const char *name)
{
	const struct option_list *l = &given[find(name)];

	return l->n ? l->words[l->n - 1] : NULL;
}

void stage_option_set(const char *name, const char *value)
{
	struct option_list *l = &given[find(name)];

	l->words = xreallocarray(l->words, 1, sizeof(*l->words));
	l->words[0] = value;
	l->n = 1;
}

void stage_option_add(const char *name, const char *value)
{
	struct option_list *l = &given[find(name)];

	l->words = xreallocarray(l->words, l->n + 1, sizeof(*l->words));
	l->words[l->n++] = value;
}

void stage_options_take(char *const *words, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		size_t len = strlen(table[i].name);
		bool was_given = stage_option_given(table[i].name);

		for (size_t k = 0; k < n && !was_given; k++) {
			const char *word = words[k];

			if (strncmp(word, "--", 2) != 0 ||
			    strncmp(word + 2, table[i].name, len) != 0)
				continue;
			word += 2 + len;
			if (!*word && !table[i].arg)
				flags[i] = true;
			else if (*word == '=' && table[i].arg)
				stage_option_add(table[i].name, xstrdup(word + 1));
		}
	}
}

void words_take(struct words *w, char *word)
{
	if (w->n + 1 >= w->cap) {
		w->cap = w->cap ? 2 * w->cap : 16;
		w->v = xreallocarray(w->v, w->cap, sizeof(*w->v));
	}
	w->v[w->n++] = word;
	w->v[w->n] = NULL;
}

void words_add(struct words *w, const char *word)
{
	words_take(w, xstrdup(word));
}

void words_done(struct words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->v[i]);
	free(w->v);
	*w = (struct words){ 0 };
}

void stage_options_pass(struct words *w, unsigned stage)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (!(table[i].stages & stage))
			continue;
		if (flags[i])
			words_take(w, xasprintf("--%s", table[i].name));
		for (unsigned k = 0; k < given[i].n; k++)
			words_take(w, xasprintf("--%s=%s", table[i].name, given[i].words[k]));
	}
}
