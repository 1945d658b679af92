/* A route's action on a request: its target and form there, its redirect, or its answer. */
#include <string.h>
#include <strings.h>

#include "envoy/extensions/filters/http/ext_authz/v3/ext_authz.pb-c.h"
#include "envoy/extensions/filters/http/jwt_authn/v3/config.pb-c.h"
#include "translator/check/regex.h"
#include "translator/envoy/envoy-access.h"
#include "translator/envoy/envoy-ask.h"
#include "translator/envoy/envoy-jwt.h"
#include "translator/explain/explain-internal.h"

/* The length of the path's beginning that the route matched. */
static size_t matched_len(const struct explain *e, const EnvoyRouteMatch *m)
{
	switch (m->path_specifier_case) {
	case EnvoyRouteMatch__PATH_SPECIFIER_PREFIX:
		return strlen(m->prefix);
	case EnvoyRouteMatch__PATH_SPECIFIER_PATH_SEPARATED_PREFIX:
		return strlen(m->path_separated_prefix);
	default:
		return strlen(e->request.bare_path);
	}
}

/* A regular expression rewrites only the path, not the query. */
static const char *replaced(struct explain *e, const EnvoyRegexMatchAndSubstitute *r)
{
	_cleanup_free_ char *path =
		regex_replace(r->pattern->regex, e->request.bare_path, r->substitution);

	return path ? arena_printf(e->a, "%s%s", *path ? path : "/",
				   e->request.path + strlen(e->request.bare_path))
		    : e->request.path;
}

static const char *rewritten(struct explain *e, const EnvoyRouteMatch *m, const char *prefix)
{
	return arena_printf(e->a, "%s%s", prefix, e->request.path + matched_len(e, m));
}

/* ---- redirects ---- */

/* The request's authority, without a port that the new place has another one for. */
static const char *redirect_authority(struct explain *e, const EnvoyRedirectAction *r,
				      const char *scheme)
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

static const char *redirect_path(struct explain *e, const EnvoyRouteMatch *m,
				 const EnvoyRedirectAction *r)
{
	const char *path = e->request.path, *query = strchr(path, '?');

	switch (r->path_rewrite_specifier_case) {
	case EnvoyRedirectAction__PATH_REWRITE_SPECIFIER_PATH_REDIRECT:
		if (!query || r->strip_query || strchr(r->path_redirect, '?'))
			return r->path_redirect;
		return arena_printf(e->a, "%s%s", r->path_redirect, query);
	case EnvoyRedirectAction__PATH_REWRITE_SPECIFIER_PREFIX_REWRITE:
		path = rewritten(e, m, r->prefix_rewrite);
		break;
	case EnvoyRedirectAction__PATH_REWRITE_SPECIFIER_REGEX_REWRITE:
		path = replaced(e, r->regex_rewrite);
		break;
	default:
		break;
	}
	return r->strip_query ? arena_strndup(e->a, path, strcspn(path, "?")) : path;
}

static bool write_redirect(struct explain *e, const EnvoyRoute *route)
{
	static const uint32_t codes[] = { 301, 302, 303, 307, 308 };
	const EnvoyRedirectAction *r = route->redirect;
	const char *scheme = e->request.tls ? "https" : "http", *port = "";

	if (r->scheme_rewrite_specifier_case ==
		    EnvoyRedirectAction__SCHEME_REWRITE_SPECIFIER_HTTPS_REDIRECT &&
	    r->https_redirect)
		scheme = "https";
	if (r->scheme_rewrite_specifier_case ==
	    EnvoyRedirectAction__SCHEME_REWRITE_SPECIFIER_SCHEME_REDIRECT)
		scheme = r->scheme_redirect;
	if (r->port_redirect)
		port = arena_printf(e->a, ":%u", r->port_redirect);
	explain_string(e, "action", "redirect");
	explain_uint(e, "status",
		     (unsigned)r->response_code < ARRAY_SIZE(codes) ? codes[r->response_code]
								    : 301);
	explain_string(e, "location",
		       arena_printf(e->a, "%s://%s%s%s", scheme, redirect_authority(e, r, scheme),
				    port, redirect_path(e, route->match, r)));
	return true;
}

/* ---- answers ---- */

/* A header's value with its variables filled in from the request; NULL: it has other variables. */
static const char *filled_in(struct explain *e, const char *format)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	for (const char *p = format, *end; *p;) {
		const char **values;
		size_t n;

		if (*p != '%') {
			strbuf_putc(&out, *p++);
		} else if (p[1] == '%') {
			strbuf_putc(&out, '%');
			p += 2;
		} else if (strncmp(p, "%REQ(", 5) == 0 && (end = strstr(p, ")%"))) {
			values = explain_request_header(
				e, arena_strndup(e->a, p + 5, (size_t)(end - p - 5)), &n);
			strbuf_puts(&out, n ? values[0] : "-");
			p = end + 2;
		} else {
			return NULL;
		}
	}
	return arena_strdup(e->a, strbuf_str(&out));
}

