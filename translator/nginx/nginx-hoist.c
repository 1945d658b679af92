/* The routes with which all locations of a host begin, tried once, before all of them: they do not
 * name the paths, so a change of a path leaves them as they were. Envoy pays for each route of a
 * table at each change of the table. */
#include <string.h>

#include "translator/nginx/nginx-hoist.h"

static bool same_text(const char *x, const char *y)
{
	return x == y || (x && y && strcmp(x, y) == 0);
}

static bool same_edits(const struct header_edits *x, const struct header_edits *y)
{
	if (x->n != y->n || x->n_remove != y->n_remove)
		return false;
	for (size_t i = 0; i < x->n; i++)
		if (x->all[i].action != y->all[i].action ||
		    strcmp(x->all[i].name, y->all[i].name) != 0 ||
		    strcmp(x->all[i].value, y->all[i].value) != 0)
			return false;
	for (size_t i = 0; i < x->n_remove; i++)
		if (strcmp(x->remove[i], y->remove[i]) != 0)
			return false;
	return same_text(x->host, y->host) && same_text(x->host_header, y->host_header);
}

/* Conditions besides the path. */
static bool same_conditions(struct arena *a, const struct route *x, const struct route *y)
{
	struct route_match one = x->match, other = y->match;

	one.kind = other.kind = PATH_PREFIX;
	one.path = other.path = "/";
	one.ignore_case = other.ignore_case = false;
	match_finish(a, &one);
	match_finish(a, &other);
	return strcmp(one.text, other.text) == 0;
}

static bool same_redirect(const struct redirect *x, const struct redirect *y)
{
	return x->status == y->status && same_text(x->scheme, y->scheme) &&
	       same_text(x->host, y->host) && x->port == y->port &&
	       x->strip_query == y->strip_query && x->path.kind == y->path.kind &&
	       same_text(x->path.text, y->path.text) && same_text(x->path.pattern, y->path.pattern);
}

static bool same_effect(const struct route *x, const struct route *y)
{
	if (x->kind == ROUTE_ANSWER)
		return x->answer.status == y->answer.status &&
		       same_text(x->answer.body, y->answer.body);
	return same_redirect(&x->redirect, &y->redirect);
}

/* Not if it depends on the matched path. */
static bool may_move(const struct route *r)
{
	return r->tier == TIER_ORDINARY && !r->name && !r->operation &&
	       (r->kind == ROUTE_ANSWER ||
		(r->kind == ROUTE_REDIRECT && (r->redirect.path.kind == REWRITE_NONE ||
					       r->redirect.path.kind == REWRITE_REGEX)));
}

static bool are_alike(struct arena *a, const struct route *x, const struct route *y)
{
	return x->kind == y->kind && may_move(x) && may_move(y) && x->quiet == y->quiet &&
	       x->tracing == y->tracing && x->plain == y->plain && same_effect(x, y) &&
	       same_edits(&x->request, &y->request) && same_edits(&x->response, &y->response) &&
	       same_conditions(a, x, y);
}

static size_t count_shared(struct arena *a, const struct nginx_span *spans, size_t n,
			   const struct route *all)
{
	for (size_t k = 0;; k++)
		for (size_t i = 0; i < n; i++)
			if (spans[i].from + k >= spans[i].forward ||
			    !are_alike(a, &all[spans[0].from + k], &all[spans[i].from + k]))
				return k;
}

void nginx_hoist(struct arena *a, const struct nginx_span *spans, size_t n, struct routes *routes)
{
	size_t shared = n ? count_shared(a, spans, n, routes->all) : 0, to;
	struct route *all;

	if (!shared)
		return;
	to = spans[0].from;
	all = arena_new_of(a, struct route, routes->n);
	for (size_t k = 0; k < shared; k++) {
		all[to] = routes->all[spans[n - 1].from + k];
		all[to].match.kind = PATH_PREFIX;
		all[to].match.path = "/";
		all[to].match.ignore_case = false;
		match_finish(a, &all[to++].match);
	}
	for (size_t i = 0; i < n; i++)
		for (size_t k = spans[i].from + shared; k < spans[i].to; k++)
			all[to++] = routes->all[k];
	routes->n = to;
	for (size_t i = spans[0].from; i < to; i++) {
		routes->all[i] = all[i];
		routes->all[i].place = (uint32_t)i + 1;
	}
}
