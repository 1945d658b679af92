/* Filters of hosts, routes and targets. */
#include <string.h>

#include "translator/envoy/envoy-access.h"
#include "translator/envoy/envoy-ask.h"
#include "translator/envoy/envoy-cookie.h"
#include "translator/envoy/envoy-error-page.h"
#include "translator/envoy/envoy-jwt.h"
#include "translator/envoy/envoy-proxy-headers.h"
#include "translator/envoy/envoy-route-filter.h"

static GoogleAny *rate_limits_off(struct arena *a, const struct route_filters *f)
{
	return f->rate_limits_off ? envoy_rate_limit_off(a) : NULL;
}

static GoogleAny *cors(struct arena *a, const struct route_filters *f)
{
	return f->cors ? envoy_cors(a, f->cors) : NULL;
}

static GoogleAny *local_limit(struct arena *a, const struct route_filters *f)
{
	if (f->limits.n)
		return envoy_shared_limits(a, &f->limits);
	return f->local_limit ? envoy_local_limit(a, f->local_limit) : NULL;
}

static GoogleAny *exempt(struct arena *a, const struct route_filters *f)
{
	return f->uncounted ? envoy_exempt(a, f->uncounted) : NULL;
}

static GoogleAny *addresses(struct arena *a, const struct route_filters *f)
{
	return f->addresses ? envoy_addresses(a, f->addresses) : NULL;
}

static GoogleAny *jwt(struct arena *a, const struct route_filters *f)
{
	if (f->jwt_off)
		return envoy_jwt_off(a);
	return f->jwt ? envoy_jwt_route(a, f->jwt) : NULL;
}

static GoogleAny *cookies(struct arena *a, const struct route_filters *f)
{
	if (f->rewrites)
		return envoy_answer_rewrites(a, f->rewrites);
	return f->cookies.n ? envoy_cookie_rules(a, &f->cookies) : NULL;
}

static GoogleAny *authorization(struct arena *a, const struct route_filters *f)
{
	switch (f->authorization.kind) {
	case AUTHORIZATION_INHERITED:
		break;
	case AUTHORIZATION_OFF:
		return envoy_authorization_off(a);
	case AUTHORIZATION_WITH_CONTEXT:
		return envoy_authorization_context(a, f->authorization.context, f->authorization.n);
	}
	return NULL;
}

static GoogleAny *ask(struct arena *a, const struct route_filters *f)
{
	return f->ask ? envoy_ask(a, f->ask) : NULL;
}

static GoogleAny *passwords(struct arena *a, const struct route_filters *f)
{
	return f->passwords ? envoy_passwords(a, f->passwords) : NULL;
}

static GoogleAny *session(struct arena *a, const struct route_filters *f)
{
	return f->session ? envoy_session(a, f->session) : NULL;
}

static GoogleAny *access_rules(struct arena *a, const struct route_filters *f)
{
	return f->access ? envoy_access(a, f->access) : NULL;
}

static GoogleAny *access_mark(struct arena *a, const struct route_filters *f)
{
	return f->access ? envoy_access_mark(a) : NULL;
}

static GoogleAny *error_pages(struct arena *a, const struct route_filters *f)
{
	return f->error_pages ? envoy_error_pages(a, f->error_pages) : NULL;
}

static GoogleAny *uncompressed(struct arena *a, const struct route_filters *f)
{
	return f->uncompressed ? envoy_uncompressed(a) : NULL;
}

static GoogleAny *bandwidth(struct arena *a, const struct route_filters *f)
{
	return f->bandwidth_kib ? envoy_bandwidth(a, f->bandwidth_kib) : NULL;
}

/* The filter is turned on, as the connection manager has it. */
static GoogleAny *turned_on(struct arena *a)
{
	EnvoyFilterConfig m = EnvoyFilterConfig__INIT;

	m.config = message_new(a, GoogleAny); /* empty, but there: Envoy demands it */
	return envoy_any(a, "envoy.config.route.v3.FilterConfig", &m.base);
}

