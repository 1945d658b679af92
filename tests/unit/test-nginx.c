/* The rules of ingress-nginx: classes of values, the order of locations, snippets. */
#include <errno.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/strbuf.h"
#include "tests/lib/test.h"
#include "translator/check/htpasswd.h"
#include "translator/check/regex.h"
#include "translator/nginx/nginx-address.h"
#include "translator/nginx/nginx-annotation.h"
#include "translator/nginx/nginx-location.h"
#include "translator/nginx/nginx-pattern.h"
#include "translator/nginx/nginx-tokens.h"

TEST(values_of_each_class)
{
	static const struct {
		const char *name, *value;
		bool valid;
	} rows[] = {
		{ "enable-cors", "true", true },
		{ "enable-cors", "T", true },
		{ "enable-cors", "yes", false },
		{ "enable-cors", "", true },
		{ "proxy-read-timeout", "60", true },
		{ "proxy-read-timeout", "-1", true },
		{ "proxy-read-timeout", "60s", false },
		{ "proxy-body-size", "8m", true },
		{ "proxy-body-size", "8M", true },
		{ "proxy-body-size", "8mb", false },
		{ "proxy-body-size", "0", true },
		{ "rewrite-target", "/$2", true },
		{ "rewrite-target", "/a?b", false },
		{ "permanent-redirect", "https://e.test/x?y=1", true },
		{ "permanent-redirect", "https://e.test/$1", false },
		{ "whitelist-source-range", "10.0.0.0/8, 192.168.1.1", true },
		{ "whitelist-source-range", "10.0.0.0/33", false },
		{ "whitelist-source-range", "fd00::/8", true },
		{ "whitelist-source-range", "everybody", false },
		{ "custom-http-errors", "404,503", true },
		{ "custom-http-errors", "302", false },
		{ "custom-http-errors", "4040", false },
		{ "proxy-ssl-verify", "on", true },
		{ "proxy-ssl-verify", "true", false },
		{ "backend-protocol", "grpc", true },
		{ "backend-protocol", "H3", false },
		{ "proxy-next-upstream", "error timeout http_502", true },
		{ "proxy-next-upstream", "error sometimes", false },
		{ "auth-realm", "a realm", true },
		{ "auth-realm", "a \"realm\"", false },
		{ "auth-realm", "line\nfeed", false },
		{ "configuration-snippet", "more_set_headers \"A: b\";\n", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct nginx_annotation *row = nginx_annotation_find(rows[i].name);

		CHECK(row != NULL);
		if (nginx_annotation_valid(row, rows[i].value) != rows[i].valid)
			(void)fprintf(stderr, "%s: %s\n", rows[i].name, rows[i].value);
		CHECK(nginx_annotation_valid(row, rows[i].value) == rows[i].valid);
	}
}

TEST(unknown_names_have_neighbours)
{
	CHECK(!nginx_annotation_find("whitelist-source-rnage"));
	CHECK_STR(nginx_annotation_nearest("whitelist-source-rnage"), "whitelist-source-range");
	CHECK(!nginx_annotation_nearest("completely-different-and-long"));
	CHECK(nginx_annotation_dead("secure-backends") != NULL);
	CHECK(nginx_annotation_dead("influxdb-port") != NULL);
	CHECK_STR(nginx_annotation_alias("allowlist-source-range"), "whitelist-source-range");
}

TEST(networks_are_read)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(1024);
	struct nginx_network *all;

	CHECK(nginx_addresses_read(a, "10.0.0.0/8,::1, 1.2.3.4", &all) == 3);
	CHECK_STR(all[0].address, "10.0.0.0");
	CHECK(all[0].bits == 8 && all[1].bits == 128 && all[2].bits == 32);
}

/* ---- locations ---- */

struct given {
	const char *text;
	bool exact, regex, rewrites;
};

/* "=/a" exact, "^/a" prefix, "i/a" a prefix in any case, "~…" regex, "301 /a" a redirect to the
 * slash. */
