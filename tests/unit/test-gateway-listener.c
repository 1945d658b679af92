/* translator/model/host-name and gateway/gateway-conflict: host names of Gateway API, and listeners
 * that get in each other's way */
#include "common/base/arena.h"
#include "common/base/cleanup.h"
#include "tests/lib/test.h"
#include "translator/gateway/gateway-listener.h"
#include "translator/model/host-name.h"

/* G-HN-1, G-HN-2: one lies in the other, or they have nothing in common. */
TEST(host_names_intersect_in_the_more_specific_one)
{
	static const struct {
		const char *x, *y, *both; /* NULL: no overlap */
	} rows[] = {
		{ "a.com", "a.com", "a.com" },
		{ "*", "a.com", "a.com" },
		{ "*", "*.a.com", "*.a.com" },
		{ "*", "*", "*" },
		{ "*.a.com", "x.a.com", "x.a.com" },
		{ "*.a.com", "y.x.a.com", "y.x.a.com" },
		{ "*.a.com", "a.com", NULL },
		{ "*.a.com", "xa.com", NULL },
		{ "*.a.com", "*.x.a.com", "*.x.a.com" },
		{ "*.a.com", "*.b.com", NULL },
		{ "*.com", "*.a.com", "*.a.com" },
		{ "a.com", "b.com", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *there = host_name_intersect(rows[i].x, rows[i].y);
		const char *back = host_name_intersect(rows[i].y, rows[i].x);

		if (!rows[i].both) {
			CHECK(!there && !back);
			continue;
		}
		CHECK_STR(there, rows[i].both);
		CHECK_STR(back, rows[i].both);
	}
}

TEST(the_next_name_above_has_one_label_less)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(4096);

	CHECK_STR(host_name_above(a, "x.a.com"), "*.a.com");
	CHECK_STR(host_name_above(a, "*.a.com"), "*.com");
	CHECK_STR(host_name_above(a, "*.com"), "*");
	CHECK_STR(host_name_above(a, "com"), "*");
	CHECK(!host_name_above(a, "*"));
}

struct row {
	const char *name, *protocol, *host;
	int32_t port;
};

static void fill(struct arena *a, struct listener_owner *o, const struct row *rows, size_t n)
{
	K8s__Listener **specs = arena_new_of(a, K8s__Listener *, n);

	for (size_t i = 0; i < n; i++) {
		specs[i] = arena_new_of(a, K8s__Listener, 1);
		k8s__listener__init(specs[i]);
		specs[i]->name = (char *)rows[i].name;
		specs[i]->protocol = (char *)rows[i].protocol;
		specs[i]->hostname = (char *)rows[i].host;
		specs[i]->port = rows[i].port;
	}
	*o = (struct listener_owner){
		.kind = OBJECT_GATEWAY, .key = "default/g", .specs = specs, .n_specs = n
	};
	gateway_listeners_parse(a, o);
}

static const char *conflict(const struct listener_owner *o, size_t i)
{
	return o->listeners[i].conflict.reason ? o->listeners[i].conflict.reason : "";
}

/* G-LST-1…6: protocols and host names on one port. */
TEST(in_one_object_no_listener_wins_a_conflict)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(4096);
	static const struct row rows[] = {
		{ "h", "HTTP", NULL, 80 },         { "h2", "HTTP", "a.com", 80 },
		{ "t", "TCP", NULL, 90 },          { "t2", "HTTP", NULL, 90 },
		{ "u", "UDP", NULL, 90 },          { "s", "HTTPS", "a.com", 443 },
		{ "p", "TLS", "a.com", 443 },      { "q", "TLS", "b.com", 443 },
		{ "plain", "HTTP", "a.com", 443 }, { "odd", "EXAMPLE", NULL, 80 },
	};
	static const char *const wanted[] = {
		"",
		"",
		"ProtocolConflict",
		"ProtocolConflict",
		"",
		"HostnameConflict",
		"HostnameConflict",
		"",
		"",
		"",
	};
	struct listener_owner o;

	fill(a, &o, rows, ARRAY_SIZE(rows));
	gateway_listeners_compare(a, &o, 1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		CHECK_STR(conflict(&o, i), wanted[i]);
	CHECK_STR(o.listeners[9].accepted.reason, "UnsupportedProtocol");
}

/* G-LS-3, G-LS-5: ports are compared before host names. */
TEST(the_earlier_object_has_what_a_later_one_wants_too)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(4096);
	static const struct row first[] = { { "h", "HTTP", "a.com", 80 } };
	static const struct row second[] = { { "same", "HTTP", "a.com", 80 },
					     { "other", "HTTP", "b.com", 80 },
					     { "tcp", "TCP", NULL, 80 } };
	static const struct row third[] = { { "b", "HTTP", "b.com", 80 },
					    { "c", "HTTP", "c.com", 80 } };
	struct listener_owner o[3];

	fill(a, &o[0], first, ARRAY_SIZE(first));
	fill(a, &o[1], second, ARRAY_SIZE(second));
	fill(a, &o[2], third, ARRAY_SIZE(third));
	gateway_listeners_compare(a, o, 3);
	CHECK_STR(conflict(&o[0], 0), "");
	CHECK_STR(conflict(&o[1], 0), "HostnameConflict");
	CHECK_STR(conflict(&o[1], 1), "");
	CHECK_STR(conflict(&o[1], 2), "ProtocolConflict");
	CHECK_STR(conflict(&o[2], 0), "HostnameConflict");
	CHECK_STR(conflict(&o[2], 1), "");
}

/* G-ISO-2: so the others cannot serve it. */
TEST(a_more_specific_listener_takes_its_host_from_those_above)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(4096);
	static const struct row rows[] = {
		{ "any", "HTTP", NULL, 80 },
		{ "wild", "HTTP", "*.a.com", 80 },
		{ "exact", "HTTP", "x.y.a.com", 80 },
		{ "elsewhere", "HTTP", "z.a.com", 81 },
	};
	const struct taken_host *t;
	struct listener_owner o;

	fill(a, &o, rows, ARRAY_SIZE(rows));
	gateway_listeners_compare(a, &o, 1);
	t = o.listeners[0].taken;
	CHECK(t && t->next && !t->next->next);
	CHECK(o.listeners[1].taken && !o.listeners[1].taken->next);
	CHECK_STR(o.listeners[1].taken->host, "x.y.a.com");
	CHECK(!o.listeners[2].taken && !o.listeners[3].taken);
}
