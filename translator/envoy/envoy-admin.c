/* Listeners for Envoy's own pages. Each leads to the cluster "envoy-admin" of the bootstrap, and
 * passes only GETs of the pages listed here: the interface behind it can stop Envoy. */
#include <string.h>

#include "envoy/extensions/filters/http/router/v3/router.pb-c.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb-c.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb-c.h"
#include "translator/envoy/envoy-admin.h"
#include "translator/envoy/envoy-route.h"

#define CLUSTER     "envoy-admin"
#define CERTIFICATE "metrics-tls-certificate"
#define AUTHORITY   "metrics-ca-certificate"
#define HCM "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"

static const char *const all_pages[] = { "/ready", "/stats", "/stats/prometheus", NULL };
static const char *const metrics_pages[] = { "/stats", "/stats/prometheus", NULL };
static const char *const health_pages[] = { "/ready", NULL };
static const char *const admin_pages[] = { "/certs",
					   "/clusters",
					   "/config_dump",
					   "/listeners",
					   "/memory",
					   "/ready",
					   "/runtime",
					   "/server_info",
					   "/stats",
					   "/stats/prometheus",
					   "/stats/recentlookups",
					   NULL };

/* ---- routes ---- */

static EnvoyRoute *page(struct arena *a, const char *path)
{
	struct value_match get = {
		.name = ":method", .op = MATCH_EXACT, .value = "GET", .ignore_case = true
	};
	struct target admin = { .cluster = CLUSTER, .weight = 1 };
	struct route route = {
		.match = { .kind = PATH_EXACT, .path = path, .headers = &get, .n_headers = 1 },
		.forward = { .targets = &admin, .n_targets = 1 }
	};

	return envoy_route(a, "*", false, &route);
}

static EnvoyRouteConfiguration *routes(struct arena *a, const char *name, const char *const *pages)
{
	EnvoyRouteConfiguration *c = message_new(a, EnvoyRouteConfiguration);
	EnvoyVirtualHost *v = message_new(a, EnvoyVirtualHost);
	static const char *const any = "*";
	size_t n = 0;

	while (pages[n])
		n++;
	v->name = (char *)"backend";
	v->n_domains = 1;
	v->domains = arena_memdup(a, &any, sizeof(any));
	v->routes = arena_new_of(a, EnvoyRoute *, n);
	for (size_t i = 0; i < n; i++)
		v->routes[v->n_routes++] = page(a, pages[i]);
	c->name = (char *)name;
	c->n_virtual_hosts = 1;
	c->virtual_hosts = arena_memdup(a, &v, sizeof(EnvoyVirtualHost *));
	/* An Envoy with a bootstrap of its user's may not have the cluster: it shall answer 503
	 * here, and take the listener all the same. */
	c->validate_clusters = envoy_bool(a, false);
	return c;
}

/* ---- listeners ---- */

static EnvoyFilter *manager(struct arena *a, const char *name, const char *const *pages)
{
	EnvoyRouter router = EnvoyRouter__INIT;
	EnvoyHttpConnectionManager m = EnvoyHttpConnectionManager__INIT;
	EnvoyHttpFilter *filter = message_new(a, EnvoyHttpFilter);
	EnvoyFilter *f = message_new(a, EnvoyFilter);

	filter->name = (char *)"router";
	filter->config_type_case = EnvoyHttpFilter__CONFIG_TYPE_TYPED_CONFIG;
	filter->typed_config =
		envoy_any(a, "envoy.extensions.filters.http.router.v3.Router", &router.base);
	/* Metrics of the one, of the other, of both: one name for all, as dashboards know it. */
	m.stat_prefix = (char *)(strcmp(name, "envoy-admin") == 0 ? name : "stats");
	m.route_specifier_case = EnvoyHttpConnectionManager__ROUTE_SPECIFIER_ROUTE_CONFIG;
	m.route_config = routes(a, name, pages);
	m.n_http_filters = 1;
	m.http_filters = &filter;
	m.normalize_path = envoy_bool(a, true);
	f->name = (char *)"envoy.filters.network.http_connection_manager";
	f->config_type_case = EnvoyFilter__CONFIG_TYPE_TYPED_CONFIG;
	f->typed_config = envoy_any(a, HCM, &m.base);
	return f;
}

static EnvoyListener *listener(struct arena *a, const char *name, const char *address, int32_t port,
			       const char *const *pages)
{
	EnvoyListener *l = message_new(a, EnvoyListener);
	EnvoyFilterChain *chain = message_new(a, EnvoyFilterChain);
	EnvoyFilter *filter = manager(a, name, pages);

	chain->n_filters = 1;
	chain->filters = arena_memdup(a, &filter, sizeof(EnvoyFilter *));
	l->name = (char *)name;
	l->address = envoy_address(a, address, (uint32_t)port);
	l->n_filter_chains = 1;
	l->filter_chains = arena_memdup(a, &chain, sizeof(EnvoyFilterChain *));
	/* Administrators get in when Envoy is full, too. */
	l->ignore_global_conn_limit = true;
	envoy_keep_alive(a, l);
	return l;
}

static EnvoySdsSecretConfig *secret_named(struct arena *a, const char *name)
{
	EnvoySdsSecretConfig *s = message_new(a, EnvoySdsSecretConfig);

	s->name = (char *)name;
	s->sds_config = envoy_ads(a);
	return s;
}

