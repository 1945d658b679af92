/* The routes of one location: nginx's phases, in order. */
#include <string.h>

#include "translator/nginx/nginx-config.h"
#include "translator/nginx/nginx-error.h"
#include "translator/nginx/nginx-extra.h"
#include "translator/nginx/nginx-global.h"
#include "translator/nginx/nginx-hoist.h"
#include "translator/nginx/nginx-plan.h"
#include "translator/nginx/nginx-snippet.h"

static void append(struct nginx_plan *p, const struct nginx_source *s, struct route *route)
{
	route->origin = (struct route_origin){ .object = s->ingress->key,
					       .also = s->canary ? s->canary->key : NULL,
					       .field = s->field };
	/* After the routes that objects other than ingress-nginx's Ingresses have on the host,
	 * too. */
	if (s->implicit)
		route->tier = TIER_FALLBACK;
	route->plain = p->tls ? PLAIN_ABSENT : PLAIN_ONLY;
	route->place = (uint32_t)p->routes.n + 1;
	match_finish(p->a, &route->match);
	routes_add(p->a, &p->routes, route);
}

/* Backends get the result of the client certificate's check, so each result has a route. */
static void append_for(struct nginx_plan *p, const struct nginx_source *s,
		       const struct route *route, enum client_certificate which)
{
	struct route own = *route;

	own.match.client = which;
	nginx_client_headers(p, which, &own.request);
	append(p, s, &own);
}

void nginx_route_append(struct nginx_plan *p, const struct nginx_source *s, struct route *route)
{
	bool asked = p->tls && p->client.validation;

	if (!p->client.in || route->kind != ROUTE_FORWARD) {
		append(p, s, route);
		return;
	}
	if (asked && p->client.may_be_absent)
		append_for(p, s, route, CLIENT_ABSENT);
	if (asked && p->client.may_be_unverified)
		append_for(p, s, route, CLIENT_UNVERIFIED);
	append_for(p, s, route, CLIENT_ANY);
}

static struct route_match match_of(const struct nginx_location *l)
{
	static const enum path_kind kinds[] = {
		[NGINX_MATCH_EXACT] = PATH_EXACT,
		[NGINX_MATCH_PREFIX] = PATH_PREFIX,
		[NGINX_MATCH_ANY_CASE] = PATH_PREFIX,
		[NGINX_MATCH_REGEX] = PATH_REGEX,
	};

	return (struct route_match){ .kind = kinds[l->match],
				     .path = l->text,
				     .ignore_case = l->match == NGINX_MATCH_ANY_CASE };
}

static void append_answer(struct nginx_plan *p, const struct nginx_source *s,
			  const struct route *base, uint32_t status)
{
	struct route route = *base;

	route.kind = ROUTE_ANSWER;
	route.answer = (struct answer){ .status = status };
	nginx_route_append(p, s, &route);
}

/* A path's target: its backend; for the implicit / the default backend of the settings; else the
 * answer 404 (after the path's authentication). */
static void find_cluster(struct nginx_plan *p, const struct nginx_source *s, struct target *ret,
			 bool *ret_none)
{
	const char *service = nginx_config_default_backend(p->r);

	*ret_none = !s->backend && !service;
	if (s->backend)
		nginx_upstream_find(p, s, ret);
	else if (service)
		nginx_upstream_default(p, s, service, ret);
}

/* Something could refuse a client before its request is forwarded. */
static bool services_first(const struct route_filters *f)
{
	return f->access || f->passwords || f->addresses || f->counted.n;
}

static void append_forward(struct nginx_plan *p, const struct nginx_source *s,
			   const struct route *base, const struct route_filters *filters)
{
	struct target *target = arena_new_of(p->a, struct target, 1);
	struct route route = *base;
	bool none, away;

	p->forward = MIN(p->forward, p->routes.n);
	*target = (struct target){ .weight = 1 };
	find_cluster(p, s, target, &none);
	route.filters = *filters;
	nginx_extra_watch(p, s, &route);
	nginx_error_read(p, s, &route.filters);
	if (none && !services_first(filters)) {
		append_answer(p, s, &route, 404);
		return;
	}
	route.kind = ROUTE_FORWARD;
	if (none) {
		/* Envoy sets a route's response headers on a refusal only if it forwards. */
		route.forward = (struct forward){ .targets = target,
						  .n_targets = 1,
						  .missing_status = 404 };
		nginx_route_append(p, s, &route);
		return;
	}
	route.forward = (struct forward){
		.targets = target, .n_targets = 1, .missing_status = 503, .websocket = true
	};
	nginx_forward_read(p, s, &route);
	/* What a break has stopped is not rewritten further. */
	if (p->snippet.outcome->stopped)
		route.forward.rewrite = p->snippet.outcome->rewrite;
	nginx_forward_headers(p, s, &route);
	away = s->backend && (target->empty || !target->cluster);
	if (away)
		nginx_error_instead(p, s, target, &route.request);
	/* nginx says so before it asks who the client is. */
	if (s->backend && (target->empty || !target->cluster) && services_first(filters)) {
		route.filters = (struct route_filters){ .error_pages = route.filters.error_pages };
		append_answer(p, s, &route, 503);
		return;
	}
	/* nginx asks for the canary only where the main Service has endpoints. */
	if (away)
		nginx_route_append(p, s, &route);
	else
		nginx_canary_append(p, s, &route);
}

