/* What a connection manager does with a request before it is routed. Runs in the translator. */
#include "envoy/extensions/filters/http/cors/v3/cors.pb-c.h"
#include "envoy/extensions/filters/http/grpc_stats/v3/config.pb-c.h"
#include "envoy/extensions/filters/http/grpc_web/v3/grpc_web.pb-c.h"
#include "envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.pb-c.h"
#include "envoy/extensions/filters/http/rbac/v3/rbac.pb-c.h"
#include "envoy/extensions/filters/http/router/v3/router.pb-c.h"
#include "translator/envoy-cookie.h"
#include "translator/envoy-filters.h"
#include "translator/envoy-http.h"
#include "translator/envoy-jwt.h"

#define HTTP_FILTERS "envoy.extensions.filters.http."

typedef Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__HttpFilter HttpFilter;

static const ProtobufCMessage *grpc_web(struct arena *a, const struct http_spec *spec _unused_)
{
	return &ENVOY_NEW(a, Envoy__Extensions__Filters__Http__GrpcWeb__V3__GrpcWeb,
			  ENVOY__EXTENSIONS__FILTERS__HTTP__GRPC_WEB__V3__GRPC_WEB__INIT)
			->base;
}

static const ProtobufCMessage *grpc_stats(struct arena *a, const struct http_spec *spec _unused_)
{
	Envoy__Extensions__Filters__Http__GrpcStats__V3__FilterConfig *m =
		ENVOY_NEW(a, Envoy__Extensions__Filters__Http__GrpcStats__V3__FilterConfig,
			  ENVOY__EXTENSIONS__FILTERS__HTTP__GRPC_STATS__V3__FILTER_CONFIG__INIT);

	m->emit_filter_state = true;
	m->enable_upstream_stats = true;
	return &m->base;
}

static const ProtobufCMessage *cors(struct arena *a, const struct http_spec *spec _unused_)
{
	return &ENVOY_NEW(a, Envoy__Extensions__Filters__Http__Cors__V3__Cors,
			  ENVOY__EXTENSIONS__FILTERS__HTTP__CORS__V3__CORS__INIT)
			->base;
}

static const ProtobufCMessage *local_rate_limit(struct arena *a, const struct http_spec *spec _unused_)
{
	Envoy__Extensions__Filters__Http__LocalRatelimit__V3__LocalRateLimit *m =
		ENVOY_NEW(a, Envoy__Extensions__Filters__Http__LocalRatelimit__V3__LocalRateLimit,
			  ENVOY__EXTENSIONS__FILTERS__HTTP__LOCAL_RATELIMIT__V3__LOCAL_RATE_LIMIT__INIT);

	m->stat_prefix = (char *)"http";
	return &m->base;
}

static const ProtobufCMessage *addresses(struct arena *a, const struct http_spec *spec _unused_)
{
	return &ENVOY_NEW(a, Envoy__Extensions__Filters__Http__Rbac__V3__RBAC,
			  ENVOY__EXTENSIONS__FILTERS__HTTP__RBAC__V3__RBAC__INIT)
			->base;
}

static const ProtobufCMessage *authorization(struct arena *a, const struct http_spec *spec)
{
	return spec->asks && spec->asks->authorization ? envoy_authorization(a, spec->asks->authorization) : NULL;
}

static const ProtobufCMessage *rate_limit(struct arena *a, const struct http_spec *spec)
{
	return spec->asks && spec->asks->rate_limits ? envoy_rate_limit(a, spec->asks->rate_limits) : NULL;
}

static const ProtobufCMessage *router(struct arena *a, const struct http_spec *spec _unused_)
{
	return &ENVOY_NEW(a, Envoy__Extensions__Filters__Http__Router__V3__Router,
			  ENVOY__EXTENSIONS__FILTERS__HTTP__ROUTER__V3__ROUTER__INIT)
			->base;
}

/* In the order in which they see a request (and the reverse for its answer). config: NULL where the filter
 * has nothing to do here. But a listener that changes loses its connections: a filter that acts only where a
 * virtual host or route says so is always there, unless that is dear. */
static const struct {
	const char *name; /* routes' typed_per_filter_config has it, too */
	const char *type;
	const ProtobufCMessage *(*config)(struct arena *a, const struct http_spec *spec);
} filters[] = {
	{ "envoy.filters.http.compressor", HTTP_FILTERS "compressor.v3.Compressor", envoy_compressor },
	{ "envoy.filters.http.grpc_web", HTTP_FILTERS "grpc_web.v3.GrpcWeb", grpc_web },
	{ "envoy.filters.http.grpc_stats", HTTP_FILTERS "grpc_stats.v3.FilterConfig", grpc_stats },
	{ "envoy.filters.http.cors", HTTP_FILTERS "cors.v3.Cors", cors },
	{ "envoy.filters.http.local_ratelimit", HTTP_FILTERS "local_ratelimit.v3.LocalRateLimit", local_rate_limit },
	{ ENVOY_COOKIE_FILTER, HTTP_FILTERS "lua.v3.Lua", envoy_cookie_filter },
	{ "envoy.filters.http.rbac", HTTP_FILTERS "rbac.v3.RBAC", addresses },
	{ ENVOY_JWT_FILTER, HTTP_FILTERS "jwt_authn.v3.JwtAuthentication", envoy_jwt_filter },
	{ ENVOY_AUTHORIZATION, HTTP_FILTERS "ext_authz.v3.ExtAuthz", authorization },
	{ ENVOY_RATE_LIMIT, HTTP_FILTERS "ratelimit.v3.RateLimit", rate_limit },
	{ "router", HTTP_FILTERS "router.v3.Router", router },
};

void envoy_filters(struct arena *a, const struct http_spec *spec, HttpManager *ret)
{
	ret->http_filters = arena_new_of(a, HttpFilter *, ARRAY_SIZE(filters));
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		const ProtobufCMessage *config = filters[i].config(a, spec);
		HttpFilter *f;

		if (!config)
			continue;
		f = ENVOY_NEW(
			a, HttpFilter,
			ENVOY__EXTENSIONS__FILTERS__NETWORK__HTTP_CONNECTION_MANAGER__V3__HTTP_FILTER__INIT);
		f->name = (char *)filters[i].name;
		f->config_type_case =
			ENVOY__EXTENSIONS__FILTERS__NETWORK__HTTP_CONNECTION_MANAGER__V3__HTTP_FILTER__CONFIG_TYPE_TYPED_CONFIG;
		f->typed_config = envoy_any(a, filters[i].type, config);
		ret->http_filters[ret->n_http_filters++] = f;
	}
}