static void check_locations(const struct given *given, const char *expected)
{
	static const char *const marks[] = { [NGINX_MATCH_EXACT] = "=",
					     [NGINX_MATCH_PREFIX] = "^",
					     [NGINX_MATCH_ANY_CASE] = "i",
					     [NGINX_MATCH_REGEX] = "~" };
	_cleanup_(arena_freep) struct arena *a = arena_new(1024);
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	struct nginx_path paths[8];
	struct nginx_locations l;
	size_t n = 0;

	for (; given[n].text; n++)
		paths[n] = (struct nginx_path){ given[n].text, given[n].exact, given[n].regex,
						given[n].rewrites, NULL };
	nginx_locations(a, paths, n, &l);
	for (size_t i = 0; i < l.n; i++)
		strbuf_printf(&b, "%s%s%s", i ? " " : "",
			      l.all[i].slash ? "301" : marks[l.all[i].match], l.all[i].text);
	for (size_t i = 0; i < l.n_lost; i++)
		strbuf_printf(&b, " lost:%s", l.lost[i].path->text);
	CHECK_STR(strbuf_str(&b), expected);
}

TEST(locations_in_nginx_order)
{
	check_locations((const struct given[]){ { "/", 0, 0, 0 }, { 0 } }, "^/");
	check_locations((const struct given[]){ { "/aaa", 0, 0, 0 }, { "/", 0, 0, 0 }, { 0 } },
			"=/aaa ^/aaa/ ^/");
	check_locations((const struct given[]){ { "/a", 0, 0, 0 }, { "/a/b", 0, 0, 0 }, { 0 } },
			"=/a/b =/a ^/a/b/ ^/a/");
	/* An Exact path of the same text takes the place of the twin. */
	check_locations((const struct given[]){ { "/e", 1, 0, 0 }, { "/e", 0, 0, 0 }, { 0 } },
			"=/e ^/e/");
	/* A path with a slash answers 301 without it, Exact or Prefix. */
	check_locations((const struct given[]){ { "/app/", 0, 0, 0 }, { 0 } }, "301/app ^/app/");
	check_locations((const struct given[]){ { "/app/", 1, 0, 0 }, { 0 } }, "=/app/ 301/app");
	check_locations((const struct given[]){ { "/app/", 0, 0, 0 }, { "/app", 1, 0, 0 }, { 0 } },
			"=/app ^/app/");
	/* The first path of a text and type wins. */
	check_locations((const struct given[]){ { "/x", 0, 0, 0 }, { "/x", 0, 0, 0 }, { 0 } },
			"=/x ^/x/ lost:/x");
}

TEST(one_regex_makes_all_paths_of_a_host_regexes)
{
	check_locations((const struct given[]){ { "/", 0, 0, 0 },
						{ "/foo", 0, 0, 0 },
						{ "/foo/bar/[a-z]{3}", 0, 1, 0 },
						{ "/Foo", 1, 0, 0 },
						{ 0 } },
			"~(?i)/foo/bar/[a-z]{3}.* i/foo/ i/foo i/Foo i/");
	check_locations((const struct given[]){ { "/a", 0, 0, 1 }, { "/b", 1, 0, 0 }, { 0 } },
			"i/b i/a");
	/* Texts that are more than the start of a path. */
	check_locations(
		(const struct given[]){ { "^/a", 0, 1, 0 },
					{ "/a.b", 0, 0, 0 },
					{ "/a//b", 0, 0, 0 },
					{ "/é", 0, 0, 0 },
					{ 0 } },
		"~(?i)/a//b/.* ~(?i)/a//b.* ~(?i)/a.b/.* ~(?i)/a.b.* i/a ~(?i)/é/.* ~(?i)/é.*");
	check_locations((const struct given[]){ { "/a|/b", 0, 1, 0 }, { 0 } },
			"~(?i).*?(?:^/a|/b).*");
}