static void append_phases(struct nginx_plan *p, const struct nginx_source *s,
			  const struct route *base, const struct route_filters *filters)
{
	if (nginx_snippet_answer(p, s, p->snippet.outcome, base) ||
	    nginx_redirect_fixed(p, s, base))
		return;
	if (!nginx_redirect_is_secured(p, s)) {
		append_forward(p, s, base, filters);
		return;
	}
	nginx_redirect_secure(p, s, base);
	/* The connections that were secured before they came here. */
	if (nginx_config_believes(p->r))
		append_forward(p, s, base, filters);
}

/* allow and deny of snippets. NULL, or why the path must be closed. */
static const char *add_addresses(struct nginx_plan *p, const struct address_rules *own,
				 struct route_filters *ret)
{
	if (own && ret->addresses)
		return "allow and deny beside lists of addresses are not translated";
	if (!ret->addresses)
		ret->addresses = own ? own : p->server.addresses;
	if (!ret->addresses)
		ret->addresses = nginx_global_addresses(p);
	return NULL;
}

/* The routes of the requests that meet the conditions of an outcome of the snippet. */
static void add_outcome(struct nginx_plan *p, const struct nginx_source *s,
			const struct route *location, const struct nginx_outcomes *outcomes,
			const struct nginx_outcome *o)
{
	struct route base = *location;
	struct route_filters filters = { 0 };
	struct nginx_cors cors;
	const char *closed;

	nginx_snippet_match(p, o, &base.match);
	p->snippet = (struct nginx_snippet){ o, o->request, o->response, outcomes->closed };
	nginx_response_headers(p, s, &base.response);
	closed = s->ingress->denied ? s->ingress->denied : nginx_access_read(p, s, &filters);
	if (!closed)
		closed = add_addresses(p, outcomes->addresses, &filters);
	nginx_cors_read(p, s, &cors);
	if (closed) {
		append_answer(p, s, &base, 503);
		return;
	}
	if (cors.enabled)
		nginx_cors_preflight(p, s, &cors, &base);
	if (cors.origins) {
		struct route with = base;

		nginx_cors_match(p, &cors, &with.match);
		nginx_edits_join(p->a, &with.response, &cors.response);
		append_phases(p, s, &with, &filters);
	} else if (cors.enabled) {
		nginx_edits_join(p->a, &base.response, &cors.response);
	}
	append_phases(p, s, &base, &filters);
}

/* Adds the routes of a location, for HTTP or HTTPS as plan->tls says. */
static void add_route(struct nginx_plan *p, const struct nginx_location *l)
{
	const struct nginx_source *s = l->path->of;
	struct route base = { .match = match_of(l) }, early = base;
	struct nginx_outcomes outcomes;

	if (s->implicit)
		nginx_unknown_health(p, s);
	/* Before the phases of snippets and CORS. */
	p->snippet = (struct nginx_snippet){ &nginx_no_outcome };
	nginx_response_headers(p, s, &early.response);
	nginx_access_bound(p, s, &early);
	if (l->slash) {
		nginx_redirect_slash(p, s, &early);
		return;
	}
	nginx_snippet_read(p, s, &outcomes);
	for (size_t i = 0; i < outcomes.n; i++)
		add_outcome(p, s, &base, &outcomes, outcomes.all[i]);
}

/* Where all paths are regular expressions the implicit /, which nginx has first, hides an Exact /.
 */
static bool is_hidden(struct nginx_plan *p, const struct nginx_locations *l,
		      const struct nginx_path *path)
{
	const struct nginx_source *s = path->of;

	if (!l->regex || !path->exact || strcmp(path->text, "/") != 0)
		return false;
	nginx_warning(p, s->ingress, "PathConflict", s->field,
		      "host %s: the paths are regular expressions (use-regex, rewrite-target), and "
		      "an Exact / is never reached, as with ingress-nginx: make it Prefix",
		      p->host);
	return true;
}

/* The routes that all locations share go first. Where the location of all paths is the implicit /,
 * its routes have to stay after those of other objects. */
static void add_locations(struct nginx_plan *p, const struct nginx_locations *l)
{
	struct nginx_span *spans = arena_new_of(p->a, struct nginx_span, l->n + 1);
	const struct nginx_location *last = NULL;
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct nginx_source *s = l->all[i].path->of;

		if (is_hidden(p, l, l->all[i].path))
			continue;
		spans[n].from = p->routes.n;
		p->forward = SIZE_MAX;
		add_route(p, &l->all[i]);
		spans[n].to = p->routes.n;
		spans[n].forward = MIN(p->forward, p->routes.n);
		n++;
		last = s->implicit ? NULL : &l->all[i];
	}
	if (last && last->match != NGINX_MATCH_EXACT && strcmp(last->text, "/") == 0)
		nginx_hoist(p->a, spans, n, &p->routes);
}

static void add_all(struct nginx_plan *p, const struct nginx_locations *l, bool tls)
{
	p->tls = tls;
	p->pages.n = 0;
	p->snippet = (struct nginx_snippet){ &nginx_no_outcome };
	p->server = (struct nginx_server){ 0 };
	nginx_client_append(p);
	nginx_global_block(p);
	nginx_snippet_server(p);
	nginx_redirect_app_root(p);
	add_locations(p, l);
	nginx_error_append(p);
}

void nginx_routes_add(struct nginx_plan *p, const struct nginx_locations *l, bool tls)
{
	add_all(p, l, false);
	if (tls)
		add_all(p, l, true);
}