/* A redirect to a fixed address may be an answer with a header. */
static void write_location(struct explain *e, const EnvoyRoute *route)
{
	for (size_t i = 0; i < route->n_response_headers_to_add; i++) {
		const EnvoyHeaderValue *h = route->response_headers_to_add[i]->header;

		const char *value =
			h && strcasecmp(h->key, "location") == 0 ? filled_in(e, h->value) : NULL;

		if (value)
			explain_string(e, "location", value);
	}
}

static bool write_answer(struct explain *e, const EnvoyRoute *route)
{
	const EnvoyDataSource *body = route->direct_response->body;

	write_location(e, route);
	explain_string(e, "action", "direct-response");
	explain_uint(e, "status", route->direct_response->status);
	e->status = route->direct_response->status;
	if (body && body->specifier_case == EnvoyDataSource__SPECIFIER_INLINE_BYTES) {
		document_key(e->d, "body");
		document_string_n(e->d, (const char *)body->inline_bytes.data,
				  body->inline_bytes.len);
	}
	return true;
}

/* ---- forwarding ---- */

static void write_changes(struct explain *e, const EnvoyRoute *route)
{
	const EnvoyRouteAction *a = route->route;

	if (a->prefix_rewrite && *a->prefix_rewrite)
		explain_string(e, "path_becomes", rewritten(e, route->match, a->prefix_rewrite));
	else if (a->regex_rewrite) {
		explain_string(e, "path_rewritten_by", a->regex_rewrite->pattern->regex);
		explain_string(e, "path_becomes", replaced(e, a->regex_rewrite));
	}
	if (a->host_rewrite_specifier_case ==
	    EnvoyRouteAction__HOST_REWRITE_SPECIFIER_HOST_REWRITE_LITERAL)
		explain_string(e, "host_becomes", a->host_rewrite_literal);
	if (a->host_rewrite_specifier_case ==
	    EnvoyRouteAction__HOST_REWRITE_SPECIFIER_HOST_REWRITE_HEADER)
		explain_string(e, "host_from_header", a->host_rewrite_header);
}

static struct explain_targets write_weighted(struct explain *e, const EnvoyWeightedCluster *w,
					     const char *effect)
{
	char **names = arena_new_of(e->a, char *, w->n_clusters + 1);
	uint32_t *weights = arena_new_of(e->a, uint32_t, w->n_clusters + 1);

	for (size_t i = 0; i < w->n_clusters; i++) {
		names[i] = w->clusters[i]->name;
		weights[i] = w->clusters[i]->weight ? w->clusters[i]->weight->value : 0;
	}
	return explain_clusters_write(e, names, weights, w->n_clusters, effect);
}

static uint32_t status_without_cluster(const EnvoyRouteAction *a)
{
	static const uint32_t codes[] = { 503, 404, 500 };
	unsigned code = (unsigned)a->cluster_not_found_response_code;

	return code < ARRAY_SIZE(codes) ? codes[code] : 503;
}

static bool write_forward(struct explain *e, const EnvoyRoute *route)
{
	const EnvoyRouteAction *a = route->route;
	const char *effect = "a request is answered with 503";
	struct explain_targets t;

	explain_string(e, "action", "forward");
	write_changes(e, route);
	if (a->n_request_mirror_policies) {
		document_key(e->d, "mirrored_to");
		document_list(e->d);
		for (size_t i = 0; i < a->n_request_mirror_policies; i++)
			document_string(e->d, a->request_mirror_policies[i]->cluster);
		document_end(e->d);
	}
	if (a->cluster_specifier_case == EnvoyRouteAction__CLUSTER_SPECIFIER_WEIGHTED_CLUSTERS)
		t = write_weighted(e, a->weighted_clusters, effect);
	else
		t = explain_clusters_write(e, &a->cluster, NULL, 1, effect);
	if (!t.endpoints) {
		explain_uint(e, "status", !t.there ? status_without_cluster(a) : 503);
		explain_string(e, "why",
			       t.refused ? t.refused
			       : t.there ? "no endpoint is there to take it"
					 : "there is no backend that can be used");
	}
	return t.endpoints > 0;
}

/* ---- filters before the route ---- */

static const GoogleAny *per_route(const EnvoyRoute *route, const EnvoyVirtualHost *host,
				  const char *name)
{
	for (size_t i = 0; i < route->n_typed_per_filter_config; i++)
		if (strcmp(route->typed_per_filter_config[i]->key, name) == 0)
			return route->typed_per_filter_config[i]->value;
	for (size_t i = 0; i < host->n_typed_per_filter_config; i++)
		if (strcmp(host->typed_per_filter_config[i]->key, name) == 0)
			return host->typed_per_filter_config[i]->value;
	return NULL;
}

