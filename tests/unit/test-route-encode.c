/* translator/envoy/envoy-route: routes of the model as Envoy's. A row is a route and the text that
 * its JSON must contain, in one line without spaces. */
#include "common/base/arena.h"
#include "common/base/cleanup.h"
#include "common/base/strbuf.h"
#include "tests/lib/test.h"
#include "translator/envoy/envoy-route.h"
#include "translator/model/cluster.h"
#include "translator/print/print.h"

static struct arena *arena;

__attribute__((constructor)) static void start(void)
{
	arena = arena_new(65536);
}

static char *encoded(const char *host, const struct route *from)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	EnvoyRoute *r = envoy_route(arena, host, true, from);
	size_t len = protobuf_c_message_get_packed_size(&r->base);
	uint8_t *packed = arena_alloc(arena, len + 1);
	ProtobufCBinaryData element = envoy_route_encode(arena, host, true, from);

	(void)protobuf_c_message_pack(&r->base, packed);
	CHECK(element.len > len && memcmp(element.data + element.len - len, packed, len) == 0);
	CHECK_EQ(print_message(&out, DOCUMENT_LINE, r->base.descriptor, packed, len, 0), 0);
	return arena_strdup(arena, strbuf_str(&out));
}

static void expect(const char *what, const char *host, const struct route *from, const char *has)
{
	const char *is = encoded(host, from);

	if (strstr(is, has))
		return;
	fprintf(stderr, "%s: %s\n is not in\n%s\n", what, has, is);
	exit(1);
}

