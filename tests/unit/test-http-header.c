/* common/base/http-header.c: the names that a header can have. */
#include "common/base/http-header.h"
#include "tests/lib/test.h"

TEST(names_of_headers_are_tokens)
{
	CHECK(http_header_is_token("x-a!#$%&'*+.^_`|~9"));
	CHECK(!http_header_is_token(""));
	CHECK(!http_header_is_token("a b"));
	CHECK(!http_header_is_token("a:"));
	CHECK(!http_header_is_token("a\n"));
	CHECK(!http_header_is_token("\xc3\xa4"));
}

TEST(where_a_message_ends_is_said_by_two_headers_in_any_case)
{
	CHECK(http_header_is_framing("Content-Length"));
	CHECK(http_header_is_framing("transfer-encoding"));
	CHECK(!http_header_is_framing("content-lengths"));
	CHECK(!http_header_is_framing("te"));
}