static bool acts_if_enabled(struct explain *e _unused_, const EnvoyRoute *route,
			    const EnvoyVirtualHost *host, const char *name)
{
	return per_route(route, host, name) != NULL;
}

static bool token_is_asked(struct explain *e, const EnvoyRoute *route, const EnvoyVirtualHost *host,
			   const char *name)
{
	const EnvoyPerRouteConfig *c =
		explain_any(e->a, per_route(route, host, name), &EnvoyPerRouteConfig__descriptor);

	return c && c->requirement_specifier_case ==
			    EnvoyPerRouteConfig__REQUIREMENT_SPECIFIER_REQUIREMENT_NAME;
}

static bool service_is_asked(struct explain *e, const EnvoyRoute *route,
			     const EnvoyVirtualHost *host, const char *name)
{
	const EnvoyExtAuthzPerRoute *c =
		explain_any(e->a, per_route(route, host, name), &EnvoyExtAuthzPerRoute__descriptor);

	return !c || c->override_case != EnvoyExtAuthzPerRoute__OVERRIDE_DISABLED;
}

static bool password_counts(struct explain *e, const EnvoyRoute *route,
			    const EnvoyVirtualHost *host, const char *name)
{
	return envoy_access_asks_passwords(e->a, per_route(route, host, name));
}

static bool own_service_is_asked(struct explain *e, const EnvoyRoute *route,
				 const EnvoyVirtualHost *host, const char *name)
{
	return envoy_access_asks_service(e->a, per_route(route, host, name));
}

static bool rate_is_asked(struct explain *e _unused_, const EnvoyRoute *route,
			  const EnvoyVirtualHost *host, const char *name _unused_)
{
	return host->n_rate_limits ||
	       (route->action_case == EnvoyRoute__ACTION_ROUTE && route->route->n_rate_limits);
}

static bool address_counts(struct explain *e, const EnvoyRoute *route, const EnvoyVirtualHost *host,
			   const char *name)
{
	return explain_address_pass(e, per_route(route, host, name)) == EXPLAIN_PASS_UNKNOWN;
}

/* Filters that may stop a request before its route is followed; their decision is not known
 * here. */
static const struct {
	const char *name, *what;
	bool (*acts)(struct explain *e, const EnvoyRoute *route, const EnvoyVirtualHost *host,
		     const char *name);
} filters[] = {
	{ ENVOY_GUARD, "the listener's authorization services are asked", acts_if_enabled },
	{ "envoy.filters.http.cors", "CORS: preflight requests are answered at once",
	  acts_if_enabled },
	{ "envoy.filters.http.local_ratelimit", "requests beyond a rate are refused",
	  acts_if_enabled },
	{ "envoy.filters.http.rbac", "only some clients' addresses are let through",
	  address_counts },
	{ "envoy.filters.http.basic_auth", "a user's name and password are asked for",
	  acts_if_enabled },
	{ ENVOY_JWT_FILTER, "a JSON Web Token is asked for", token_is_asked },
	{ ENVOY_AUTHORIZATION, "an authorization service is asked", service_is_asked },
	{ ENVOY_ASK, "the route's own authorization service is asked", acts_if_enabled },
	{ ENVOY_ACCESS_FILTER, "a user's name and password are asked for", password_counts },
	{ ENVOY_ACCESS_FILTER, "the route's own authorization service is asked",
	  own_service_is_asked },
	{ ENVOY_RATE_LIMIT, "a rate limit service is asked", rate_is_asked },
};

static bool is_there(const EnvoyHttpConnectionManager *m, const char *name)
{
	for (size_t i = 0; i < m->n_http_filters; i++)
		if (strcmp(m->http_filters[i]->name, name) == 0)
			return true;
	return false;
}

static void write_filters(struct explain *e, const EnvoyRoute *route, const EnvoyVirtualHost *host)
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

/* A refused address is answered before all later steps. */
static bool is_stopped(struct explain *e, const EnvoyRoute *route, const EnvoyVirtualHost *host)
{
	const char *name = "envoy.filters.http.rbac";

	return is_there(e->manager, name) &&
	       explain_address_pass(e, per_route(route, host, name)) == EXPLAIN_STOPS;
}

bool explain_action_write(struct explain *e, const EnvoyRoute *route, const EnvoyVirtualHost *host)
{
	if (explain_upgrade_refused(e, route)) {
		explain_upgrade_write(e);
		return false;
	}
	write_filters(e, route, host);
	if (is_stopped(e, route, host)) {
		explain_nothing(e, "refused", 403, "clients of this address are not let through");
		return false;
	}
	switch (route->action_case) {
	case EnvoyRoute__ACTION_REDIRECT:
		return write_redirect(e, route);
	case EnvoyRoute__ACTION_DIRECT_RESPONSE:
		return write_answer(e, route);
	case EnvoyRoute__ACTION_ROUTE:
		return write_forward(e, route);
	default:
		return false;
	}
}