/* ---- snippets ---- */

TEST(snippets_are_cut_into_directives)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(1024);
	struct nginx_directives d;
	const char *why;

	CHECK(nginx_tokens_read(a,
				"# a comment; with a semicolon\n"
				"more_set_headers \"X-A: b; c\" 'X-D: \"e\"';\n"
				"if ($host ~* \\.test$) {\n  return 403;\n}\n",
				&d, &why) == 0);
	CHECK(d.n == 3);
	CHECK_STR(d.all[0].words[1], "X-A: b; c");
	CHECK_STR(d.all[0].words[2], "X-D: \"e\"");
	CHECK(d.all[0].line == 2 && d.all[1].block && d.all[1].line == 3);
	CHECK_STR(d.all[1].words[3], "\\.test$)");
	CHECK(d.all[2].depth == 1 && d.all[2].line == 4);
}

TEST(backslashes_of_regular_expressions_stay)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(1024);
	struct nginx_directives d;
	const char *why;

	CHECK(nginx_tokens_read(
		      a, "x \"^/v\\d{2}\\.\" ^/v\\d\\{2\\} '\\s\\'\\\\';\ny \"\\\"\\t\\\n\";\nz;",
		      &d, &why) == 0);
	CHECK_STR(d.all[0].words[1], "^/v\\d{2}\\.");
	CHECK_STR(d.all[0].words[2], "^/v\\d\\{2\\}");
	CHECK_STR(d.all[0].words[3], "\\s'\\");
	CHECK_STR(d.all[1].words[1], "\"\t\\\n");
	CHECK(d.n == 3 && d.all[2].line == 4);
}

TEST(snippets_that_nginx_could_not_read)
{
	static const char *const texts[] = { "return 403",       "a { b;", "}",
					     "add_header \"x;",  "; a b;", "{ }",
					     "set $a ${unclosed" };
	_cleanup_(arena_freep) struct arena *a = arena_new(1024);
	struct nginx_directives d;
	const char *why;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		why = NULL;
		(void)fprintf(stderr, "%s\n", texts[i]);
		CHECK(nginx_tokens_read(a, texts[i], &d, &why) == -EINVAL);
		CHECK(why);
	}
}

TEST(passwords_that_envoy_takes)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(1024);
	const char *why = NULL;

	CHECK_STR(htpasswd_usable(a, "alice:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\nnobody:\n# x\n",
				  &why),
		  "alice:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n");
	CHECK(!htpasswd_usable(a, "bob:$2y$05$abcdefghijklmnopqrstuv\n", &why));
	CHECK(strstr(why, "bcrypt") && strstr(why, "line 1"));
	CHECK(!htpasswd_usable(a, "bob:{SHA}short\n", &why));
}

static const struct nginx_shape path_shape = {
	"", "[^?]*", ".*", "(?:\\?.*)?", "[^?]", '?', false
};
static const struct nginx_shape host_shape = {
	"", "[^:]*", ".*", "(?::[0-9]+)?", "[^:]", ':', true
};

