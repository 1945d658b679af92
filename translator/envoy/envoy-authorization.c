/* External authorization: the filter that asks, and the changes that routes make to it. */
#include "common/base/clock.h"
#include "envoy/extensions/filters/http/ext_authz/v3/ext_authz.pb-c.h"
#include "translator/envoy/envoy.h"

#define PER_ROUTE "envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute"
/* Only the path counts: requests go to the cluster, with the client's own Host. */
#define SERVER_URI "http://dummy/"

static EnvoyStringMatcher *match(struct arena *a, const ModelAuthorizationPattern *p)
{
	EnvoyStringMatcher *m = message_new(a, EnvoyStringMatcher);

	switch (p->operator_) {
	case MATCH_PREFIX:
		m->match_pattern_case = EnvoyStringMatcher__MATCH_PATTERN_PREFIX;
		m->prefix = p->text;
		break;
	case MATCH_SUFFIX:
		m->match_pattern_case = EnvoyStringMatcher__MATCH_PATTERN_SUFFIX;
		m->suffix = p->text;
		break;
	case MATCH_CONTAINS:
		m->match_pattern_case = EnvoyStringMatcher__MATCH_PATTERN_CONTAINS;
		m->contains = p->text;
		break;
	default:
		m->match_pattern_case = EnvoyStringMatcher__MATCH_PATTERN_EXACT;
		m->exact = p->text;
	}
	return m;
}

static EnvoyListStringMatcher *patterns(struct arena *a, ModelAuthorizationPattern *const *all,
					size_t n)
{
	EnvoyListStringMatcher *p;

	if (!n)
		return NULL;
	p = message_new(a, EnvoyListStringMatcher);
	p->patterns = arena_new_of(a, EnvoyStringMatcher *, n);
	for (size_t i = 0; i < n; i++)
		p->patterns[p->n_patterns++] = match(a, all[i]);
	return p;
}

/* Envoy counts them in 32 bits of milliseconds: a longer one would become a short one. */
static GoogleDuration *timeout(struct arena *a, const ModelAuthorization *desired)
{
	return envoy_duration(a, MIN(desired->timeout_usec, (int64_t)UINT32_MAX * USEC_PER_MSEC));
}

static void ask_grpc(struct arena *a, const ModelAuthorization *desired, EnvoyExtAuthz *ret)
{
	ret->services_case = EnvoyExtAuthz__SERVICES_GRPC_SERVICE;
	ret->grpc_service = envoy_grpc_service(a, desired->cluster, desired->authority);
	if (desired->has_timeout_usec)
		ret->grpc_service->timeout = timeout(a, desired);
}

static void ask_http(struct arena *a, const ModelAuthorization *desired, EnvoyExtAuthz *ret)
{
	EnvoyHttpService *s = message_new(a, EnvoyHttpService);
	EnvoyHttpUri *uri = message_new(a, EnvoyHttpUri);

	uri->uri = (char *)SERVER_URI;
	uri->http_upstream_type_case = EnvoyHttpUri__HTTP_UPSTREAM_TYPE_CLUSTER;
	uri->cluster = desired->cluster;
	/* Envoy has no default for it. */
	uri->timeout = timeout(a, desired);
	s->server_uri = uri;
	s->path_prefix = desired->path_prefix ? desired->path_prefix : (char *)"";
	if (desired->n_upstream_headers) {
		s->authorization_response = message_new(a, EnvoyAuthorizationResponse);
		s->authorization_response->allowed_upstream_headers =
			patterns(a, desired->upstream_headers, desired->n_upstream_headers);
	}
	ret->services_case = EnvoyExtAuthz__SERVICES_HTTP_SERVICE;
	ret->http_service = s;
	ret->allowed_headers = patterns(a, desired->reported_headers, desired->n_reported_headers);
}

const ProtobufCMessage *envoy_authorization(struct arena *a, const ModelAuthorization *desired)
{
	EnvoyExtAuthz *m = message_new(a, EnvoyExtAuthz);

	if (desired->use_http)
		ask_http(a, desired, m);
	else
		ask_grpc(a, desired, m);
	m->transport_api_version = EnvoyApiVersion__V3;
	m->failure_mode_allow = desired->fail_open;
	/* Routes may depend on headers that the service adds. */
	m->clear_route_cache = true;
	m->include_peer_certificate = true;
	m->status_on_error = message_new(a, EnvoyHttpStatus);
	m->status_on_error->code = EnvoyStatusCode__Forbidden;
	if (desired->body) {
		m->with_request_body = message_new(a, EnvoyBufferSettings);
		m->with_request_body->max_request_bytes = desired->body->max_bytes;
		m->with_request_body->allow_partial_message = desired->body->partial;
		m->with_request_body->pack_as_bytes = desired->body->raw;
	}
	return &m->base;
}

GoogleAny *envoy_authorization_off(struct arena *a)
{
	EnvoyExtAuthzPerRoute m = EnvoyExtAuthzPerRoute__INIT;

	m.override_case = EnvoyExtAuthzPerRoute__OVERRIDE_DISABLED;
	m.disabled = true;
	return envoy_any(a, PER_ROUTE, &m.base);
}

GoogleAny *envoy_authorization_context(struct arena *a, const struct context_pair *pairs, size_t n)
{
	EnvoyExtAuthzPerRoute m = EnvoyExtAuthzPerRoute__INIT;
	EnvoyCheckSettings c = EnvoyCheckSettings__INIT;

	c.context_extensions = arena_new_of(a, EnvoyCheckSettingsContextExtensionsEntry *, n + 1);
	for (size_t i = 0; i < n; i++) {
		EnvoyCheckSettingsContextExtensionsEntry *e =
			message_new(a, EnvoyCheckSettingsContextExtensionsEntry);

		e->key = (char *)pairs[i].key;
		e->value = (char *)pairs[i].value;
		c.context_extensions[c.n_context_extensions++] = e;
	}
	m.override_case = EnvoyExtAuthzPerRoute__OVERRIDE_CHECK_SETTINGS;
	m.check_settings = &c;
	return envoy_any(a, PER_ROUTE, &m.base);
}
