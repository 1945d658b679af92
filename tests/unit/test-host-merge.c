/* translator/host/host-merge: the order of a host's routes, and which of two equal ones stays */
#include "common/base/arena.h"
#include "common/base/cleanup.h"
#include "tests/lib/test.h"
#include "translator/host/host-merge.h"
#include "translator/model/match.h"

#define ROUTES_MAX 8

/* Routes by their names, which are their fields. borrowed: index of the first that is of the host
 * "*". */
static const struct {
	const char *what;
	Portolan__Model__HostRoute routes[ROUTES_MAX];
	size_t n, borrowed;
	const char *order, *lost;
} rows[] = {
#define ROUTE(name, kind, text, ...) \
	{ .field = (char *)(name), .path_kind = (kind), .path = (char *)(text), __VA_ARGS__ }
	{ "by path",
	  { ROUTE("prefix", PATH_PREFIX, "/a"), ROUTE("exact", PATH_EXACT, "/a"),
	    ROUTE("regex", PATH_REGEX, "/a") },
	  3,
	  3,
	  "exact regex prefix ",
	  "" },
	{ "a default backend is behind all",
	  { ROUTE("default", PATH_PREFIX, "/", .fallback = 1), ROUTE("root", PATH_PREFIX, "/") },
	  2,
	  2,
	  "root default ",
	  "" },
	{ "what is first is before a longer path",
	  { ROUTE("long", PATH_EXACT, "/a/b"), ROUTE("first", PATH_PREFIX, "/", .first = 1) },
	  2,
	  2,
	  "first long ",
	  "" },
	{ "more conditions first",
	  { ROUTE("none", PATH_PREFIX, "/"), ROUTE("header", PATH_PREFIX, "/", .headers = 1),
	    ROUTE("query", PATH_PREFIX, "/", .queries = 1),
	    ROUTE("method", PATH_PREFIX, "/", .method = 1) },
	  4,
	  4,
	  "method header query none ",
	  "" },
	{ "of equal ones the older stays",
	  { ROUTE("old", PATH_PREFIX, "/", .rank = 1), ROUTE("new", PATH_PREFIX, "/", .rank = 1) },
	  2,
	  2,
	  "old ",
	  "new<old " },
	{ "of equal ones the front end of the lower rank stays",
	  { ROUTE("ingress", PATH_PREFIX, "/", .rank = 1), ROUTE("proxy", PATH_PREFIX, "/") },
	  2,
	  2,
	  "proxy ",
	  "ingress<proxy " },
	{ "of as many conditions the text decides",
	  { ROUTE("b", PATH_PREFIX, "/", .headers = 1, .conditions = (char *)"b"),
	    ROUTE("a", PATH_PREFIX, "/", .headers = 1, .conditions = (char *)"a") },
	  2,
	  2,
	  "a b ",
	  "" },
	{ "of as many conditions the age decides where it is asked for",
	  { ROUTE("b", PATH_PREFIX, "/", .headers = 1, .conditions = (char *)"b", .by_age = 1),
	    ROUTE("a", PATH_PREFIX, "/", .headers = 1, .conditions = (char *)"a", .by_age = 1) },
	  2,
	  2,
	  "b a ",
	  "" },
	{ "routes of the host without a name are behind its own, and lose against none",
	  { ROUTE("own", PATH_PREFIX, "/"), ROUTE("any", PATH_EXACT, "/a"),
	    ROUTE("root", PATH_PREFIX, "/") },
	  3,
	  1,
	  "own any root ",
	  "" },
	{ "another path of one kind is another match",
	  { ROUTE("x", PATH_EXACT, "/x"), ROUTE("y", PATH_EXACT, "/y") },
	  2,
	  2,
	  "y x ",
	  "" },
};

static void add(struct host_merge *m, const Portolan__Model__HostRoute *routes, size_t n,
		bool borrowed)
{
	Portolan__Model__HostRoute *all[ROUTES_MAX];
	Portolan__Model__HostRoutes spec = PORTOLAN__MODEL__HOST_ROUTES__INIT, *specs[] = { &spec };

	for (size_t i = 0; i < n; i++)
		all[i] = (Portolan__Model__HostRoute *)&routes[i];
	spec.n_routes = n;
	spec.routes = all;
	host_merge_add(m, specs, 1, borrowed);
}

TEST(routes_are_in_the_order_in_which_envoy_must_try_them)
{
	struct arena *a = arena_new(4096);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct host_loss losses[ROUTES_MAX];
		char order[256] = "", lost[256] = "";
		size_t n_losses = 0;
		struct host_merge m;

		host_merge_init(&m, a, rows[i].n);
		add(&m, rows[i].routes, rows[i].borrowed, false);
		add(&m, rows[i].routes + rows[i].borrowed, rows[i].n - rows[i].borrowed, true);
		host_merge_sort(&m, losses, &n_losses);
		for (size_t k = 0; k < n_losses; k++) {
			size_t at = strlen(lost);

			(void)snprintf(lost + at, sizeof(lost) - at, "%s<%s ",
				       losses[k].loser.route->field, losses[k].winner.route->field);
		}
		for (size_t k = 0; k < m.n; k++) {
			strcat(order, m.all[k].route->field);
			strcat(order, " ");
		}
		if (strcmp(order, rows[i].order) != 0 || strcmp(lost, rows[i].lost) != 0) {
			fprintf(stderr, "%s: %s; lost: %s\n", rows[i].what, order, lost);
			exit(1);
		}
	}
	arena_free(a);
}
