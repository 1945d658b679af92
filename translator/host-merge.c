/* What objects want of one host, in the order in which Envoy tries it. Runs in the translator. */
#include <stdlib.h>
#include <string.h>

#include "translator/envoy.h"
#include "translator/host-merge.h"

typedef Portolan__Model__HostRoute HostRoute;
typedef Portolan__Model__HostRoutes HostRoutes;

HostRoutes **host_merge_unpack(struct arena *a, const struct item *const *facts, size_t n, size_t *routes)
{
	HostRoutes **all = arena_new_of(a, HostRoutes *, n + 1);

	for (size_t i = 0; i < n; i++) {
		all[i] = portolan__model__host_routes__unpack(arena_pb(a), facts[i]->value_len,
							      item_value(facts[i]));
		*routes += all[i]->n_routes;
	}
	return all;
}

void host_merge_init(struct host_merge *m, struct arena *a, size_t routes)
{
	*m = (struct host_merge){ arena_new_of(a, struct host_route, routes + 1), 0 };
}

void host_merge_add(struct host_merge *m, HostRoutes *const *wishes, size_t n, bool borrowed)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < wishes[i]->n_routes; k++) {
			m->all[m->n] = (struct host_route){ wishes[i]->routes[k], wishes[i], m->n, borrowed };
			m->n++;
		}
}

/* More conditions first; the text makes an order of those that are left, the same always. */
static int compare_conditions(const HostRoute *x, const HostRoute *y)
{
	if (x->headers != y->headers)
		return x->headers > y->headers ? -1 : 1;
	if (x->queries != y->queries)
		return x->queries > y->queries ? -1 : 1;
	return strcmp(x->conditions ? x->conditions : "", y->conditions ? y->conditions : "");
}

static int compare(const void *a, const void *b)
{
	const struct host_route *x = a, *y = b;
	int d;

	if (x->borrowed != y->borrowed)
		return x->borrowed ? 1 : -1;
	if (x->route->fallback != y->route->fallback)
		return x->route->fallback ? 1 : -1;
	d = envoy_path_compare((enum path_kind)x->route->path_kind, x->route->path,
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
	return a->borrowed == b->borrowed && a->route->fallback == b->route->fallback &&
	       a->route->path_kind == b->route->path_kind && strcmp(a->route->path, b->route->path) == 0 &&
	       compare_conditions(a->route, b->route) == 0;
}

void host_merge_settle(struct host_merge *m,
		       void (*lost)(void *ctx, const struct host_route *loser, const struct host_route *winner),
		       void *ctx)
{
	size_t kept = 0;

	if (m->n)
		qsort(m->all, m->n, sizeof(*m->all), compare);
	for (size_t i = 0; i < m->n; i++) {
		if (!kept || !same_match(&m->all[kept - 1], &m->all[i]))
			m->all[kept++] = m->all[i];
		else if (lost)
			lost(ctx, &m->all[i], &m->all[kept - 1]);
	}
	m->n = kept;
}