static void terminate_tls(struct arena *a, bool ask_client, EnvoyListener *ret)
{
	EnvoyDownstreamTlsContext tls = EnvoyDownstreamTlsContext__INIT;
	EnvoyCommonTlsContext common = EnvoyCommonTlsContext__INIT;
	EnvoyTlsParameters params = EnvoyTlsParameters__INIT;
	EnvoyTransportSocket *socket = message_new(a, EnvoyTransportSocket);
	EnvoySdsSecretConfig *certificate = secret_named(a, CERTIFICATE);

	params.tls_minimum_protocol_version = EnvoyTlsParameters__TLS_PROTOCOL__TLSv1_3;
	params.tls_maximum_protocol_version = params.tls_minimum_protocol_version;
	common.tls_params = &params;
	common.n_tls_certificate_sds_secret_configs = 1;
	common.tls_certificate_sds_secret_configs = &certificate;
	if (ask_client) {
		common.validation_context_type_case =
			EnvoyCommonTlsContext__VALIDATION_CONTEXT_TYPE_VALIDATION_CONTEXT_SDS_SECRET_CONFIG;
		common.validation_context_sds_secret_config = secret_named(a, AUTHORITY);
		tls.require_client_certificate = envoy_bool(a, true);
	}
	tls.common_tls_context = &common;
	socket->name = (char *)"envoy.transport_sockets.tls";
	socket->config_type_case = EnvoyTransportSocket__CONFIG_TYPE_TYPED_CONFIG;
	socket->typed_config = envoy_any(
		a, "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext", &tls.base);
	ret->filter_chains[0]->transport_socket = socket;
}

/* An endpoint that should be encrypted and cannot be is not served. */
static const K8s__ConfigMetrics *servable(const K8s__ConfigMetrics *m)
{
	const K8s__ConfigMetricsTLS *t = m ? m->tls : NULL;

	return t && !(*t->cert_file && *t->key_file) ? NULL : m;
}

static bool same_place(const K8s__ConfigMetrics *m, const K8s__ConfigAddress *h)
{
	return m->port == h->port && strcmp(m->address, h->address) == 0;
}

size_t envoy_admin_listeners(struct arena *a, const K8s__ConfigEnvoy *config,
			     EnvoyListener *ret[ENVOY_ADMIN_LISTENERS_MAX])
{
	const K8s__ConfigMetrics *m = servable(config->metrics);
	const K8s__ConfigAddress *h = config->health, *o = config->om_enforced_health;
	size_t n = 0;

	if (m && h && same_place(m, h)) {
		if (!m->tls) {
			ret[n++] = listener(a, "stats-health", m->address, m->port, all_pages);
			m = NULL;
		}
		h = NULL; /* TLS was reported as a fault: configuration-check.c */
	}
	if (m) {
		ret[n] = listener(a, "stats", m->address, m->port, metrics_pages);
		if (m->tls)
			terminate_tls(a, *m->tls->ca_file, ret[n]);
		n++;
	}
	if (h)
		ret[n++] = listener(a, "health", h->address, h->port, health_pages);
	if (o && o->port) {
		ret[n] = listener(a, "health-om-enforced", o->address, o->port, health_pages);
		/* The purpose of this listener: it reports an Envoy at its limit. */
		ret[n++]->ignore_global_conn_limit = false;
	}
	if (config->network->admin_port)
		ret[n++] = listener(a, "envoy-admin", "127.0.0.1", config->network->admin_port,
				    admin_pages);
	return n;
}

/* ---- secrets ---- */

static EnvoyDataSource *file(struct arena *a, const char *path)
{
	EnvoyDataSource *d = message_new(a, EnvoyDataSource);

	d->specifier_case = EnvoyDataSource__SPECIFIER_FILENAME;
	d->filename = (char *)path;
	return d;
}

/* Watches the folder, so that a file is read again when it is replaced, directly or by a link to
 * its folder as in Kubernetes. */
static EnvoyWatchedDirectory *folder(struct arena *a, const char *path)
{
	EnvoyWatchedDirectory *d = message_new(a, EnvoyWatchedDirectory);
	const char *slash = strrchr(path, '/');

	d->path = slash > path ? arena_strndup(a, path, (size_t)(slash - path)) : (char *)"/";
	return d;
}

static EnvoySecret *secret(struct arena *a, const char *name)
{
	EnvoySecret *s = message_new(a, EnvoySecret);

	s->name = (char *)name;
	return s;
}

size_t envoy_admin_secrets(struct arena *a, const K8s__ConfigEnvoy *config, EnvoySecret *ret[2])
{
	const K8s__ConfigMetrics *m = servable(config->metrics);
	const K8s__ConfigMetricsTLS *t = m ? m->tls : NULL;

	if (!t)
		return 0;
	ret[0] = secret(a, CERTIFICATE);
	ret[0]->type_case = EnvoySecret__TYPE_TLS_CERTIFICATE;
	ret[0]->tls_certificate = message_new(a, EnvoyTlsCertificate);
	ret[0]->tls_certificate->certificate_chain = file(a, t->cert_file);
	ret[0]->tls_certificate->private_key = file(a, t->key_file);
	ret[0]->tls_certificate->watched_directory = folder(a, t->cert_file);
	if (!*t->ca_file)
		return 1;
	ret[1] = secret(a, AUTHORITY);
	ret[1]->type_case = EnvoySecret__TYPE_VALIDATION_CONTEXT;
	ret[1]->validation_context = message_new(a, EnvoyCertificateValidationContext);
	ret[1]->validation_context->trusted_ca = file(a, t->ca_file);
	ret[1]->validation_context->watched_directory = folder(a, t->ca_file);
	return 2;
}
