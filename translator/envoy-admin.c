/* Listeners for Envoy's own pages. Each leads to the cluster "envoy-admin" of the bootstrap, and lets only what
 * is listed here through, by GET: the interface behind it can stop Envoy. Runs in the translator. */
#include <string.h>

#include "envoy/extensions/filters/http/router/v3/router.pb-c.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb-c.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb-c.h"
#include "translator/envoy-admin.h"

#define CLUSTER "envoy-admin"
#define CERTIFICATE "metrics-tls-certificate"
#define AUTHORITY "metrics-ca-certificate"
#define HCM "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"

typedef Envoy__Config__Core__V3__DataSource DataSource;
typedef Envoy__Config__Listener__V3__Filter Filter;
typedef Envoy__Config__Listener__V3__FilterChain FilterChain;
typedef Envoy__Config__Listener__V3__Listener Listener;
typedef Envoy__Config__Route__V3__HeaderMatcher HeaderMatcher;
typedef Envoy__Config__Route__V3__Route Route;
typedef Envoy__Config__Route__V3__RouteConfiguration Routes;
typedef Envoy__Config__Route__V3__VirtualHost VirtualHost;
typedef Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__HttpConnectionManager HttpManager;
typedef Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__HttpFilter HttpFilter;
typedef Envoy__Extensions__TransportSockets__Tls__V3__CommonTlsContext CommonTls;
typedef Envoy__Extensions__TransportSockets__Tls__V3__DownstreamTlsContext DownstreamTls;
typedef Envoy__Extensions__TransportSockets__Tls__V3__SdsSecretConfig Sds;
typedef Envoy__Extensions__TransportSockets__Tls__V3__Secret Secret;
typedef Envoy__Extensions__TransportSockets__Tls__V3__TlsCertificate Certificate;

static const char *const all_pages[] = { "/ready", "/stats", "/stats/prometheus", NULL };
static const char *const metrics_pages[] = { "/stats", "/stats/prometheus", NULL };
static const char *const health_pages[] = { "/ready", NULL };
static const char *const admin_pages[] = { "/certs",	  "/clusters",	  "/config_dump", "/listeners",
					   "/memory",	  "/ready",	  "/runtime",	  "/server_info",
					   "/stats",	  "/stats/prometheus", "/stats/recentlookups", NULL };

/* ---- routes ---- */

static HeaderMatcher *only_get(struct arena *a)
{
	HeaderMatcher *h = ENVOY_NEW(a, HeaderMatcher, ENVOY__CONFIG__ROUTE__V3__HEADER_MATCHER__INIT);
	Envoy__Type__Matcher__V3__StringMatcher *m = ENVOY_NEW(
		a, Envoy__Type__Matcher__V3__StringMatcher, ENVOY__TYPE__MATCHER__V3__STRING_MATCHER__INIT);

	m->match_pattern_case = ENVOY__TYPE__MATCHER__V3__STRING_MATCHER__MATCH_PATTERN_EXACT;
	m->exact = (char *)"GET";
	m->ignore_case = true;
	h->name = (char *)":method";
	h->header_match_specifier_case =
		ENVOY__CONFIG__ROUTE__V3__HEADER_MATCHER__HEADER_MATCH_SPECIFIER_STRING_MATCH;
	h->string_match = m;
	return h;
}

static Route *page(struct arena *a, const char *path)
{
	struct route_spec spec = { .host = "*", .kind = PATH_EXACT, .path = path, .cluster = CLUSTER };
	Route *r = envoy_route(a, &spec);
	HeaderMatcher *get = only_get(a);

	r->match->n_headers = 1;
	r->match->headers = arena_memdup(a, &get, sizeof(HeaderMatcher *));
	return r;
}

static Routes *routes(struct arena *a, const char *name, const char *const *pages)
{
	Routes *c = ENVOY_NEW(a, Routes, ENVOY__CONFIG__ROUTE__V3__ROUTE_CONFIGURATION__INIT);
	VirtualHost *v = ENVOY_NEW(a, VirtualHost, ENVOY__CONFIG__ROUTE__V3__VIRTUAL_HOST__INIT);
	static const char *const any = "*";
	size_t n = 0;

	while (pages[n])
		n++;
	v->name = (char *)"backend";
	v->n_domains = 1;
	v->domains = arena_memdup(a, &any, sizeof(any));
	v->routes = arena_new_of(a, Route *, n);
	for (size_t i = 0; i < n; i++)
		v->routes[v->n_routes++] = page(a, pages[i]);
	c->name = (char *)name;
	c->n_virtual_hosts = 1;
	c->virtual_hosts = arena_memdup(a, &v, sizeof(VirtualHost *));
	/* An Envoy with a bootstrap of its user's may not have the cluster: it shall answer 503 here, and
	 * take the listener all the same. */
	c->validate_clusters = envoy_bool(a, false);
	return c;
}

