/* translator/host/domain-merge: the order of the routes of a host name of a listener, with those of
 * less specific names, and which of two equal ones is reached */
#include "common/base/arena.h"
#include "common/base/cleanup.h"
#include "tests/lib/test.h"
#include "translator/host/domain-merge.h"

#define ROUTES_MAX 6

/* A route by its name, which is its field. */
struct desired {
	const char *key;    /* of the fact: "table listener-host domain" */
	const char *object; /* each has one route */
	const char *name, *order, *match;
};

static const struct {
	const char *what;
	const char *listener, *domain;
	struct desired specs[ROUTES_MAX];
	const char *all, *lost;
} rows[] = {
	{ "nothing is wanted of the name itself",
	  "*",
	  "a.b.c",
	  { { "t * *.b.c", "ns/x", "above", "1", "m" } },
	  "",
	  "" },
	{ "by order, whoever wants it",
	  "*",
	  "a.b.c",
	  { { "t * a.b.c", "ns/x", "second", "2", "m" },
	    { "t * a.b.c", "ns/y", "first", "1", "n" } },
	  "first second ",
	  "" },
	{ "a shorter order goes before one that begins with it",
	  "*",
	  "a.b.c",
	  { { "t * a.b.c", "ns/x", "long", "11", "m" },
	    { "t * a.b.c", "ns/y", "short", "1", "n" } },
	  "short long ",
	  "" },
	{ "less specific names add theirs, and lose against none",
	  "*",
	  "a.b.c",
	  { { "t * a.b.c", "ns/x", "own", "2", "m" },
	    { "t * *.b.c", "ns/y", "above", "3", "m" },
	    { "t * *", "ns/z", "top", "4", "m" } },
	  "own above top ",
	  "" },
	{ "but those beyond the listener's own name do not",
	  "*.b.c",
	  "a.b.c",
	  { { "t *.b.c a.b.c", "ns/x", "own", "1", "m" },
	    { "t *.b.c *.b.c", "ns/y", "above", "2", "n" },
	    { "t *.b.c *.c", "ns/z", "beyond", "3", "o" } },
	  "own above ",
	  "" },
	{ "of equal matches the first has all requests",
	  "*",
	  "a.b.c",
	  { { "t * a.b.c", "ns/x", "one", "1", "m" },
	    { "t * a.b.c", "ns/y", "two", "2", "m" },
	    { "t * a.b.c", "ns/z", "three", "3", "m" } },
	  "one two three ",
	  "two<one three<one " },
};

struct world {
	const struct desired *specs;
	struct item *made[ROUTES_MAX]; /* the fact of each setting, once it was read */
	const struct item *list[ROUTES_MAX];
};

static struct item *fact_of(const struct desired *w)
{
	Portolan__Model__DomainRoute route = PORTOLAN__MODEL__DOMAIN_ROUTE__INIT,
				     *all[] = { &route };
	Portolan__Model__DomainRoutes m = PORTOLAN__MODEL__DOMAIN_ROUTES__INIT;
	uint8_t packed[256];
	size_t len;

	route.order = (ProtobufCBinaryData){ strlen(w->order), (uint8_t *)w->order };
	route.match = (char *)w->match;
	route.field = (char *)w->name;
	m.object_key = (char *)w->object;
	m.n_routes = 1;
	m.routes = all;
	len = portolan__model__domain_routes__get_packed_size(&m);
	CHECK(len <= sizeof(packed));
	(void)portolan__model__domain_routes__pack(&m, packed);
	return item_new(1, w->object, strlen(w->object), "", 0, packed, len);
}

static const struct item *const *facts(void *ctx, const char *key, size_t key_len, size_t *ret_n)
{
	struct world *w = ctx;

	*ret_n = 0;
	for (size_t i = 0; i < ROUTES_MAX && w->specs[i].key; i++)
		if (strlen(w->specs[i].key) == key_len &&
		    memcmp(w->specs[i].key, key, key_len) == 0) {
			w->made[i] = fact_of(&w->specs[i]);
			w->list[(*ret_n)++] = w->made[i];
		}
	return w->list;
}

static void look(const struct domain_settled *s, char *all, char *lost)
{
	for (size_t i = 0; i < s->n; i++) {
		strcat(strcat(all, s->all[i].route->field), " ");
		if (s->all[i].winner)
			(void)sprintf(lost + strlen(lost), "%s<%s ", s->all[i].route->field,
				      s->all[i].winner->route->field);
	}
}

TEST(routes_of_a_host_name_are_merged_with_those_of_less_specific_ones)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct domain_key key = { "t", rows[i].listener, rows[i].domain };
		struct world world = { .specs = rows[i].specs };
		char all[256] = "", lost[256] = "";
		struct arena *a = arena_new(4096);
		struct domain_settled s;

		domain_settle(a, &key, facts, &world, &s);
		look(&s, all, lost);
		if (strcmp(all, rows[i].all) != 0 || strcmp(lost, rows[i].lost) != 0) {
			fprintf(stderr, "%s: %s; lost: %s\n", rows[i].what, all, lost);
			exit(1);
		}
		for (size_t k = 0; k < ROUTES_MAX; k++)
			item_unref(world.made[k]);
		arena_free(a);
	}
}