static GoogleAny *grpc(struct arena *a, const struct route_filters *f)
{
	return f->grpc ? turned_on(a) : NULL;
}

static GoogleAny *proxy_headers(struct arena *a, const struct route_filters *f)
{
	return f->proxy_headers ? turned_on(a) : NULL;
}

/* config: NULL if the filter keeps its general behaviour, or is not wanted. A configuration turns
 * it on. */
static const struct {
	const char *name; /* as in envoy-filters.c */
	GoogleAny *(*config)(struct arena *a, const struct route_filters *f);
} filters[] = {
	{ "envoy.filters.http.grpc_web", grpc },
	{ "envoy.filters.http.grpc_stats", grpc },
	{ ENVOY_RATE_LIMIT, rate_limits_off },
	{ "envoy.filters.http.cors", cors },
	{ "envoy.filters.http.local_ratelimit", local_limit },
	{ ENVOY_EXEMPT, exempt },
	{ "envoy.filters.http.rbac", addresses },
	{ ENVOY_JWT_FILTER, jwt },
	{ ENVOY_COOKIE_FILTER, cookies },
	{ ENVOY_AUTHORIZATION, authorization },
	{ ENVOY_ASK, ask },
	{ "envoy.filters.http.basic_auth", passwords },
	{ ENVOY_ACCESS_FILTER, access_rules },
	{ ENVOY_ACCESS_GUARD, access_mark },
	{ "envoy.filters.http.stateful_session", session },
	{ ENVOY_ERROR_PAGES, error_pages },
	{ ENVOY_BANDWIDTH, bandwidth },
	{ ENVOY_PROXY_HEADERS, proxy_headers },
	{ "envoy.filters.http.compressor", uncompressed },
};

/* Three messages have such entries, each of a type of its own. */
#define SET_FILTERS(a, f, ret, entry_type)                                                       \
	do {                                                                                     \
		(ret)->typed_per_filter_config =                                                 \
			arena_new_of((a), entry_type *, ARRAY_SIZE(filters));                    \
		for (size_t _i = 0; _i < ARRAY_SIZE(filters); _i++) {                            \
			GoogleAny *_config = filters[_i].config((a), (f));                       \
			entry_type *_e;                                                          \
                                                                                                 \
			if (!_config)                                                            \
				continue;                                                        \
			_e = message_new((a), entry_type);                                       \
			_e->key = (char *)filters[_i].name;                                      \
			_e->value = _config;                                                     \
			(ret)->typed_per_filter_config[(ret)->n_typed_per_filter_config++] = _e; \
		}                                                                                \
	} while (0)

void envoy_route_filters(struct arena *a, const struct route_filters *f, EnvoyRoute *ret)
{
	SET_FILTERS(a, f, ret, EnvoyRouteTypedPerFilterConfigEntry);
}

void envoy_target_filters(struct arena *a, const struct cookie_rules *rules,
			  EnvoyWeightedClusterClusterWeight *ret)
{
	const struct route_filters f = { .cookies = *rules };

	SET_FILTERS(a, &f, ret, EnvoyWeightedClusterClusterWeightTypedPerFilterConfigEntry);
}

ProtobufCBinaryData envoy_host_filters(struct arena *a, const struct route_filters *f)
{
	EnvoyVirtualHost host = EnvoyVirtualHost__INIT;
	ProtobufCBinaryData d;

	SET_FILTERS(a, f, &host, EnvoyVirtualHostTypedPerFilterConfigEntry);
	host.n_rate_limits = f->rate_limits.n;
	host.rate_limits = envoy_rate_limits(a, &f->rate_limits);
	d.len = protobuf_c_message_get_packed_size(&host.base);
	d.data = arena_alloc(a, d.len + 1);
	(void)protobuf_c_message_pack(&host.base, d.data);
	return d;
}
