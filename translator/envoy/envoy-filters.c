/* Steps of a connection manager before it routes a request. */
#include <string.h>

#include "envoy/extensions/filters/http/bandwidth_limit/v3/bandwidth_limit.pb-c.h"
#include "envoy/extensions/filters/http/basic_auth/v3/basic_auth.pb-c.h"
#include "envoy/extensions/filters/http/cors/v3/cors.pb-c.h"
#include "envoy/extensions/filters/http/custom_response/v3/custom_response.pb-c.h"
#include "envoy/extensions/filters/http/grpc_stats/v3/config.pb-c.h"
#include "envoy/extensions/filters/http/grpc_web/v3/grpc_web.pb-c.h"
#include "envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.pb-c.h"
#include "envoy/extensions/filters/http/rbac/v3/rbac.pb-c.h"
#include "envoy/extensions/filters/http/router/v3/router.pb-c.h"
#include "envoy/extensions/filters/http/stateful_session/v3/stateful_session.pb-c.h"
#include "translator/envoy/envoy-access.h"
#include "translator/envoy/envoy-ask.h"
#include "translator/envoy/envoy-cookie.h"
#include "translator/envoy/envoy-error-page.h"
#include "translator/envoy/envoy-filters.h"
#include "translator/envoy/envoy-forwarded.h"
#include "translator/envoy/envoy-http.h"
#include "translator/envoy/envoy-jwt.h"
#include "translator/envoy/envoy-proxy-headers.h"

#define HTTP_FILTERS "envoy.extensions.filters.http."

static const ProtobufCMessage *grpc_web(struct arena *a, const struct http_spec *spec _unused_)
{
	return &message_new(a, EnvoyGrpcWeb)->base;
}

static const ProtobufCMessage *grpc_stats(struct arena *a, const struct http_spec *spec _unused_)
{
	EnvoyHttpGrpcStatsFilterConfig *m = message_new(a, EnvoyHttpGrpcStatsFilterConfig);

	m->emit_filter_state = true;
	m->enable_upstream_stats = true;
	return &m->base;
}

static const ProtobufCMessage *cors(struct arena *a, const struct http_spec *spec _unused_)
{
	return &message_new(a, EnvoyCors)->base;
}

static const ProtobufCMessage *local_rate_limit(struct arena *a,
						const struct http_spec *spec _unused_)
{
	EnvoyLocalRateLimit *m = message_new(a, EnvoyLocalRateLimit);

	m->stat_prefix = (char *)"http";
	return &m->base;
}

static const ProtobufCMessage *addresses(struct arena *a, const struct http_spec *spec _unused_)
{
	return &message_new(a, EnvoyHttpRbacRBAC)->base;
}

static const ProtobufCMessage *authorization(struct arena *a, const struct http_spec *spec)
{
	return spec->services && spec->services->authorization
		       ? envoy_authorization(a, spec->services->authorization)
		       : NULL;
}

static const ProtobufCMessage *rate_limit(struct arena *a, const struct http_spec *spec)
{
	return spec->services && spec->services->rate_limits
		       ? envoy_rate_limit(a, spec->services->rate_limits)
		       : NULL;
}

/* ingress-nginx's annotations are all that asks for passwords, and for sessions of hosts that are
 * not a Gateway's. */
static bool serves_nginx(const struct http_spec *spec)
{
	return spec->settings->config->portolan->ingress_nginx->enabled;
}

static const ProtobufCMessage *exempt(struct arena *a, const struct http_spec *spec)
{
	return serves_nginx(spec) ? &message_new(a, EnvoyHttpRbacRBAC)->base : NULL;
}

/* The filter demands a user. No password has this hash; routes turn the filter on with users of
 * their own. */
#define NOBODY "nobody:{SHA}AAAAAAAAAAAAAAAAAAAAAAAAAAA="

static const ProtobufCMessage *passwords(struct arena *a, const struct http_spec *spec)
{
	EnvoyBasicAuth *m;

	if (!serves_nginx(spec))
		return NULL;
	m = message_new(a, EnvoyBasicAuth);
	m->users = envoy_inline_bytes(a, NOBODY, strlen(NOBODY));
	return &m->base;
}

static const ProtobufCMessage *session(struct arena *a, const struct http_spec *spec)
{
	return spec->sessions || serves_nginx(spec) ? &message_new(a, EnvoyStatefulSession)->base
						    : NULL;
}

static const ProtobufCMessage *error_pages(struct arena *a, const struct http_spec *spec)
{
	return serves_nginx(spec) ? &message_new(a, EnvoyCustomResponse)->base : NULL;
}

static const ProtobufCMessage *bandwidth(struct arena *a, const struct http_spec *spec)
{
	EnvoyBandwidthLimit *m;

	if (!serves_nginx(spec))
		return NULL;
	m = message_new(a, EnvoyBandwidthLimit);
	m->stat_prefix = (char *)"http";
	return &m->base;
}

static const ProtobufCMessage *router(struct arena *a, const struct http_spec *spec _unused_)
{
	return &message_new(a, EnvoyRouter)->base;
}

/* When requests pass a filter. */
enum filter_use {
	USE_ALWAYS,
	/* If a host, route or target has a configuration of its own for it: the others do not pay
	 * for it. Envoy chooses the filters by the first route that it finds. If a filter has the
	 * route chosen anew, all requests pass it, and it looks at the route itself. */
	USE_ASKED,
	/* the same, but without a route's configuration it refuses all requests */
	USE_ASKED_ONLY,
};

