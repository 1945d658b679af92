/* What a route does with a request: where it goes and as what, where it is redirected to, what it is
 * answered. Runs in the translator. */
#include <string.h>

#include "envoy/extensions/filters/http/ext_authz/v3/ext_authz.pb-c.h"
#include "envoy/extensions/filters/http/jwt_authn/v3/config.pb-c.h"
#include "translator/envoy-jwt.h"
#include "translator/explain-internal.h"

typedef Envoy__Config__Route__V3__RedirectAction Redirect;
typedef Envoy__Config__Route__V3__Route Route;
typedef Envoy__Config__Route__V3__RouteAction Action;
typedef Envoy__Config__Route__V3__RouteMatch RouteMatch;
typedef Envoy__Config__Route__V3__VirtualHost VirtualHost;

/* The path's beginning that the route's match stands for. */
static size_t matched_len(const struct explain *e, const RouteMatch *m)
{
	switch (m->path_specifier_case) {
	case ENVOY__CONFIG__ROUTE__V3__ROUTE_MATCH__PATH_SPECIFIER_PREFIX:
		return strlen(m->prefix);
	case ENVOY__CONFIG__ROUTE__V3__ROUTE_MATCH__PATH_SPECIFIER_PATH_SEPARATED_PREFIX:
		return strlen(m->path_separated_prefix);
	default:
		return strlen(e->request.bare_path);
	}
}

static const char *rewritten(struct explain *e, const RouteMatch *m, const char *prefix)
{
	return arena_printf(e->a, "%s%s", prefix, e->request.path + matched_len(e, m));
}

/* ---- redirects ---- */

/* The request's authority, without a port that the new place has another one for. */
static const char *redirect_authority(struct explain *e, const Redirect *r, const char *scheme)
{
	const char *now = e->request.authority, *old = e->request.tls ? "https" : "http";
	const char *colon = strrchr(now, ':'), *bracket = strrchr(now, ']');
	bool drop = r->port_redirect != 0;

	if (*r->host_redirect)
		return r->host_redirect;
	if (!colon || (bracket && bracket > colon))
		return now;
	if (strcmp(scheme, old) != 0)
		drop |= strcmp(colon, e->request.tls ? ":443" : ":80") == 0;
	return drop ? arena_strndup(e->a, now, (size_t)(colon - now)) : now;
}

static const char *redirect_path(struct explain *e, const RouteMatch *m, const Redirect *r)
{
	const char *path = e->request.path, *query = strchr(path, '?');

	switch (r->path_rewrite_specifier_case) {
	case ENVOY__CONFIG__ROUTE__V3__REDIRECT_ACTION__PATH_REWRITE_SPECIFIER_PATH_REDIRECT:
		if (!query || r->strip_query || strchr(r->path_redirect, '?'))
			return r->path_redirect;
		return arena_printf(e->a, "%s%s", r->path_redirect, query);
	case ENVOY__CONFIG__ROUTE__V3__REDIRECT_ACTION__PATH_REWRITE_SPECIFIER_PREFIX_REWRITE:
		path = rewritten(e, m, r->prefix_rewrite);
		break;
	default:
		break;
	}
	return r->strip_query ? arena_strndup(e->a, path, strcspn(path, "?")) : path;
}

static bool write_redirect(struct explain *e, const Route *route)
{
	static const uint32_t codes[] = { 301, 302, 303, 307, 308 };
	const Redirect *r = route->redirect;
	const char *scheme = e->request.tls ? "https" : "http", *port = "";

	if (r->scheme_rewrite_specifier_case ==
		    ENVOY__CONFIG__ROUTE__V3__REDIRECT_ACTION__SCHEME_REWRITE_SPECIFIER_HTTPS_REDIRECT &&
	    r->https_redirect)
		scheme = "https";
	if (r->scheme_rewrite_specifier_case ==
	    ENVOY__CONFIG__ROUTE__V3__REDIRECT_ACTION__SCHEME_REWRITE_SPECIFIER_SCHEME_REDIRECT)
		scheme = r->scheme_redirect;
	if (r->port_redirect)
		port = arena_printf(e->a, ":%u", r->port_redirect);
	explain_string(e, "action", "redirect");
	explain_uint(e, "status", (unsigned)r->response_code < ARRAY_SIZE(codes) ? codes[r->response_code] : 301);
	explain_string(e, "location",
		       arena_printf(e->a, "%s://%s%s%s", scheme, redirect_authority(e, r, scheme), port,
				    redirect_path(e, route->match, r)));
	return true;
}

