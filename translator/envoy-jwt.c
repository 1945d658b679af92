/* Verification of JSON Web Tokens: the filter, what a route requires, and where keys are fetched. Runs in
 * the translator. */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "envoy/extensions/filters/http/jwt_authn/v3/config.pb-c.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb-c.h"
#include "translator/envoy-jwt.h"

typedef Envoy__Config__Cluster__V3__Cluster Cluster;
typedef Envoy__Extensions__Filters__Http__JwtAuthn__V3__JwtAuthentication Authentication;
typedef Envoy__Extensions__Filters__Http__JwtAuthn__V3__JwtAuthentication__ProvidersEntry ProvidersEntry;
typedef Envoy__Extensions__Filters__Http__JwtAuthn__V3__JwtAuthentication__RequirementMapEntry RequirementsEntry;
typedef Envoy__Extensions__Filters__Http__JwtAuthn__V3__JwtProvider Provider;
typedef Envoy__Extensions__Filters__Http__JwtAuthn__V3__JwtRequirement Requirement;
typedef Envoy__Extensions__Filters__Http__JwtAuthn__V3__RemoteJwks RemoteJwks;

/* Keys are fetched ahead, not while a request waits, and those that are there stay in use while their server
 * cannot be reached. A listener does not wait for them, nor for a server that never answers. */
static RemoteJwks *fetched(struct arena *a, const struct jwt_provider *p)
{
	RemoteJwks *r = ENVOY_NEW(a, RemoteJwks,
				  ENVOY__EXTENSIONS__FILTERS__HTTP__JWT_AUTHN__V3__REMOTE_JWKS__INIT);

	r->http_uri = ENVOY_NEW(a, Envoy__Config__Core__V3__HttpUri, ENVOY__CONFIG__CORE__V3__HTTP_URI__INIT);
	r->http_uri->uri = (char *)p->uri;
	r->http_uri->http_upstream_type_case = ENVOY__CONFIG__CORE__V3__HTTP_URI__HTTP_UPSTREAM_TYPE_CLUSTER;
	r->http_uri->cluster = (char *)p->cluster;
	r->http_uri->timeout = envoy_duration(a, p->timeout_usec);
	if (p->cache_usec)
		r->cache_duration = envoy_duration(a, p->cache_usec);
	r->async_fetch = ENVOY_NEW(a, Envoy__Extensions__Filters__Http__JwtAuthn__V3__JwksAsyncFetch,
				   ENVOY__EXTENSIONS__FILTERS__HTTP__JWT_AUTHN__V3__JWKS_ASYNC_FETCH__INIT);
	r->async_fetch->fast_listener = true;
	return r;
}

static Provider *provider(struct arena *a, const struct jwt_provider *from)
{
	Provider *p = ENVOY_NEW(a, Provider, ENVOY__EXTENSIONS__FILTERS__HTTP__JWT_AUTHN__V3__JWT_PROVIDER__INIT);

	p->issuer = (char *)from->issuer;
	p->n_audiences = from->n_audiences;
	p->audiences = from->audiences;
	p->forward = from->forward;
	if (from->jwks) {
		p->jwks_source_specifier_case =
			ENVOY__EXTENSIONS__FILTERS__HTTP__JWT_AUTHN__V3__JWT_PROVIDER__JWKS_SOURCE_SPECIFIER_LOCAL_JWKS;
		p->local_jwks = envoy_inline_bytes(a, from->jwks, from->jwks_len);
	} else {
		p->jwks_source_specifier_case =
			ENVOY__EXTENSIONS__FILTERS__HTTP__JWT_AUTHN__V3__JWT_PROVIDER__JWKS_SOURCE_SPECIFIER_REMOTE_JWKS;
		p->remote_jwks = fetched(a, from);
	}
	return p;
}

static Requirement *requirement(struct arena *a, const char *name)
{
	Requirement *r = ENVOY_NEW(a, Requirement,
				   ENVOY__EXTENSIONS__FILTERS__HTTP__JWT_AUTHN__V3__JWT_REQUIREMENT__INIT);

	r->requires_type_case =
		ENVOY__EXTENSIONS__FILTERS__HTTP__JWT_AUTHN__V3__JWT_REQUIREMENT__REQUIRES_TYPE_PROVIDER_NAME;
	r->provider_name = (char *)name;
	return r;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct jwt_provider *)a)->name, ((const struct jwt_provider *)b)->name);
}

