/* translator/model/header-edits and policy/headers: names, values, order, variables */
#include "common/base/arena.h"
#include "common/base/cleanup.h"
#include "tests/lib/test.h"
#include "translator/model/header-edits.h"
#include "translator/policy/headers.h"

static struct arena *arena;

__attribute__((constructor)) static void start(void)
{
	arena = arena_new(65536);
}

TEST(names_are_written_as_go_writes_them)
{
	static const struct {
		const char *name, *canonical; /* NULL: it is not a name */
	} rows[] = {
		{ "x-foo", "X-Foo" }, { "X-FOO-bAR", "X-Foo-Bar" },
		{ "etag", "Etag" },   { "x_y-z", "X_y-Z" },
		{ "-a", "-A" },       { "a b", NULL },
		{ "", NULL },         { "a:b", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *is = header_canonical(arena, rows[i].name);

		CHECK(!is == !rows[i].canonical);
		if (is)
			CHECK_STR(is, rows[i].canonical);
	}
}

TEST(a_text_that_is_escaped_stands_for_itself)
{
	CHECK_STR(header_escape(arena, "100%"), "100%%");
	CHECK_STR(header_escape(arena, "%REQ(a)%"), "%%REQ(a)%%");
	CHECK_STR(header_escape(arena, ""), "");
	CHECK(header_is_value("a b"));
	CHECK(!header_is_value("a\r\nb: c"));
}

TEST(edits_are_sorted_by_name_and_those_of_one_name_keep_their_order)
{
	struct header_edit all[] = { { HEADER_ADD, "B", "1" },
				     { HEADER_SET, "A", "2" },
				     { HEADER_ADD, "B", "0" } };
	const char *remove[] = { "Y", "X" };
	struct header_edits e = { .all = all, .n = 3, .remove = remove, .n_remove = 2 };

	header_edits_sort(&e);
	CHECK_STR(e.all[0].name, "A");
	CHECK_STR(e.all[1].value, "1");
	CHECK_STR(e.all[2].value, "0");
	CHECK_STR(e.remove[0], "X");
	CHECK_STR(header_edits_find(&e, "B")->value, "1");
	CHECK(!header_edits_find(&e, "b"));
	CHECK(header_edits_remove(&e, "Y") && !header_edits_remove(&e, "A"));
}

TEST(values_of_httpproxy_keep_only_known_variables)
{
	static const struct {
		const char *value, *is;
	} rows[] = {
		{ "plain", "plain" },
		{ "50%", "50%%" },
		{ "%HOSTNAME%", "%HOSTNAME%" },
		{ "%START_TIME%", "%%START_TIME%%" },
		{ "%REQ(x-a)%", "%REQ(x-a)%" },
		{ "%REQ(x-a?x-b):20%", "%REQ(x-a?x-b):20%" },
		{ "%REQ(x-a?x-b?x-c)%", "%%REQ(x-a?x-b?x-c)%%" },
		{ "%REQ()%", "%%REQ()%%" },
		{ "%CONTOUR_NAMESPACE%/%CONTOUR_SERVICE_NAME%:%CONTOUR_SERVICE_PORT%",
		  "ns/svc:80" },
		{ "%%HOSTNAME%%", "%%%HOSTNAME%%%" },
	};
	const struct header_context c = { "ns", "svc", "80" };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		K8s__ProxyHeaderValue h = K8S__PROXY_HEADER_VALUE__INIT, *set[] = { &h };
		K8s__ProxyHeaders policy = K8S__PROXY_HEADERS__INIT;
		struct header_edits e;
		const char *why;

		h.name = (char *)"x-test";
		h.value = (char *)rows[i].value;
		policy.n_set = 1;
		policy.set = set;
		CHECK_EQ(header_policy_parse(arena, &c, &policy, false, &e, &why), 0);
		CHECK_STR(e.all[0].value, rows[i].is);
	}
}

