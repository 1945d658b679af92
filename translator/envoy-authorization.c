/* External authorization: the filter that asks, and what routes change in it. Runs in the translator. */
#include "common/clock.h"
#include "envoy/extensions/filters/http/ext_authz/v3/ext_authz.pb-c.h"
#include "translator/envoy.h"
#include "translator/proxy-condition.h"

#define PER_ROUTE "envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute"
/* Only what is behind it counts: requests go to the cluster, with the client's own Host. */
#define SERVER_URI "http://dummy/"

typedef Portolan__Model__Authorization Authorization;
typedef Envoy__Extensions__Filters__Http__ExtAuthz__V3__ExtAuthz ExtAuthz;
typedef Envoy__Extensions__Filters__Http__ExtAuthz__V3__ExtAuthzPerRoute PerRoute;
typedef Envoy__Extensions__Filters__Http__ExtAuthz__V3__CheckSettings CheckSettings;
typedef Envoy__Extensions__Filters__Http__ExtAuthz__V3__HttpService HttpService;
typedef Envoy__Extensions__Filters__Http__ExtAuthz__V3__AuthorizationResponse Response;
typedef Envoy__Extensions__Filters__Http__ExtAuthz__V3__BufferSettings Buffer;
typedef Envoy__Type__Matcher__V3__ListStringMatcher Patterns;
typedef Envoy__Type__Matcher__V3__StringMatcher Matcher;

static Matcher *match(struct arena *a, const Portolan__Model__Authorization__Pattern *p)
{
	Matcher *m = ENVOY_NEW(a, Matcher, ENVOY__TYPE__MATCHER__V3__STRING_MATCHER__INIT);

	switch (p->operator_) {
	case MATCH_PREFIX:
		m->match_pattern_case = ENVOY__TYPE__MATCHER__V3__STRING_MATCHER__MATCH_PATTERN_PREFIX;
		m->prefix = p->text;
		break;
	case MATCH_SUFFIX:
		m->match_pattern_case = ENVOY__TYPE__MATCHER__V3__STRING_MATCHER__MATCH_PATTERN_SUFFIX;
		m->suffix = p->text;
		break;
	case MATCH_CONTAINS:
		m->match_pattern_case = ENVOY__TYPE__MATCHER__V3__STRING_MATCHER__MATCH_PATTERN_CONTAINS;
		m->contains = p->text;
		break;
	default:
		m->match_pattern_case = ENVOY__TYPE__MATCHER__V3__STRING_MATCHER__MATCH_PATTERN_EXACT;
		m->exact = p->text;
	}
	return m;
}

static Patterns *patterns(struct arena *a, Portolan__Model__Authorization__Pattern *const *all, size_t n)
{
	Patterns *p;

	if (!n)
		return NULL;
	p = ENVOY_NEW(a, Patterns, ENVOY__TYPE__MATCHER__V3__LIST_STRING_MATCHER__INIT);
	p->patterns = arena_new_of(a, Matcher *, n);
	for (size_t i = 0; i < n; i++)
		p->patterns[p->n_patterns++] = match(a, all[i]);
	return p;
}

/* Envoy counts them in 32 bits of milliseconds: a longer one would become a short one. */
static Google__Protobuf__Duration *timeout(struct arena *a, const Authorization *wish)
{
	return envoy_duration(a, MIN(wish->timeout_usec, (int64_t)UINT32_MAX * USEC_PER_MSEC));
}

static void ask_grpc(struct arena *a, const Authorization *wish, ExtAuthz *ret)
{
	ret->services_case = ENVOY__EXTENSIONS__FILTERS__HTTP__EXT_AUTHZ__V3__EXT_AUTHZ__SERVICES_GRPC_SERVICE;
	ret->grpc_service = envoy_grpc_service(a, wish->cluster, wish->authority);
	if (wish->has_timeout_usec)
		ret->grpc_service->timeout = timeout(a, wish);
}