TEST(a_match_is_encoded)
{
	static struct value_match header = { .name = "x-a", .op = MATCH_PREFIX, .value = "1" };
	static struct value_match query = { .name = "q", .op = MATCH_PRESENT, .value = "" };
	static const struct {
		const char *what, *host;
		struct route_match match;
		const char *has;
	} rows[] = {
		{ "exact", "*", { PATH_EXACT, "/a" }, "\"match\":{\"path\":\"/a\"}" },
		{ "prefix", "*", { PATH_PREFIX, "/a" }, "\"match\":{\"prefix\":\"/a\"}" },
		{ "elements", "*", { PATH_SEGMENTS, "/a" }, "{\"path_separated_prefix\":\"/a\"}" },
		{ "regex", "*", { PATH_REGEX, "/a+" }, "\"safe_regex\":{\"regex\":\"/a+\"}" },
		{ "regex in any case",
		  "*",
		  { PATH_REGEX, "/a+", .ignore_case = true },
		  "\"regex\":\"(?i)/a+\"" },
		{ "path in any case",
		  "*",
		  { PATH_EXACT, "/a", .ignore_case = true },
		  "\"case_sensitive\":false" },
		{ "method",
		  "*",
		  { PATH_EXACT, "/a", .method = "GET" },
		  "\"headers\":[{\"name\":\":method\",\"string_match\":{\"exact\":\"GET\"}}]" },
		{ "header",
		  "*",
		  { PATH_EXACT, "/a", .headers = &header, .n_headers = 1 },
		  "{\"name\":\"x-a\",\"string_match\":{\"prefix\":\"1\"}}" },
		{ "query",
		  "*",
		  { PATH_EXACT, "/a", .queries = &query, .n_queries = 1 },
		  "\"query_parameters\":[{\"name\":\"q\",\"present_match\":true}]" },
		{ "grpc", "*", { PATH_EXACT, "/a", .grpc = true }, "\"grpc\":{}" },
		{ "share",
		  "*",
		  { PATH_EXACT, "/a", .share = 250000 },
		  "{\"numerator\":250000,\"denominator\":\"MILLION\"}" },
		{ "wildcard of one label",
		  "*.example.com",
		  { PATH_EXACT, "/a" },
		  "\"regex\":\"(?i)[^.:]+\\\\.example\\\\.com(:[0-9]+)?\"" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct route r = { .match = rows[i].match,
				   .kind = ROUTE_ANSWER,
				   .answer = { .status = 404 } };

		expect(rows[i].what, rows[i].host, &r, rows[i].has);
	}
}

TEST(shares_of_requests_are_encoded)
{
	static struct header_edit edit = { HEADER_SET, "X-A", "1" };
	static struct target plain[] = { { "a", 1 } }, edited[] = { { "a", 1 } };
	static struct target two[] = { { "b", 1 }, { "a", 3 } },
			     zero[] = { { "b", 0 }, { "a", 0 } };
	static struct target grpc[] = { { "a", 1 }, { "b", 1, .http2 = true } };
	static struct target missing[] = { { NULL, 1 }, { "a", 1 } }, gone[] = { { NULL, 0 } };
	static const struct {
		const char *what;
		struct forward forward;
		const char *has;
	} rows[] = {
		{ "one", { plain, 1 }, "\"route\":{\"cluster\":\"a\"}" },
		{ "one with own headers",
		  { edited, 1 },
		  "\"weighted_clusters\":{\"clusters\":[{\"name\":\"a\",\"weight\":1,"
		  "\"request_headers_to_add\"" },
		{ "two, in the order of their names",
		  { two, 2 },
		  "[{\"name\":\"a\",\"weight\":3},{\"name\":\"b\",\"weight\":1}]" },
		{ "one of two that speaks HTTP/2: the filters of gRPC are turned on",
		  { grpc, 2 },
		  "\"typed_per_filter_config\":{\"envoy.filters.http.grpc_stats\":{\"@type\":"
		  "\"type.googleapis.com/envoy.config.route.v3.FilterConfig\",\"config\":{}},"
		  "\"envoy.filters.http.grpc_web\":{" },
		{ "all of weight 0, each the same",
		  { zero, 2, .equal_if_zero = true },
		  "[{\"name\":\"a\",\"weight\":1},{\"name\":\"b\",\"weight\":1}]" },
		{ "all of weight 0, none",
		  { zero, 2, .missing_status = 500 },
		  "\"direct_response\":{\"status\":500}" },
		{ "the share of a missing one",
		  { missing, 2, .missing_status = 500 },
		  "{\"name\":\"" NO_CLUSTER "\",\"weight\":1}]},"
		  "\"cluster_not_found_response_code\":\"INTERNAL_SERVER_ERROR\"" },
		{ "a missing one without a share",
		  { gone, 1, .equal_if_zero = true },
		  "\"direct_response\":{\"status\":503}" },
		{ "none", { NULL, 0 }, "\"direct_response\":{\"status\":503}" },
	};

	edited[0].request = (struct header_edits){ .all = &edit, .n = 1 };
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct route r = { .match = { PATH_PREFIX, "/" }, .forward = rows[i].forward };

		expect(rows[i].what, "*", &r, rows[i].has);
	}
}

