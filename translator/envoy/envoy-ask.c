/* A route that asks its own service whether a request may pass (Gateway API's ExternalAuth). The
 * listener has one filter for all such routes. It is off, and a route's own configuration turns it
 * on: so a route never reaches Envoy without its guard, and no listener changes.
 *
 * A Gateway's listener may ask services about all its requests before it chooses a route
 * (GEP-5224). HTTP listeners of a port share a connection manager, so these filters are off as
 * well, and the listener's virtual hosts turn them on. */
#include "translator/envoy/envoy-ask.h"
#include "envoy/extensions/common/matching/v3/extension_matcher.pb-c.h"
#include "envoy/extensions/filters/http/composite/v3/composite.pb-c.h"
#include "envoy/extensions/filters/http/ext_authz/v3/ext_authz.pb-c.h"

#define HTTP_FILTERS "envoy.extensions.filters.http."
#define SERVER_URI   "http://dummy/"
#define TIMEOUT_USEC 5000000 /* GEP-1494 gives none */

/* Without a matcher it does nothing. */
static const ProtobufCMessage *by_route(struct arena *a)
{
	EnvoyExtensionWithMatcher *m = message_new(a, EnvoyExtensionWithMatcher);

	m->xds_matcher = message_new(a, XdsMatcher);
	m->extension_config = message_new(a, EnvoyTypedExtensionConfig);
	m->extension_config->name = (char *)"composite";
	m->extension_config->typed_config = envoy_any(a, HTTP_FILTERS "composite.v3.Composite",
						      &message_new(a, EnvoyComposite)->base);
	return &m->base;
}

const ProtobufCMessage *envoy_ask_filter(struct arena *a, const struct http_spec *spec)
{
	return spec->authorizes_by_route ? by_route(a) : NULL;
}

const ProtobufCMessage *envoy_guard_filter(struct arena *a, const struct http_spec *spec)
{
	return spec->guards ? by_route(a) : NULL;
}

static EnvoyListStringMatcher *names(struct arena *a, const char *const *all, size_t n)
{
	EnvoyListStringMatcher *l = message_new(a, EnvoyListStringMatcher);

	if (!n)
		return NULL;
	l->patterns = arena_new_of(a, EnvoyStringMatcher *, n);
	for (size_t i = 0; i < n; i++) {
		EnvoyStringMatcher *m = message_new(a, EnvoyStringMatcher);

		m->match_pattern_case = EnvoyStringMatcher__MATCH_PATTERN_EXACT;
		m->exact = (char *)all[i];
		m->ignore_case = true;
		l->patterns[l->n_patterns++] = m;
	}
	return l;
}

static EnvoyHttpService *http_service(struct arena *a, const struct ask *ask)
{
	EnvoyHttpService *s = message_new(a, EnvoyHttpService);
	EnvoyHttpUri *uri = message_new(a, EnvoyHttpUri);

	/* Only the path counts: requests go to the cluster, with the client's Host. */
	uri->uri = (char *)SERVER_URI;
	uri->http_upstream_type_case = EnvoyHttpUri__HTTP_UPSTREAM_TYPE_CLUSTER;
	uri->cluster = (char *)ask->cluster;
	uri->timeout = envoy_duration(a, TIMEOUT_USEC);
	s->server_uri = uri;
	s->path_prefix = (char *)(ask->path_prefix ? ask->path_prefix : "");
	if (ask->n_upstream) {
		s->authorization_response = message_new(a, EnvoyAuthorizationResponse);
		s->authorization_response->allowed_upstream_headers =
			names(a, ask->upstream, ask->n_upstream);
	}
	return s;
}