/* ---- listeners ---- */

static Filter *manager(struct arena *a, const char *name, const char *const *pages)
{
	Envoy__Extensions__Filters__Http__Router__V3__Router router =
		ENVOY__EXTENSIONS__FILTERS__HTTP__ROUTER__V3__ROUTER__INIT;
	HttpManager m = ENVOY__EXTENSIONS__FILTERS__NETWORK__HTTP_CONNECTION_MANAGER__V3__HTTP_CONNECTION_MANAGER__INIT;
	HttpFilter *filter = ENVOY_NEW(
		a, HttpFilter, ENVOY__EXTENSIONS__FILTERS__NETWORK__HTTP_CONNECTION_MANAGER__V3__HTTP_FILTER__INIT);
	Filter *f = ENVOY_NEW(a, Filter, ENVOY__CONFIG__LISTENER__V3__FILTER__INIT);

	filter->name = (char *)"router";
	filter->config_type_case =
		ENVOY__EXTENSIONS__FILTERS__NETWORK__HTTP_CONNECTION_MANAGER__V3__HTTP_FILTER__CONFIG_TYPE_TYPED_CONFIG;
	filter->typed_config = envoy_any(a, "envoy.extensions.filters.http.router.v3.Router", &router.base);
	/* Metrics of the one, of the other, of both: one name for all, as dashboards know it. */
	m.stat_prefix = (char *)(strcmp(name, "envoy-admin") == 0 ? name : "stats");
	m.route_specifier_case =
		ENVOY__EXTENSIONS__FILTERS__NETWORK__HTTP_CONNECTION_MANAGER__V3__HTTP_CONNECTION_MANAGER__ROUTE_SPECIFIER_ROUTE_CONFIG;
	m.route_config = routes(a, name, pages);
	m.n_http_filters = 1;
	m.http_filters = &filter;
	m.normalize_path = envoy_bool(a, true);
	f->name = (char *)"envoy.filters.network.http_connection_manager";
	f->config_type_case = ENVOY__CONFIG__LISTENER__V3__FILTER__CONFIG_TYPE_TYPED_CONFIG;
	f->typed_config = envoy_any(a, HCM, &m.base);
	return f;
}

static Listener *listener(struct arena *a, const char *name, const char *address, int32_t port,
			  const char *const *pages)
{
	Listener *l = ENVOY_NEW(a, Listener, ENVOY__CONFIG__LISTENER__V3__LISTENER__INIT);
	FilterChain *chain = ENVOY_NEW(a, FilterChain, ENVOY__CONFIG__LISTENER__V3__FILTER_CHAIN__INIT);
	Filter *filter = manager(a, name, pages);

	chain->n_filters = 1;
	chain->filters = arena_memdup(a, &filter, sizeof(Filter *));
	l->name = (char *)name;
	l->address = envoy_address(a, address, (uint32_t)port);
	l->n_filter_chains = 1;
	l->filter_chains = arena_memdup(a, &chain, sizeof(FilterChain *));
	/* Who looks after Envoy gets in when it is full, too. */
	l->ignore_global_conn_limit = true;
	envoy_keep_alive(a, l);
	return l;
}

static Sds *secret_named(struct arena *a, const char *name)
{
	Sds *s = ENVOY_NEW(a, Sds, ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__SDS_SECRET_CONFIG__INIT);

	s->name = (char *)name;
	s->sds_config = envoy_ads(a);
	return s;
}

