/* Verification of JSON Web Tokens: the filter, the requirements of routes, and the servers of
 * keys. */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "envoy/extensions/filters/http/jwt_authn/v3/config.pb-c.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb-c.h"
#include "translator/check/destination.h"
#include "translator/envoy/envoy-jwt.h"

/* Keys are fetched in advance, not while a request waits, and stay in use while their server cannot
 * be reached. A listener waits neither for them nor for a server that never answers. */
static EnvoyRemoteJwks *fetched(struct arena *a, const struct jwt_provider *p)
{
	EnvoyRemoteJwks *r = message_new(a, EnvoyRemoteJwks);

	r->http_uri = message_new(a, EnvoyHttpUri);
	r->http_uri->uri = (char *)p->uri;
	r->http_uri->http_upstream_type_case = EnvoyHttpUri__HTTP_UPSTREAM_TYPE_CLUSTER;
	r->http_uri->cluster = (char *)p->cluster;
	r->http_uri->timeout = envoy_duration(a, p->timeout_usec);
	if (p->cache_usec)
		r->cache_duration = envoy_duration(a, p->cache_usec);
	r->async_fetch = message_new(a, EnvoyJwksAsyncFetch);
	r->async_fetch->fast_listener = true;
	return r;
}

static EnvoyJwtProvider *provider(struct arena *a, const struct jwt_provider *from)
{
	EnvoyJwtProvider *p = message_new(a, EnvoyJwtProvider);

	p->issuer = (char *)from->issuer;
	p->n_audiences = from->n_audiences;
	p->audiences = from->audiences;
	p->forward = from->forward;
	if (from->jwks) {
		p->jwks_source_specifier_case = EnvoyJwtProvider__JWKS_SOURCE_SPECIFIER_LOCAL_JWKS;
		p->local_jwks = envoy_inline_bytes(a, from->jwks, from->jwks_len);
	} else {
		p->jwks_source_specifier_case = EnvoyJwtProvider__JWKS_SOURCE_SPECIFIER_REMOTE_JWKS;
		p->remote_jwks = fetched(a, from);
	}
	return p;
}

static EnvoyJwtRequirement *requirement(struct arena *a, const char *name)
{
	EnvoyJwtRequirement *r = message_new(a, EnvoyJwtRequirement);

	r->requires_type_case = EnvoyJwtRequirement__REQUIRES_TYPE_PROVIDER_NAME;
	r->provider_name = (char *)name;
	return r;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct jwt_provider *)a)->name,
		      ((const struct jwt_provider *)b)->name);
}

ProtobufCBinaryData envoy_jwt(struct arena *a, struct jwt_provider *providers, size_t n)
{
	EnvoyJwtAuthentication m = EnvoyJwtAuthentication__INIT;
	ProtobufCBinaryData d;

	qsort(providers, n, sizeof(*providers), compare);
	m.n_providers = m.n_requirement_map = n;
	m.providers = arena_new_of(a, EnvoyJwtAuthenticationProvidersEntry *, n);
	m.requirement_map = arena_new_of(a, EnvoyJwtAuthenticationRequirementMapEntry *, n);
	for (size_t i = 0; i < n; i++) {
		m.providers[i] = message_new(a, EnvoyJwtAuthenticationProvidersEntry);
		m.providers[i]->key = (char *)providers[i].name;
		m.providers[i]->value = provider(a, &providers[i]);
		m.requirement_map[i] = message_new(a, EnvoyJwtAuthenticationRequirementMapEntry);
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
	return protobuf_c_message_unpack(&EnvoyJwtAuthentication__descriptor, arena_pb(a),
					 spec->tls->jwt.len, spec->tls->jwt.data);
}

GoogleAny *envoy_jwt_route(struct arena *a, const char *provider)
{
	EnvoyPerRouteConfig c = EnvoyPerRouteConfig__INIT;

	c.requirement_specifier_case = EnvoyPerRouteConfig__REQUIREMENT_SPECIFIER_REQUIREMENT_NAME;
	c.requirement_name = (char *)provider;
	return envoy_any(a, "envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig", &c.base);
}

GoogleAny *envoy_jwt_off(struct arena *a)
{
	EnvoyPerRouteConfig m = EnvoyPerRouteConfig__INIT;

	m.requirement_specifier_case = EnvoyPerRouteConfig__REQUIREMENT_SPECIFIER_DISABLED;
	m.disabled = true;
	return envoy_any(a, "envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig", &m.base);
}

/* ---- where keys are fetched ---- */

static EnvoyTransportSocket *speak_tls(struct arena *a, const struct jwks_server *s)
{
	EnvoyUpstreamTlsContext tls = EnvoyUpstreamTlsContext__INIT;
	EnvoyCommonTlsContext common = EnvoyCommonTlsContext__INIT;
	EnvoyTransportSocket *socket = message_new(a, EnvoyTransportSocket);

	tls.common_tls_context = &common;
	common.tls_params = envoy_tls_parameters(a, s->parameters, 0, 0);
	tls.sni = destination_server_name(a, s->host);
	if (s->ca) {
		common.validation_context_type_case =
			EnvoyCommonTlsContext__VALIDATION_CONTEXT_TYPE_VALIDATION_CONTEXT;
		common.validation_context =
			envoy_verify_upstream(a, s->ca, s->ca_len, s->subjects, s->n_subjects);
	}
	socket->name = (char *)"envoy.transport_sockets.tls";
	socket->config_type_case = EnvoyTransportSocket__CONFIG_TYPE_TYPED_CONFIG;
	socket->typed_config = envoy_any(
		a, "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", &tls.base);
	return socket;
}

EnvoyCluster *envoy_jwks_cluster(struct arena *a, const struct jwks_server *s)
{
	const char *scheme = s->tls ? "https" : "http";
	EnvoyCluster *c = message_new(a, EnvoyCluster);
	char *name = arena_printf(a, "dnsname/%s/%s/%u", scheme, s->host, s->port);

	c->alt_stat_name = arena_printf(a, "dnsname_%s_%s_%u", scheme, s->host, s->port);
	c->connect_timeout = envoy_duration(a, s->connect_usec);
	c->cluster_discovery_type_case = EnvoyCluster__CLUSTER_DISCOVERY_TYPE_TYPE;
	envoy_look_up(c, s->family);
	c->load_assignment = envoy_one_endpoint(a, name, s->host, s->port);
	if (s->tls)
		c->transport_socket = speak_tls(a, s);
	c->name = envoy_cluster_name(a, c, name);
	return c;
}