static EnvoyExtAuthz *authorization(struct arena *a, const struct ask *ask)
{
	EnvoyExtAuthz *m = message_new(a, EnvoyExtAuthz);

	if (ask->http) {
		m->services_case = EnvoyExtAuthz__SERVICES_HTTP_SERVICE;
		m->http_service = http_service(a, ask);
	} else {
		m->services_case = EnvoyExtAuthz__SERVICES_GRPC_SERVICE;
		m->grpc_service = envoy_grpc_service(a, ask->cluster, ask->authority);
		m->grpc_service->timeout = envoy_duration(a, TIMEOUT_USEC);
	}
	m->allowed_headers = names(a, ask->reported, ask->n_reported);
	m->transport_api_version = EnvoyApiVersion__V3;
	/* If the service cannot be reached, no request passes. */
	m->status_on_error = message_new(a, EnvoyHttpStatus);
	m->status_on_error->code = EnvoyStatusCode__Forbidden;
	if (ask->body_max) {
		m->with_request_body = message_new(a, EnvoyBufferSettings);
		m->with_request_body->max_request_bytes = ask->body_max;
	}
	return m;
}

static GoogleAny *execute(struct arena *a, const EnvoyExtAuthz *filter)
{
	EnvoyExtensionWithMatcherPerRoute *m = message_new(a, EnvoyExtensionWithMatcherPerRoute);
	EnvoyExecuteFilterAction *action = message_new(a, EnvoyExecuteFilterAction);

	action->typed_config = message_new(a, EnvoyTypedExtensionConfig);
	action->typed_config->name = (char *)ENVOY_ASK;
	action->typed_config->typed_config =
		envoy_any(a, HTTP_FILTERS "ext_authz.v3.ExtAuthz", &filter->base);
	m->xds_matcher = message_new(a, XdsMatcher);
	m->xds_matcher->on_no_match = message_new(a, XdsMatcherOnMatch);
	m->xds_matcher->on_no_match->on_match_case = XdsMatcherOnMatch__ON_MATCH_ACTION;
	m->xds_matcher->on_no_match->action = message_new(a, XdsTypedExtensionConfig);
	m->xds_matcher->on_no_match->action->name = (char *)"ask";
	m->xds_matcher->on_no_match->action->typed_config =
		envoy_any(a, HTTP_FILTERS "composite.v3.ExecuteFilterAction", &action->base);
	return envoy_any(a, "envoy.extensions.common.matching.v3.ExtensionWithMatcherPerRoute",
			 &m->base);
}

GoogleAny *envoy_ask(struct arena *a, const struct ask *ask)
{
	return execute(a, authorization(a, ask));
}

/* ---- guards of listeners ---- */

const char *envoy_guard_name(struct arena *a, size_t index)
{
	return index ? arena_printf(a, "%s.%zu", ENVOY_GUARD, index) : ENVOY_GUARD;
}

/* The service's headers may decide which route is chosen, but not the listener: by these rules
 * Envoy does not let it change Host. */
static GoogleAny *guard(struct arena *a, const struct ask *ask)
{
	EnvoyExtAuthz *m = authorization(a, ask);

	m->clear_route_cache = true;
	m->decoder_header_mutation_rules = message_new(a, EnvoyHeaderMutationRules);
	return execute(a, m);
}

ProtobufCBinaryData envoy_guards(struct arena *a, const struct ask *const *guards, size_t n)
{
	EnvoyVirtualHost host = EnvoyVirtualHost__INIT;
	ProtobufCBinaryData d;

	host.typed_per_filter_config =
		arena_new_of(a, EnvoyVirtualHostTypedPerFilterConfigEntry *, n + 1);
	for (size_t i = 0; i < n; i++) {
		EnvoyVirtualHostTypedPerFilterConfigEntry *e =
			message_new(a, EnvoyVirtualHostTypedPerFilterConfigEntry);

		e->key = (char *)envoy_guard_name(a, i);
		e->value = guard(a, guards[i]);
		host.typed_per_filter_config[host.n_typed_per_filter_config++] = e;
	}
	d.len = protobuf_c_message_get_packed_size(&host.base);
	d.data = arena_alloc(a, d.len + 1);
	(void)protobuf_c_message_pack(&host.base, d.data);
	return d;
}