static void terminate_tls(struct arena *a, bool ask_client, Listener *ret)
{
	DownstreamTls tls = ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__DOWNSTREAM_TLS_CONTEXT__INIT;
	CommonTls common = ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__COMMON_TLS_CONTEXT__INIT;
	Envoy__Extensions__TransportSockets__Tls__V3__TlsParameters params =
		ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__TLS_PARAMETERS__INIT;
	Envoy__Config__Core__V3__TransportSocket *socket =
		ENVOY_NEW(a, Envoy__Config__Core__V3__TransportSocket,
			  ENVOY__CONFIG__CORE__V3__TRANSPORT_SOCKET__INIT);
	Sds *certificate = secret_named(a, CERTIFICATE);

	params.tls_minimum_protocol_version =
		ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__TLS_PARAMETERS__TLS_PROTOCOL__TLSv1_3;
	params.tls_maximum_protocol_version = params.tls_minimum_protocol_version;
	common.tls_params = &params;
	common.n_tls_certificate_sds_secret_configs = 1;
	common.tls_certificate_sds_secret_configs = &certificate;
	if (ask_client) {
		common.validation_context_type_case =
			ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__COMMON_TLS_CONTEXT__VALIDATION_CONTEXT_TYPE_VALIDATION_CONTEXT_SDS_SECRET_CONFIG;
		common.validation_context_sds_secret_config = secret_named(a, AUTHORITY);
		tls.require_client_certificate = envoy_bool(a, true);
	}
	tls.common_tls_context = &common;
	socket->name = (char *)"envoy.transport_sockets.tls";
	socket->config_type_case = ENVOY__CONFIG__CORE__V3__TRANSPORT_SOCKET__CONFIG_TYPE_TYPED_CONFIG;
	socket->typed_config = envoy_any(
		a, "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext", &tls.base);
	ret->filter_chains[0]->transport_socket = socket;
}

/* What should be encrypted and cannot be is not served. */
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
			     Listener *ret[ENVOY_ADMIN_LISTENERS_MAX])
{
	const K8s__ConfigMetrics *m = servable(config->metrics);
	const K8s__ConfigAddress *h = config->health, *o = config->om_enforced_health;
	size_t n = 0;

	if (m && h && same_place(m, h)) {
		if (!m->tls) {
			ret[n++] = listener(a, "stats-health", m->address, m->port, all_pages);
			m = NULL;
		}
		h = NULL; /* with TLS it was said to be wrong: configuration-check.c */
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
		/* The point of it: who is full says so. */
		ret[n++]->ignore_global_conn_limit = false;
	}
	if (config->network->admin_port)
		ret[n++] = listener(a, "envoy-admin", "127.0.0.1", config->network->admin_port, admin_pages);
	return n;
}

/* ---- secrets ---- */

static DataSource *file(struct arena *a, const char *path)
{
	DataSource *d = ENVOY_NEW(a, DataSource, ENVOY__CONFIG__CORE__V3__DATA_SOURCE__INIT);

	d->specifier_case = ENVOY__CONFIG__CORE__V3__DATA_SOURCE__SPECIFIER_FILENAME;
	d->filename = (char *)path;
	return d;
}

/* So that a file that is replaced, or whose folder is by a link as Kubernetes does, is read again. */
static Envoy__Config__Core__V3__WatchedDirectory *folder(struct arena *a, const char *path)
{
	Envoy__Config__Core__V3__WatchedDirectory *d =
		ENVOY_NEW(a, Envoy__Config__Core__V3__WatchedDirectory,
			  ENVOY__CONFIG__CORE__V3__WATCHED_DIRECTORY__INIT);
	const char *slash = strrchr(path, '/');

	d->path = slash > path ? arena_strndup(a, path, (size_t)(slash - path)) : (char *)"/";
	return d;
}

static Secret *secret(struct arena *a, const char *name)
{
	Secret *s = ENVOY_NEW(a, Secret, ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__SECRET__INIT);

	s->name = (char *)name;
	return s;
}

size_t envoy_admin_secrets(struct arena *a, const K8s__ConfigEnvoy *config, Secret *ret[2])
{
	const K8s__ConfigMetrics *m = servable(config->metrics);
	const K8s__ConfigMetricsTLS *t = m ? m->tls : NULL;

	if (!t)
		return 0;
	ret[0] = secret(a, CERTIFICATE);
	ret[0]->type_case = ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__SECRET__TYPE_TLS_CERTIFICATE;
	ret[0]->tls_certificate = ENVOY_NEW(
		a, Certificate, ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__TLS_CERTIFICATE__INIT);
	ret[0]->tls_certificate->certificate_chain = file(a, t->cert_file);
	ret[0]->tls_certificate->private_key = file(a, t->key_file);
	ret[0]->tls_certificate->watched_directory = folder(a, t->cert_file);
	if (!*t->ca_file)
		return 1;
	ret[1] = secret(a, AUTHORITY);
	ret[1]->type_case = ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__SECRET__TYPE_VALIDATION_CONTEXT;
	ret[1]->validation_context = ENVOY_NEW(
		a, Envoy__Extensions__TransportSockets__Tls__V3__CertificateValidationContext,
		ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__CERTIFICATE_VALIDATION_CONTEXT__INIT);
	ret[1]->validation_context->trusted_ca = file(a, t->ca_file);
	ret[1]->validation_context->watched_directory = folder(a, t->ca_file);
	return 2;
}