TEST(a_regex_on_a_part_of_a_header)
{
	static const struct {
		const struct nginx_shape *shape;
		const char *regex, *meets, *fails; /* meets NULL: it is refused */
	} rows[] = {
		{ &path_shape, "^/[^-_]+/admin", "/FOO/admin", "/a-b/admin" },
		{ &path_shape, "^/[^-_]+/admin", "/a/admin?x", "/a?b/admin" },
		{ &path_shape, "^/a[^[:alnum:]./_-]b", "/a!b", "/a-b" },
		{ &path_shape, "^/a[^[:alnum:]./_-]b", "/a~b", "/a?b" },
		{ &path_shape, "^/a[^]x]b", "/a!b", "/a]b" },
		{ &path_shape, "^/a[^--/]b", "/a!b", "/a.b" },
		{ &path_shape, "^/a[^\\W]b", "/acb", "/a-b" },
		{ &path_shape, "^/[a-z0-9-]+/admin", "/a-1/admin", "/A/admin" },
		{ &path_shape, "^/[[:alpha:]|$-]+$", "/a|$-?b", "/a/b" },
		{ &path_shape, "^/([0-9-]+)/old$", "/1-2/old?a", "/x/old" },
		{ &path_shape, "^/[\\w.-]+$", "/a.b-c", "/a/b" },
		{ &path_shape, "^/(?:a|b)/|^/[]|]c$", "/]c", "/c" },
		{ &path_shape, "^/a[\\t-z]b", NULL, NULL },
		{ &path_shape, "^/a[[:punct:]]b", NULL, NULL },
		{ &path_shape, "^/a[^\\x41]b", NULL, NULL },
		{ &path_shape, "^/\\Qa|b\\E", NULL, NULL },
		{ &host_shape, "^[a-z0-9-]+\\.x", "A-1.X:80", "a_b.x" },
		{ &host_shape, "^(?:www\\.)?x$", "WWW.x:80", "xwww.x" },
		{ &host_shape, "^(?P<a>b)?[A-Za-z]+$", "bC", "b1" },
		{ &host_shape, "^[^A-Za-z]+$", "1-2", "1b2" },
		{ &host_shape, "^A", NULL, NULL },
		{ &host_shape, "^[A-Z]", NULL, NULL },
		{ &host_shape, "^[^[:upper:]]", NULL, NULL },
		{ &host_shape, "^(?-i:a)", NULL, NULL },
	};
	_cleanup_(arena_freep) struct arena *a = arena_new(1024);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *found = nginx_pattern_search(a, rows[i].regex, rows[i].shape, false);

		(void)fprintf(stderr, "%s: %s\n", rows[i].regex, found ?: "refused");
		CHECK(!found == !rows[i].meets);
		CHECK(!found || regex_matches(found, rows[i].meets));
		CHECK(!found || !regex_matches(found, rows[i].fails));
	}
}

TEST(the_first_of_a_name_counts)
{
	static const struct {
		const char *text, *value; /* value NULL: there is none */
	} parameters[] = {
		{ "/?env=prod&env=dev", "prod" }, { "/?ENV=prod&env=dev", "prod" },
		{ "/?e&en&env&envy=x&xenv=y&&env=dev", "dev" }, { "/?env&env=dev", "dev" },
		{ "/env=dev", NULL }, { "/?xenv=dev", NULL }, { "/?env", NULL }, { "/?", NULL },
	}, cookies[] = {
		{ "env=prod; env=dev", "prod" }, { "Env = prod;env=dev", "prod" },
		{ "a=b, env=dev", "dev" }, { "a;e;en;envy=x;;  env=dev", "dev" },
		{ "env;a=b; env=dev", "dev" }, { "env;env=dev", NULL }, { "aenv=dev", NULL },
	};
	_cleanup_(arena_freep) struct arena *a = arena_new(1024);
	const char *parameter = nginx_pattern_parameter(a, "env");
	const char *cookie = nginx_pattern_cookie(a, "env");

	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++)
		for (int dev = 0; dev < 2; dev++) {
			const char *value = dev ? "dev" : "prod", *is = parameters[i].value;

			(void)fprintf(stderr, "%s\n", parameters[i].text);
			CHECK(regex_matches(arena_printf(a, "%s%s(?:&.*)?", parameter, value),
					    parameters[i].text) == (is && strcmp(is, value) == 0));
		}
	for (size_t i = 0; i < ARRAY_SIZE(cookies); i++)
		for (int dev = 0; dev < 2; dev++) {
			const char *value = dev ? "dev" : "prod", *is = cookies[i].value;

			(void)fprintf(stderr, "%s\n", cookies[i].text);
			CHECK(regex_matches(arena_printf(a, "%s%s(?:;.*)?", cookie, value),
					    cookies[i].text) == (is && strcmp(is, value) == 0));
		}
}
