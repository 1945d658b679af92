/* translator/model/match: which route is tried first, and which conditions no request can meet */
#include "common/base/arena.h"
#include "common/base/cleanup.h"
#include "tests/lib/test.h"
#include "translator/model/match.h"

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

TEST(paths_are_tried_exact_first_then_regexes_then_prefixes_by_length)
{
	static const struct {
		const char *what;
		enum path_kind x_kind;
		const char *x;
		enum path_kind y_kind;
		const char *y;
		int order; /* of x and y */
	} rows[] = {
		{ "exact before regex", PATH_EXACT, "/a", PATH_REGEX, "/a.*long", -1 },
		{ "exact before a longer prefix", PATH_EXACT, "/a", PATH_PREFIX, "/a/b/c", -1 },
		{ "regex before prefix", PATH_REGEX, "/a", PATH_PREFIX, "/a/b/c", -1 },
		{ "longer regex first", PATH_REGEX, "/a/b", PATH_REGEX, "/a", -1 },
		{ "longer prefix first", PATH_PREFIX, "/a", PATH_PREFIX, "/a/b", 1 },
		{ "prefixes of both kinds by length", PATH_PREFIX, "/a/b", PATH_SEGMENTS, "/a",
		  -1 },
		{ "of one text, elements first", PATH_SEGMENTS, "/a", PATH_PREFIX, "/a", -1 },
		{ "exact ones by text, backwards", PATH_EXACT, "/b", PATH_EXACT, "/a", -1 },
		{ "equal", PATH_PREFIX, "/a", PATH_PREFIX, "/a", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int there = sign(
			match_compare_paths(rows[i].x_kind, rows[i].x, rows[i].y_kind, rows[i].y));
		int back = sign(
			match_compare_paths(rows[i].y_kind, rows[i].y, rows[i].x_kind, rows[i].x));

		if (there != rows[i].order || back != -rows[i].order) {
			fprintf(stderr, "%s: %d and back %d\n", rows[i].what, there, back);
			exit(1);
		}
	}
}

TEST(conditions_that_no_request_can_meet_are_found)
{
	static const struct {
		const char *what;
		struct value_match x, y;
		bool queries, impossible;
	} rows[] = {
		{ "two values of one header",
		  { "a", MATCH_EXACT, "1" },
		  { "a", MATCH_EXACT, "2" },
		  .impossible = true },
		{ "two values, one inverted",
		  { "a", MATCH_EXACT, "1" },
		  { "a", MATCH_EXACT, "2", .invert = true } },
		{ "a value and not that value",
		  { "a", MATCH_EXACT, "1" },
		  { "a", MATCH_EXACT, "1", .invert = true },
		  .impossible = true },
		{ "there and not there",
		  { "a", MATCH_PRESENT, "" },
		  { "a", MATCH_PRESENT, "", .invert = true },
		  .impossible = true },
		{ "contains and does not",
		  { "a", MATCH_CONTAINS, "x" },
		  { "a", MATCH_CONTAINS, "x", .invert = true },
		  .impossible = true },
		{ "two parts of one value",
		  { "a", MATCH_CONTAINS, "x" },
		  { "a", MATCH_CONTAINS, "y" } },
		{ "different headers", { "a", MATCH_EXACT, "1" }, { "b", MATCH_EXACT, "2" } },
		{ "names of headers in one case only",
		  { "A", MATCH_EXACT, "1" },
		  { "a", MATCH_EXACT, "2" } },
		{ "names of parameters in any case",
		  { "A", MATCH_EXACT, "1" },
		  { "a", MATCH_EXACT, "2" },
		  .queries = true,
		  .impossible = true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct value_match all[] = { rows[i].x, rows[i].y };

		if (match_is_impossible(all, 2, rows[i].queries) != rows[i].impossible) {
			fprintf(stderr, "%s\n", rows[i].what);
			exit(1);
		}
	}
}

TEST(equal_conditions_have_one_text_whatever_their_order)
{
	struct value_match a[] = { { "b", MATCH_EXACT, "1" }, { "a", MATCH_REGEX, "2" } };
	struct value_match b[] = { { "a", MATCH_REGEX, "2" }, { "b", MATCH_EXACT, "1" } };
	struct route_match x = { .headers = a, .n_headers = 2 },
			   y = { .headers = b, .n_headers = 2 };
	struct route_match with[] = { { .method = "GET" },
				      { .method = "PUT" },
				      { .grpc = true },
				      { .ignore_case = true },
				      { .share = 1000 },
				      { .queries = a, .n_queries = 1 },
				      { .headers = a, .n_headers = 1 } };
	struct arena *arena = arena_new(4096);

	match_finish(arena, &x);
	match_finish(arena, &y);
	CHECK_STR(x.text, y.text);
	CHECK_STR(x.headers[0].name, "a");
	for (size_t i = 0; i < ARRAY_SIZE(with); i++) {
		match_finish(arena, &with[i]);
		for (size_t k = 0; k < i; k++)
			CHECK(strcmp(with[i].text, with[k].text) != 0);
	}
	arena_free(arena);
}