/* ---- answers ---- */

static bool write_answer(struct explain *e, const Route *route)
{
	const Envoy__Config__Core__V3__DataSource *body = route->direct_response->body;

	explain_string(e, "action", "direct-response");
	explain_uint(e, "status", route->direct_response->status);
	if (body && body->specifier_case == ENVOY__CONFIG__CORE__V3__DATA_SOURCE__SPECIFIER_INLINE_BYTES) {
		document_key(e->d, "body");
		document_string_n(e->d, (const char *)body->inline_bytes.data, body->inline_bytes.len);
	}
	return true;
}

/* ---- forwarding ---- */

static void write_changes(struct explain *e, const Route *route)
{
	const Action *a = route->route;

	if (a->prefix_rewrite && *a->prefix_rewrite)
		explain_string(e, "path_becomes", rewritten(e, route->match, a->prefix_rewrite));
	else if (a->regex_rewrite)
		explain_string(e, "path_rewritten_by", a->regex_rewrite->pattern->regex);
	if (a->host_rewrite_specifier_case ==
	    ENVOY__CONFIG__ROUTE__V3__ROUTE_ACTION__HOST_REWRITE_SPECIFIER_HOST_REWRITE_LITERAL)
		explain_string(e, "host_becomes", a->host_rewrite_literal);
	if (a->host_rewrite_specifier_case ==
	    ENVOY__CONFIG__ROUTE__V3__ROUTE_ACTION__HOST_REWRITE_SPECIFIER_HOST_REWRITE_HEADER)
		explain_string(e, "host_from_header", a->host_rewrite_header);
}

static size_t write_weighted(struct explain *e, const Envoy__Config__Route__V3__WeightedCluster *w)
{
	char **names = arena_new_of(e->a, char *, w->n_clusters + 1);
	uint32_t *weights = arena_new_of(e->a, uint32_t, w->n_clusters + 1);

	for (size_t i = 0; i < w->n_clusters; i++) {
		names[i] = w->clusters[i]->name;
		weights[i] = w->clusters[i]->weight ? w->clusters[i]->weight->value : 0;
	}
	return explain_clusters_write(e, names, weights, w->n_clusters);
}

static bool write_forward(struct explain *e, const Route *route)
{
	const Action *a = route->route;
	size_t endpoints;

	explain_string(e, "action", "forward");
	write_changes(e, route);
	if (a->n_request_mirror_policies) {
		document_key(e->d, "mirrored_to");
		document_list(e->d);
		for (size_t i = 0; i < a->n_request_mirror_policies; i++)
			document_string(e->d, a->request_mirror_policies[i]->cluster);
		document_end(e->d);
	}
	if (a->cluster_specifier_case ==
	    ENVOY__CONFIG__ROUTE__V3__ROUTE_ACTION__CLUSTER_SPECIFIER_WEIGHTED_CLUSTERS)
		endpoints = write_weighted(e, a->weighted_clusters);
	else
		endpoints = explain_clusters_write(e, &a->cluster, NULL, 1);
	if (!endpoints) {
		explain_uint(e, "status", 503);
		explain_string(e, "why", "no endpoint is there to take it");
	}
	return endpoints > 0;
}

/* ---- what may come before ---- */

static const Google__Protobuf__Any *per_route(const Route *route, const VirtualHost *host, const char *name)
{
	for (size_t i = 0; i < route->n_typed_per_filter_config; i++)
		if (strcmp(route->typed_per_filter_config[i]->key, name) == 0)
			return route->typed_per_filter_config[i]->value;
	for (size_t i = 0; i < host->n_typed_per_filter_config; i++)
		if (strcmp(host->typed_per_filter_config[i]->key, name) == 0)
			return host->typed_per_filter_config[i]->value;
	return NULL;
}