static void ask_http(struct arena *a, const Authorization *wish, ExtAuthz *ret)
{
	HttpService *s = ENVOY_NEW(a, HttpService,
				   ENVOY__EXTENSIONS__FILTERS__HTTP__EXT_AUTHZ__V3__HTTP_SERVICE__INIT);
	Envoy__Config__Core__V3__HttpUri *uri = ENVOY_NEW(a, Envoy__Config__Core__V3__HttpUri,
							  ENVOY__CONFIG__CORE__V3__HTTP_URI__INIT);

	uri->uri = (char *)SERVER_URI;
	uri->http_upstream_type_case = ENVOY__CONFIG__CORE__V3__HTTP_URI__HTTP_UPSTREAM_TYPE_CLUSTER;
	uri->cluster = wish->cluster;
	/* Envoy has no default for it. */
	uri->timeout = timeout(a, wish);
	s->server_uri = uri;
	s->path_prefix = wish->path_prefix ? wish->path_prefix : (char *)"";
	if (wish->n_upstream_headers) {
		s->authorization_response = ENVOY_NEW(
			a, Response, ENVOY__EXTENSIONS__FILTERS__HTTP__EXT_AUTHZ__V3__AUTHORIZATION_RESPONSE__INIT);
		s->authorization_response->allowed_upstream_headers =
			patterns(a, wish->upstream_headers, wish->n_upstream_headers);
	}
	ret->services_case = ENVOY__EXTENSIONS__FILTERS__HTTP__EXT_AUTHZ__V3__EXT_AUTHZ__SERVICES_HTTP_SERVICE;
	ret->http_service = s;
	ret->allowed_headers = patterns(a, wish->told_headers, wish->n_told_headers);
}

const ProtobufCMessage *envoy_authorization(struct arena *a, const Authorization *wish)
{
	ExtAuthz *m = ENVOY_NEW(a, ExtAuthz, ENVOY__EXTENSIONS__FILTERS__HTTP__EXT_AUTHZ__V3__EXT_AUTHZ__INIT);

	if (wish->use_http)
		ask_http(a, wish, m);
	else
		ask_grpc(a, wish, m);
	m->transport_api_version = ENVOY__CONFIG__CORE__V3__API_VERSION__V3;
	m->failure_mode_allow = wish->fail_open;
	/* Routes may depend on headers that the service adds. */
	m->clear_route_cache = true;
	m->include_peer_certificate = true;
	m->status_on_error = ENVOY_NEW(a, Envoy__Type__V3__HttpStatus, ENVOY__TYPE__V3__HTTP_STATUS__INIT);
	m->status_on_error->code = ENVOY__TYPE__V3__STATUS_CODE__Forbidden;
	if (wish->body) {
		m->with_request_body = ENVOY_NEW(
			a, Buffer, ENVOY__EXTENSIONS__FILTERS__HTTP__EXT_AUTHZ__V3__BUFFER_SETTINGS__INIT);
		m->with_request_body->max_request_bytes = wish->body->max_bytes;
		m->with_request_body->allow_partial_message = wish->body->partial;
		m->with_request_body->pack_as_bytes = wish->body->raw;
	}
	return &m->base;
}

Google__Protobuf__Any *envoy_authorization_off(struct arena *a)
{
	PerRoute m = ENVOY__EXTENSIONS__FILTERS__HTTP__EXT_AUTHZ__V3__EXT_AUTHZ_PER_ROUTE__INIT;

	m.override_case = ENVOY__EXTENSIONS__FILTERS__HTTP__EXT_AUTHZ__V3__EXT_AUTHZ_PER_ROUTE__OVERRIDE_DISABLED;
	m.disabled = true;
	return envoy_any(a, PER_ROUTE, &m.base);
}

Google__Protobuf__Any *envoy_authorization_context(struct arena *a, const struct envoy_pair *pairs, size_t n)
{
	typedef Envoy__Extensions__Filters__Http__ExtAuthz__V3__CheckSettings__ContextExtensionsEntry Entry;
	PerRoute m = ENVOY__EXTENSIONS__FILTERS__HTTP__EXT_AUTHZ__V3__EXT_AUTHZ_PER_ROUTE__INIT;
	CheckSettings c = ENVOY__EXTENSIONS__FILTERS__HTTP__EXT_AUTHZ__V3__CHECK_SETTINGS__INIT;

	c.context_extensions = arena_new_of(a, Entry *, n + 1);
	for (size_t i = 0; i < n; i++) {
		Entry *e = ENVOY_NEW(
			a, Entry,
			ENVOY__EXTENSIONS__FILTERS__HTTP__EXT_AUTHZ__V3__CHECK_SETTINGS__CONTEXT_EXTENSIONS_ENTRY__INIT);

		e->key = (char *)pairs[i].key;
		e->value = (char *)pairs[i].value;
		c.context_extensions[c.n_context_extensions++] = e;
	}
	m.override_case =
		ENVOY__EXTENSIONS__FILTERS__HTTP__EXT_AUTHZ__V3__EXT_AUTHZ_PER_ROUTE__OVERRIDE_CHECK_SETTINGS;
	m.check_settings = &c;
	return envoy_any(a, PER_ROUTE, &m.base);
}