TEST(host_stands_apart_and_only_in_requests)
{
	static const struct {
		const char *value, *host, *host_header;
	} rows[] = { { "a.example.com", "a.example.com", NULL },
		     { "%REQ(x-host)%", NULL, "X-Host" },
		     { "a b", NULL, NULL },
		     { "", NULL, NULL } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		K8s__ProxyHeaderValue h = K8S__PROXY_HEADER_VALUE__INIT, *set[] = { &h };
		K8s__ProxyHeaders policy = K8S__PROXY_HEADERS__INIT;
		const struct header_context c = { 0 };
		bool good = rows[i].host || rows[i].host_header;
		struct header_edits e;
		const char *why;

		h.name = (char *)"host";
		h.value = (char *)rows[i].value;
		policy.n_set = 1;
		policy.set = set;
		CHECK_EQ(header_policy_parse(arena, &c, &policy, false, &e, &why) == 0, good);
		CHECK(header_policy_parse(arena, &c, &policy, true, &e, &why) < 0);
		if (!good)
			continue;
		CHECK_EQ(header_policy_parse(arena, &c, &policy, false, &e, &why), 0);
		CHECK_EQ(e.n, 0);
		CHECK(!e.host == !rows[i].host && (!e.host || strcmp(e.host, rows[i].host) == 0));
		CHECK(!e.host_header == !rows[i].host_header &&
		      (!e.host_header || strcmp(e.host_header, rows[i].host_header) == 0));
	}
}

/* Rows are of one header: what the first says, what the second says, and what is left. */
TEST(edits_that_follow_each_other_become_those_of_one_level)
{
	static const struct {
		const char *first, *then, *joined; /* "-" removes, "=" sets, "+" adds */
	} rows[] = {
		{ "=", "=", "= then" },         { "=", "-", "-" },      { "-", "=", "- = then" },
		{ "=", "+", "= first + then" }, { "+", "=", "= then" }, { "+", "-", "-" },
		{ "-", "+", "- + then" },       { "-", "-", "-" },      { "=", "", "= first" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *x = "X-a", *y = "x-A", *is = "";
		bool first_removes = *rows[i].first == '-', then_removes = *rows[i].then == '-';
		struct header_edit a = { *rows[i].first == '+' ? HEADER_ADD : HEADER_SET, x,
					 "first" };
		struct header_edit b = { *rows[i].then == '+' ? HEADER_ADD : HEADER_SET, y,
					 "then" };
		struct header_edits first = {
			.all = &a, .n = !first_removes, .remove = &x, .n_remove = first_removes
		};
		struct header_edits then = { .all = &b,
					     .n = *rows[i].then && !then_removes,
					     .remove = &y,
					     .n_remove = then_removes };
		struct header_edits e = header_edits_join(arena, &first, &then);

		for (size_t k = 0; k < e.n_remove; k++)
			is = arena_printf(arena, "%s -", is);
		for (size_t k = 0; k < e.n; k++)
			is = arena_printf(arena, "%s %s %s", is,
					  e.all[k].action == HEADER_SET ? "=" : "+",
					  e.all[k].value);
		CHECK_STR(is + 1, rows[i].joined);
	}
}

TEST(the_later_host_replaces_the_earlier_one)
{
	struct header_edits none = { 0 }, named = { .host = "a.example" },
			    read = { .host_header = "x-forwarded-host" };

	CHECK_STR(header_edits_join(arena, &named, &none).host, "a.example");
	CHECK_STR(header_edits_join(arena, &read, &none).host_header, "x-forwarded-host");
	CHECK_STR(header_edits_join(arena, &read, &named).host, "a.example");
	CHECK(!header_edits_join(arena, &read, &named).host_header);
	CHECK_STR(header_edits_join(arena, &named, &read).host_header, "x-forwarded-host");
	CHECK(!header_edits_join(arena, &named, &read).host);
}