static bool acts_if_told(struct explain *e _unused_, const Route *route, const VirtualHost *host, const char *name)
{
	return per_route(route, host, name) != NULL;
}

static bool token_is_asked(struct explain *e, const Route *route, const VirtualHost *host, const char *name)
{
	const Envoy__Extensions__Filters__Http__JwtAuthn__V3__PerRouteConfig *c = explain_any(
		e->a, per_route(route, host, name),
		&envoy__extensions__filters__http__jwt_authn__v3__per_route_config__descriptor);

	return c && c->requirement_specifier_case ==
			    ENVOY__EXTENSIONS__FILTERS__HTTP__JWT_AUTHN__V3__PER_ROUTE_CONFIG__REQUIREMENT_SPECIFIER_REQUIREMENT_NAME;
}

static bool service_is_asked(struct explain *e, const Route *route, const VirtualHost *host, const char *name)
{
	const Envoy__Extensions__Filters__Http__ExtAuthz__V3__ExtAuthzPerRoute *c = explain_any(
		e->a, per_route(route, host, name),
		&envoy__extensions__filters__http__ext_authz__v3__ext_authz_per_route__descriptor);

	return !c || c->override_case !=
			     ENVOY__EXTENSIONS__FILTERS__HTTP__EXT_AUTHZ__V3__EXT_AUTHZ_PER_ROUTE__OVERRIDE_DISABLED;
}

static bool rate_is_asked(struct explain *e _unused_, const Route *route, const VirtualHost *host,
			  const char *name _unused_)
{
	return host->n_rate_limits || (route->action_case == ENVOY__CONFIG__ROUTE__V3__ROUTE__ACTION_ROUTE &&
				       route->route->n_rate_limits);
}

/* In a request's way before its route is followed; who passes is not known here. */
static const struct {
	const char *name, *what;
	bool (*acts)(struct explain *e, const Route *route, const VirtualHost *host, const char *name);
} filters[] = {
	{ "envoy.filters.http.cors", "CORS: preflight requests are answered at once", acts_if_told },
	{ "envoy.filters.http.local_ratelimit", "requests beyond a rate are refused", acts_if_told },
	{ "envoy.filters.http.rbac", "only some clients' addresses are let through", acts_if_told },
	{ ENVOY_JWT_FILTER, "a JSON Web Token is asked for", token_is_asked },
	{ ENVOY_AUTHORIZATION, "an authorization service is asked", service_is_asked },
	{ ENVOY_RATE_LIMIT, "a rate limit service is asked", rate_is_asked },
};

static bool is_there(const HttpManager *m, const char *name)
{
	for (size_t i = 0; i < m->n_http_filters; i++)
		if (strcmp(m->http_filters[i]->name, name) == 0)
			return true;
	return false;
}

static void write_filters(struct explain *e, const Route *route, const VirtualHost *host)
{
	document_key(e->d, "filters");
	document_list(e->d);
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		if (!is_there(e->manager, filters[i].name) ||
		    !filters[i].acts(e, route, host, filters[i].name))
			continue;
		document_map(e->d);
		explain_string(e, "name", filters[i].name);
		explain_string(e, "what", filters[i].what);
		document_end(e->d);
	}
	document_end(e->d);
}

bool explain_action_write(struct explain *e, const Route *route, const VirtualHost *host)
{
	write_filters(e, route, host);
	switch (route->action_case) {
	case ENVOY__CONFIG__ROUTE__V3__ROUTE__ACTION_REDIRECT:
		return write_redirect(e, route);
	case ENVOY__CONFIG__ROUTE__V3__ROUTE__ACTION_DIRECT_RESPONSE:
		return write_answer(e, route);
	case ENVOY__CONFIG__ROUTE__V3__ROUTE__ACTION_ROUTE:
		return write_forward(e, route);
	default:
		return false;
	}
}