TEST(a_rewritten_path_is_encoded)
{
	static const struct {
		const char *what;
		enum path_kind kind;
		const char *path;
		struct rewrite rewrite;
		const char *forwarded, *redirected; /* NULL: the path stays */
	} rows[] = {
		{ "prefix",
		  PATH_PREFIX,
		  "/a",
		  { REWRITE_PREFIX, "/b/" },
		  "\"prefix_rewrite\":\"/b/\"",
		  "\"prefix_rewrite\":\"/b/\"" },
		{ "elements",
		  PATH_SEGMENTS,
		  "/a",
		  { REWRITE_ELEMENTS, "/b/" },
		  "\"prefix_rewrite\":\"/b\"",
		  "\"prefix_rewrite\":\"/b\"" },
		{ "elements to nothing",
		  PATH_SEGMENTS,
		  "/a.b",
		  { REWRITE_ELEMENTS, "/" },
		  "{\"pattern\":{\"regex\":\"^/a\\\\.b/*\"},\"substitution\":\"/\"}",
		  "{\"pattern\":{\"regex\":\"^/a\\\\.b/*\"},\"substitution\":\"/\"}" },
		{ "all below something",
		  PATH_PREFIX,
		  "/",
		  { REWRITE_ELEMENTS, "/b" },
		  "{\"pattern\":{\"regex\":\"^/\"},\"substitution\":\"/b/\"}",
		  "{\"pattern\":{\"regex\":\"^/\"},\"substitution\":\"/b/\"}" },
		{ "the whole path",
		  PATH_PREFIX,
		  "/a",
		  { REWRITE_PATH, "/b\\1" },
		  "{\"pattern\":{\"regex\":\"^/.*$\"},\"substitution\":\"/b\\\\\\\\1\"}",
		  "\"path_redirect\":\"/b\\\\1\"" },
		{ "a regex",
		  PATH_PREFIX,
		  "/a",
		  { REWRITE_REGEX, "/\\1", "^/(.*)$" },
		  "{\"pattern\":{\"regex\":\"^/(.*)$\"},\"substitution\":\"/\\\\1\"}",
		  "{\"pattern\":{\"regex\":\"^/(.*)$\"},\"substitution\":\"/\\\\1\"}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		static struct target target = { "a", 1 };
		struct route forward = { .match = { rows[i].kind, rows[i].path },
					 .forward = { .targets = &target,
						      .n_targets = 1,
						      .rewrite = rows[i].rewrite } };
		struct route redirect = { .match = forward.match,
					  .kind = ROUTE_REDIRECT,
					  .redirect = { .status = 302, .path = rows[i].rewrite } };

		expect(rows[i].what, "*", &forward, rows[i].forwarded);
		expect(rows[i].what, "*", &redirect, rows[i].redirected);
	}
}

TEST(redirects_have_the_status_that_was_asked_for)
{
	static const struct {
		uint32_t status;
		const char *has;
	} rows[] = { { 301, "\"redirect\":{\"host_redirect\":\"h\"}" },
		     { 302, "\"response_code\":\"FOUND\"" },
		     { 303, "\"response_code\":\"SEE_OTHER\"" },
		     { 307, "\"response_code\":\"TEMPORARY_REDIRECT\"" },
		     { 308, "\"response_code\":\"PERMANENT_REDIRECT\"" } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct route r = { .match = { PATH_PREFIX, "/" },
				   .kind = ROUTE_REDIRECT,
				   .redirect = { .status = rows[i].status, .host = "h" } };

		expect("redirect", "*", &r, rows[i].has);
	}
}

TEST(how_requests_are_forwarded_is_encoded)
{
	static struct target target = { "a", 1 };
	static struct retries retries = { .on = "5xx",
					  .has_count = true,
					  .count = 2,
					  .per_try = { true, false, 1500000 },
					  .per_try_idle = { true, false, 3000000 },
					  .backoff = { true, false, 100000 },
					  .other_endpoints = true };
	static struct hash_key keys[] = { { HASH_BY_HEADER, "x-a", .terminal = true },
					  { HASH_BY_COOKIE, "c", "/", 0 } };
	static struct mirror mirrors[] = { { "m", 10, 100, false }, { "n", 1, 0, true } };
	static struct internal_redirect internal = { .max = 3, .safe_cross_scheme = true };
	struct route r = { .match = { PATH_PREFIX, "/" },
			   .forward = { .targets = &target,
					.n_targets = 1,
					.mirrors = mirrors,
					.n_mirrors = 2,
					.timeouts = { { true, true, 0 }, { true, false, 5000000 } },
					.retries = &retries,
					.hash = keys,
					.n_hash = 2,
					.internal_redirect = &internal,
					.websocket = true },
			   .request = { .host = "h" } };
	static const char *const has[] = {
		"\"timeout\":\"0s\"",
		"\"idle_timeout\":\"5s\"",
		"\"retry_on\":\"5xx\",\"num_retries\":2,\"per_try_timeout\":\"1.500s\"",
		"\"per_try_idle_timeout\":\"3s\"",
		"\"retry_back_off\":{\"base_interval\":\"0.100s\",\"max_interval\":\"1s\"}",
		"\"host_selection_retry_max_attempts\"",
		"{\"header\":{\"header_name\":\"x-a\"},\"terminal\":true}",
		"{\"cookie\":{\"name\":\"c\",\"ttl\":\"0s\",\"path\":\"/\"}}",
		"{\"cluster\":\"m\",\"runtime_fraction\":{\"default_value\":{\"numerator\":10}}}",
		"{\"cluster\":\"n\",\"disable_shadow_host_suffix_append\":true}",
		"\"max_internal_redirects\":3",
		"\"upgrade_configs\":[{\"upgrade_type\":\"websocket\"}]",
		"\"host_rewrite_literal\":\"h\"",
	};

	for (size_t i = 0; i < ARRAY_SIZE(has); i++)
		expect("forward", "*", &r, has[i]);
}

TEST(filters_of_a_route_are_encoded_in_one_order)
{
	static struct address_range range = { "192.0.2.0", 24, .peer = true };
	static const struct address_rules addresses = { .deny = true, .all = &range, .n = 1 };
	static const struct local_limit limit = {
		.max_tokens = 3, .tokens_per_fill = 2, .fill_usec = 1000000, .stat_prefix = "p"
	};
	static struct context_pair pair = { "k", "v" };
	struct route r = { .match = { PATH_PREFIX, "/" },
			   .kind = ROUTE_ANSWER,
			   .answer = { .status = 200 },
			   .filters = {
				   .addresses = &addresses,
				   .local_limit = &limit,
				   .jwt = "provider",
				   .rate_limits_off = true,
				   .authorization = { AUTHORIZATION_WITH_CONTEXT, &pair, 1 } } };
	static const char *const order[] = { "http.ratelimit", "http.local_ratelimit", "http.rbac",
					     "http.jwt_authn", "http.ext_authz" };
	const char *is = encoded("*", &r);
	EnvoyRoute *route = envoy_route(arena, "*", false, &r);

	CHECK_EQ(route->n_typed_per_filter_config, ARRAY_SIZE(order));
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		CHECK(strstr(route->typed_per_filter_config[i]->key, order[i]));
	CHECK(strstr(is,
		     "\"direct_remote_ip\":{\"address_prefix\":\"192.0.2.0\",\"prefix_len\":24}"));
	CHECK(strstr(is, "\"context_extensions\":{\"k\":\"v\"}"));
	CHECK(!strstr(is, "http.cors") && !strstr(is, "http.lua"));
}

TEST(a_route_is_counted_by_the_service_and_by_its_host)
{
	static struct target target = { "a", 1 };
	static struct rate_limit_entry entries[] = { { RATE_LIMIT_BY_KEY, "k", "1" },
						     { RATE_LIMIT_BY_KEY, "k", "2" } };
	static struct rate_limit services[] = { { &entries[0], 1 }, { &entries[1], 1 } };
	static struct shared_limit hosts[] = { { "h1", 1, 1, 1000000 }, { "h2", 2, 2, 1000000 } };
	struct route r = { .match = { PATH_PREFIX, "/" },
			   .forward = { .targets = &target, .n_targets = 1 },
			   .filters = { .rate_limits = { services, 2 }, .counted = { hosts, 2 } } };
	static const char *const has[] = {
		"{\"actions\":[{\"generic_key\":{\"descriptor_value\":\"1\",\"descriptor_key\":"
		"\"k\"}}]},"
		"{\"actions\":[{\"generic_key\":{\"descriptor_value\":\"2\",\"descriptor_key\":"
		"\"k\"}}]},"
		"{\"stage\":1,\"actions\":[{\"generic_key\":{\"descriptor_value\":\"h1\"}},",
		"{\"stage\":1,\"actions\":[{\"generic_key\":{\"descriptor_value\":\"h2\"}},",
	};

	for (size_t i = 0; i < ARRAY_SIZE(has); i++)
		expect("limits", "*", &r, has[i]);
	CHECK_EQ(envoy_route(arena, "*", false, &r)->route->n_rate_limits, 4);
}