ProtobufCBinaryData envoy_jwt(struct arena *a, struct jwt_provider *providers, size_t n)
{
	Authentication m = ENVOY__EXTENSIONS__FILTERS__HTTP__JWT_AUTHN__V3__JWT_AUTHENTICATION__INIT;
	ProtobufCBinaryData d;

	qsort(providers, n, sizeof(*providers), compare);
	m.n_providers = m.n_requirement_map = n;
	m.providers = arena_new_of(a, ProvidersEntry *, n);
	m.requirement_map = arena_new_of(a, RequirementsEntry *, n);
	for (size_t i = 0; i < n; i++) {
		m.providers[i] = ENVOY_NEW(
			a, ProvidersEntry,
			ENVOY__EXTENSIONS__FILTERS__HTTP__JWT_AUTHN__V3__JWT_AUTHENTICATION__PROVIDERS_ENTRY__INIT);
		m.providers[i]->key = (char *)providers[i].name;
		m.providers[i]->value = provider(a, &providers[i]);
		m.requirement_map[i] = ENVOY_NEW(
			a, RequirementsEntry,
			ENVOY__EXTENSIONS__FILTERS__HTTP__JWT_AUTHN__V3__JWT_AUTHENTICATION__REQUIREMENT_MAP_ENTRY__INIT);
		m.requirement_map[i]->key = (char *)providers[i].name;
		m.requirement_map[i]->value = requirement(a, providers[i].name);
	}
	d.len = protobuf_c_message_get_packed_size(&m.base);
	d.data = arena_alloc(a, d.len);
	(void)protobuf_c_message_pack(&m.base, d.data);
	return d;
}

const ProtobufCMessage *envoy_jwt_filter(struct arena *a, const struct http_spec *spec)
{
	if (!spec->tls || !spec->tls->has_jwt)
		return NULL;
	return protobuf_c_message_unpack(
		&envoy__extensions__filters__http__jwt_authn__v3__jwt_authentication__descriptor, arena_pb(a),
		spec->tls->jwt.len, spec->tls->jwt.data);
}

Google__Protobuf__Any *envoy_jwt_route(struct arena *a, const char *provider)
{
	Envoy__Extensions__Filters__Http__JwtAuthn__V3__PerRouteConfig c =
		ENVOY__EXTENSIONS__FILTERS__HTTP__JWT_AUTHN__V3__PER_ROUTE_CONFIG__INIT;

	c.requirement_specifier_case =
		ENVOY__EXTENSIONS__FILTERS__HTTP__JWT_AUTHN__V3__PER_ROUTE_CONFIG__REQUIREMENT_SPECIFIER_REQUIREMENT_NAME;
	c.requirement_name = (char *)provider;
	return envoy_any(a, "envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig", &c.base);
}

/* ---- where keys are fetched ---- */

static Envoy__Config__Core__V3__TransportSocket *speak_tls(struct arena *a, const struct jwks_server *s)
{
	Envoy__Extensions__TransportSockets__Tls__V3__UpstreamTlsContext tls =
		ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__UPSTREAM_TLS_CONTEXT__INIT;
	Envoy__Extensions__TransportSockets__Tls__V3__CommonTlsContext common =
		ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__COMMON_TLS_CONTEXT__INIT;
	Envoy__Config__Core__V3__TransportSocket *socket =
		ENVOY_NEW(a, Envoy__Config__Core__V3__TransportSocket,
			  ENVOY__CONFIG__CORE__V3__TRANSPORT_SOCKET__INIT);

	tls.common_tls_context = &common;
	common.tls_params = envoy_tls_parameters(a, s->parameters, 0, 0);
	if (!s->is_address) /* RFC 6066, section 3: no addresses, no dot at the end */
		tls.sni = arena_strndup(a, s->host, strlen(s->host) - (s->host[strlen(s->host) - 1] == '.'));
	if (s->ca) {
		common.validation_context_type_case =
			ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__COMMON_TLS_CONTEXT__VALIDATION_CONTEXT_TYPE_VALIDATION_CONTEXT;
		common.validation_context =
			envoy_verify_upstream(a, s->ca, s->ca_len, s->subjects, s->n_subjects);
	}
	socket->name = (char *)"envoy.transport_sockets.tls";
	socket->config_type_case = ENVOY__CONFIG__CORE__V3__TRANSPORT_SOCKET__CONFIG_TYPE_TYPED_CONFIG;
	socket->typed_config = envoy_any(
		a, "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", &tls.base);
	return socket;
}

Cluster *envoy_jwks_cluster(struct arena *a, const struct jwks_server *s)
{
	const char *scheme = s->tls ? "https" : "http";
	Cluster *c = ENVOY_NEW(a, Cluster, ENVOY__CONFIG__CLUSTER__V3__CLUSTER__INIT);
	char *name = arena_printf(a, "dnsname/%s/%s/%u", scheme, s->host, s->port);

	c->alt_stat_name = arena_printf(a, "dnsname_%s_%s_%u", scheme, s->host, s->port);
	c->connect_timeout = envoy_duration(a, s->connect_usec);
	c->cluster_discovery_type_case = ENVOY__CONFIG__CLUSTER__V3__CLUSTER__CLUSTER_DISCOVERY_TYPE_TYPE;
	envoy_look_up(c, s->family);
	c->load_assignment = envoy_one_endpoint(a, name, s->host, s->port);
	if (s->tls)
		c->transport_socket = speak_tls(a, s);
	c->name = envoy_cluster_name(a, c, name);
	return c;
}
