/* admin/: merging of metrics, and the permitted Hosts */
#include "admin/http-server.h"
#include "admin/metrics-merge.h"
#include "tests/lib/test.h"

/* Pages of the stages "a" and "b"; NULL: absent. */
static char *merged(const char *a, const char *b)
{
	struct strbuf out = STRBUF_INIT;
	struct metrics_merge m;

	metrics_merge_init(&m);
	metrics_merge_add(&m, "a", a, strlen(a));
	if (b)
		metrics_merge_add(&m, "b", b, strlen(b));
	metrics_merge_write(&m, &out);
	metrics_merge_done(&m);
	return strbuf_take(&out);
}

#define CHECK_MERGED(a, b, expected)                        \
	do {                                                \
		_cleanup_free_ char *_m = merged((a), (b)); \
		CHECK_STR(_m, expected);                    \
	} while (0)

TEST(a_family_of_two_stages_is_described_once_and_stands_together)
{
	CHECK_MERGED("# HELP x Of a.\n# TYPE x counter\nx 1\n# TYPE y gauge\ny 2\n",
		     "# HELP x Of b.\n# TYPE x counter\nx 3\n",
		     "# HELP x Of a.\n# TYPE x counter\nx{stage=\"a\"} 1\nx{stage=\"b\"} 3\n"
		     "# TYPE y gauge\ny{stage=\"a\"} 2\n");
}

TEST(the_stage_joins_other_labels_unless_it_is_there)
{
	CHECK_MERGED("x{} 1\nx{l=\"v\"} 2\nx{stage=\"z\"} 3\nx{l=\"v\",stage=\"z\"} 4\n", NULL,
		     "x{stage=\"a\"} 1\nx{stage=\"a\",l=\"v\"} 2\nx{stage=\"z\"} 3\n"
		     "x{l=\"v\",stage=\"z\"} 4\n");
}

TEST(a_value_or_name_that_looks_like_the_label_is_not_it)
{
	CHECK_MERGED("x{l=\",stage=\\\"z\"} 1\nx{upstage=\"z\"} 2\n", NULL,
		     "x{stage=\"a\",l=\",stage=\\\"z\"} 1\nx{stage=\"a\",upstage=\"z\"} 2\n");
}

TEST(a_histogram_stays_in_its_family)
{
	CHECK_MERGED(
		"# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_sum 1\nh_count 1\n",
		"# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_sum 2\nh_count 2\n",
		"# TYPE h histogram\n"
		"h_bucket{stage=\"a\",le=\"1\"} 1\nh_sum{stage=\"a\"} 1\nh_count{stage=\"a\"} 1\n"
		"h_bucket{stage=\"b\",le=\"1\"} 2\nh_sum{stage=\"b\"} 2\nh_count{stage=\"b\"} 2\n");
}

TEST(what_is_not_of_the_format_is_left_out)
{
	CHECK_MERGED(
		"<html>\n# a comment\n#\n\n1x 2\nx\nname-with-dash 1\n# HELP\n# TYPE 1 x\nok 1",
		NULL, "ok{stage=\"a\"} 1\n");
}

TEST(a_family_without_samples_is_not_written)
{
	CHECK_MERGED("# HELP x Nothing.\n# TYPE x counter\n", NULL, "");
}

TEST(only_names_that_no_stranger_can_own_are_local)
{
	static const char *const local[] = { "localhost",      "LOCALHOST:8000", "127.0.0.1",
					     "127.0.0.1:8000", "[::1]:8000",     "[::1]",
					     "192.0.2.1:8000" };
	static const char *const foreign[] = { "",
					       "evil.example",
					       "evil.example:8000",
					       "localhost.evil.example",
					       "localhost:8000.evil.example",
					       "127.0.0.1.evil.example",
					       "127.0.0.1:8000x" };

	for (size_t i = 0; i < ARRAY_SIZE(local); i++)
		CHECK(http_host_is_local(local[i]));
	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++)
		CHECK(!http_host_is_local(foreign[i]));
	CHECK(!http_host_is_local(NULL));
}
