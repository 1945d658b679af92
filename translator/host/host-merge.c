/* Merges objects' routes of one host, in the order in which Envoy tries them. */
#include <stdlib.h>
#include <string.h>

#include "translator/envoy/envoy.h"
#include "translator/host/host-merge.h"

ModelHostRoutes **host_merge_unpack(struct arena *a, const struct item *const *facts, size_t n,
				    size_t *routes)
{
	ModelHostRoutes **all = arena_new_of(a, ModelHostRoutes *, n + 1);

	for (size_t i = 0; i < n; i++) {
		all[i] = message_unpack(a, ModelHostRoutes, facts[i]);
		*routes += all[i]->n_routes;
		for (size_t k = 0; k < all[i]->n_routes; k++)
			if (all[i]->routes[k]->same)
				all[i]->routes[k]->http = all[i]->routes[k]->https;
	}
	return all;
}

void host_merge_init(struct host_merge *m, struct arena *a, size_t routes)
{
	*m = (struct host_merge){ arena_new_of(a, struct host_route, routes + 1), 0 };
}

void host_merge_add(struct host_merge *m, ModelHostRoutes *const *specs, size_t n, bool borrowed)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < specs[i]->n_routes; k++) {
			m->all[m->n] = (struct host_route){ specs[i]->routes[k], specs[i], m->n,
							    borrowed };
			m->n++;
		}
}

static int compare_texts(const ModelHostRoute *x, const ModelHostRoute *y)
{
	return strcmp(x->conditions ? x->conditions : "", y->conditions ? y->conditions : "");
}

/* More conditions first; then the text, for a fixed order. */
static int compare_conditions(const ModelHostRoute *x, const ModelHostRoute *y)
{
	if (x->method != y->method)
		return x->method ? -1 : 1;
	if (x->headers != y->headers)
		return x->headers > y->headers ? -1 : 1;
	if (x->queries != y->queries)
		return x->queries > y->queries ? -1 : 1;
	if (x->by_age != y->by_age)
		return x->by_age ? -1 : 1;
	return x->by_age ? 0 : compare_texts(x, y);
}

static int compare(const void *a, const void *b)
{
	const struct host_route *x = a, *y = b;
	int d;

	if (x->borrowed != y->borrowed)
		return x->borrowed ? 1 : -1;
	if (x->route->first != y->route->first)
		return x->route->first ? -1 : 1;
	if (x->route->fallback != y->route->fallback)
		return x->route->fallback ? 1 : -1;
	if (x->route->last != y->route->last)
		return x->route->last ? 1 : -1;
	if (x->route->place != y->route->place)
		return x->route->place && (!y->route->place || x->route->place < y->route->place)
			       ? -1
			       : 1;
	d = match_compare_paths((enum path_kind)x->route->path_kind, x->route->path,
				(enum path_kind)y->route->path_kind, y->route->path);
	d = d ? d : compare_conditions(x->route, y->route);
	if (d)
		return d;
	if (x->route->rank != y->route->rank)
		return x->route->rank < y->route->rank ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

static bool same_match(const struct host_route *a, const struct host_route *b)
{
	return !a->route->place && !b->route->place && a->borrowed == b->borrowed &&
	       a->route->fallback == b->route->fallback &&
	       a->route->path_kind == b->route->path_kind &&
	       strcmp(a->route->path, b->route->path) == 0 && a->route->first == b->route->first &&
	       compare_conditions(a->route, b->route) == 0 &&
	       compare_texts(a->route, b->route) == 0;
}

void host_merge_sort(struct host_merge *m, struct host_loss *losses, size_t *n_losses)
{
	size_t kept = 0;

	if (m->n)
		qsort(m->all, m->n, sizeof(*m->all), compare);
	for (size_t i = 0; i < m->n; i++) {
		if (!kept || !same_match(&m->all[kept - 1], &m->all[i]))
			m->all[kept++] = m->all[i];
		else
			losses[(*n_losses)++] = (struct host_loss){ m->all[i], m->all[kept - 1] };
	}
	m->n = kept;
}

/* A name with more labels than the star covers belongs to the hosts without a name, but Envoy looks
 * in only one virtual host: so a wildcard also has the routes of "*". */
void host_settle(struct arena *a, const char *host, host_facts *facts, void *ctx,
		 struct host_settled *ret)
{
	bool wildcard = strncmp(host, "*.", 2) == 0;
	const struct item *const *items;
	size_t routes = 0;

	*ret = (struct host_settled){ 0 };
	items = facts(ctx, host, &ret->n_specs);
	ret->specs = host_merge_unpack(a, items, ret->n_specs, &routes);
	if (wildcard) {
		items = facts(ctx, "*", &ret->n_any);
		ret->any = host_merge_unpack(a, items, ret->n_any, &routes);
	}
	ret->losses = arena_new_of(a, struct host_loss, routes + 1);
	host_merge_init(&ret->own, a, routes);
	host_merge_add(&ret->own, ret->specs, ret->n_specs, false);
	host_merge_sort(&ret->own, ret->losses, &ret->n_losses);
	ret->all = ret->own;
	if (!wildcard)
		return;
	host_merge_init(&ret->all, a, routes);
	memcpy(ret->all.all, ret->own.all, ret->own.n * sizeof(*ret->own.all));
	ret->all.n = ret->own.n;
	host_merge_add(&ret->all, ret->any, ret->n_any, true);
	host_merge_sort(&ret->all, ret->losses, &ret->n_losses);
}

const struct host_route *host_settled_at(const struct host_settled *s, bool https, size_t index)
{
	const struct host_merge *m = https ? &s->own : &s->all;

	for (size_t i = 0; i < m->n; i++) {
		const ModelHostRoute *r = m->all[i].route;

		if ((https ? r->https : r->http).len && index-- == 0)
			return &m->all[i];
	}
	return NULL;
}

#define TABLE_PREFIX "https/"
#define TABLE_GUARDS "?guards="

const char *host_table(struct arena *a, const char *host, const ModelHostTls *tls)
{
	const struct {
		bool there;
		const char *name;
	} guards[] = { { tls->services && tls->services->authorization, "authorization" },
		       { tls->has_jwt, "jwt" },
		       { tls->access, "access" } };
	const char *name = arena_printf(a, TABLE_PREFIX "%s", host);
	const char *before = TABLE_GUARDS;

	for (size_t i = 0; i < ARRAY_SIZE(guards); i++) {
		if (!guards[i].there)
			continue;
		name = arena_printf(a, "%s%s%s", name, before, guards[i].name);
		before = ",";
	}
	return name;
}

bool host_table_is_of(const char *table, const char *host)
{
	size_t prefix = strlen(TABLE_PREFIX), len = strlen(host);
	const char *end = table + prefix + len;

	return strncmp(table, TABLE_PREFIX, prefix) == 0 &&
	       strncmp(table + prefix, host, len) == 0 &&
	       (!*end || strncmp(end, TABLE_GUARDS, strlen(TABLE_GUARDS)) == 0);
}