/* In the order in which they see a request (the reverse for its answer). config: NULL if the filter
 * has nothing to do here. But a listener that changes loses its connections, so a filter that acts
 * only by order of a virtual host or route is always present, unless that is expensive. */
static const struct {
	const char *name; /* routes' typed_per_filter_config has it, too */
	const char *type;
	const ProtobufCMessage *(*config)(struct arena *a, const struct http_spec *spec);
	enum filter_use use;
} filters[] = {
	{ ENVOY_FORWARDED, HTTP_FILTERS "lua.v3.Lua", envoy_forwarded_filter, USE_ALWAYS },
	{ "envoy.filters.http.compressor", HTTP_FILTERS "compressor.v3.Compressor",
	  envoy_compressor, USE_ALWAYS },
	/* Before all filters with refusals that it replaces. */
	{ ENVOY_ERROR_PAGES, HTTP_FILTERS "custom_response.v3.CustomResponse", error_pages,
	  USE_ASKED_ONLY },
	/* As many as the connection manager has guards. They go before all that routes ask for. */
	{ ENVOY_GUARD, "envoy.extensions.common.matching.v3.ExtensionWithMatcher",
	  envoy_guard_filter, USE_ASKED_ONLY },
	{ "envoy.filters.http.grpc_web", HTTP_FILTERS "grpc_web.v3.GrpcWeb", grpc_web, USE_ASKED },
	{ "envoy.filters.http.grpc_stats", HTTP_FILTERS "grpc_stats.v3.FilterConfig", grpc_stats,
	  USE_ASKED },
	{ "envoy.filters.http.cors", HTTP_FILTERS "cors.v3.Cors", cors, USE_ASKED },
	{ ENVOY_EXEMPT, HTTP_FILTERS "rbac.v3.RBAC", exempt, USE_ASKED },
	{ "envoy.filters.http.local_ratelimit", HTTP_FILTERS "local_ratelimit.v3.LocalRateLimit",
	  local_rate_limit, USE_ASKED },
	{ ENVOY_COOKIE_FILTER, HTTP_FILTERS "lua.v3.Lua", envoy_cookie_filter, USE_ASKED },
	{ "envoy.filters.http.rbac", HTTP_FILTERS "rbac.v3.RBAC", addresses, USE_ASKED },
	{ ENVOY_JWT_FILTER, HTTP_FILTERS "jwt_authn.v3.JwtAuthentication", envoy_jwt_filter,
	  USE_ALWAYS },
	{ ENVOY_AUTHORIZATION, HTTP_FILTERS "ext_authz.v3.ExtAuthz", authorization, USE_ALWAYS },
	{ ENVOY_ASK, "envoy.extensions.common.matching.v3.ExtensionWithMatcher", envoy_ask_filter,
	  USE_ASKED },
	{ ENVOY_RATE_LIMIT, HTTP_FILTERS "ratelimit.v3.RateLimit", rate_limit, USE_ALWAYS },
	{ "envoy.filters.http.basic_auth", HTTP_FILTERS "basic_auth.v3.BasicAuth", passwords,
	  USE_ASKED_ONLY },
	{ ENVOY_ACCESS_FILTER, HTTP_FILTERS "lua.v3.Lua", envoy_access_filter, USE_ASKED },
	{ ENVOY_ACCESS_GUARD, HTTP_FILTERS "rbac.v3.RBAC", envoy_access_guard, USE_ASKED },
	{ "envoy.filters.http.stateful_session", HTTP_FILTERS "stateful_session.v3.StatefulSession",
	  session, USE_ASKED },
	{ ENVOY_BANDWIDTH, HTTP_FILTERS "bandwidth_limit.v3.BandwidthLimit", bandwidth,
	  USE_ASKED_ONLY },
	/* After all that asks about a request as the client sent it. */
	{ ENVOY_PROXY_HEADERS, HTTP_FILTERS "header_mutation.v3.HeaderMutation",
	  envoy_proxy_headers, USE_ASKED_ONLY },
	{ "router", HTTP_FILTERS "router.v3.Router", router, USE_ALWAYS },
};

/* External authorization may add headers that routes depend on. */
static bool chooses_anew(const struct http_spec *spec)
{
	return (spec->services && spec->services->authorization) || spec->guards;
}

static EnvoyHttpFilter *make(struct arena *a, const struct http_spec *spec, size_t row,
			     size_t index, const ProtobufCMessage *config)
{
	EnvoyHttpFilter *f = message_new(a, EnvoyHttpFilter);

	f->name = (char *)(index ? envoy_guard_name(a, index) : filters[row].name);
	f->disabled = filters[row].use == USE_ASKED_ONLY ||
		      (filters[row].use == USE_ASKED && !chooses_anew(spec));
	f->config_type_case = EnvoyHttpFilter__CONFIG_TYPE_TYPED_CONFIG;
	f->typed_config = envoy_any(a, filters[row].type, config);
	return f;
}

void envoy_filters(struct arena *a, const struct http_spec *spec, EnvoyHttpConnectionManager *ret)
{
	ret->http_filters = arena_new_of(a, EnvoyHttpFilter *, ARRAY_SIZE(filters) + spec->guards);
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		const ProtobufCMessage *config = filters[i].config(a, spec);
		size_t n = strcmp(filters[i].name, ENVOY_GUARD) == 0 ? spec->guards : 1;

		for (size_t k = 0; config && k < n; k++)
			ret->http_filters[ret->n_http_filters++] = make(a, spec, i, k, config);
	}
}
