/* watcher/kube/body-reader.c: lists and watch streams, cut wherever the network cuts them */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/strbuf.h"
#include "tests/lib/test.h"
#include "watcher/kube/body-reader.h"

static const struct body_limits limits = { .message = 64, .items = 4, .total = 400 };

static int collect(void *ctx, enum body_part part, const uint8_t *data, size_t len)
{
	struct strbuf *seen = ctx;

	strbuf_putc(seen, "mie"[part]);
	strbuf_putc(seen, '<');
	strbuf_add(seen, data, len);
	strbuf_putc(seen, '>');
	return 0;
}

/* Feeds body in pieces of n bytes; the result is in seen. */
static int read_in(enum body_format format, const char *body, size_t len, size_t n,
		   struct strbuf *seen)
{
	_cleanup_(body_reader_freep) struct body_reader *r =
		body_reader_new(format, &limits, collect, seen);
	int ret = 0;

	strbuf_clear(seen);
	for (size_t i = 0; i < len && ret == 0; i += n)
		ret = body_reader_feed(r, (const uint8_t *)body + i, MIN(n, len - i));
	return ret < 0 ? ret : body_reader_finish(r);
}

static void check_all_cuts(enum body_format format, const char *body, size_t len,
			   const char *wanted)
{
	_cleanup_strbuf_ struct strbuf seen = STRBUF_INIT;

	for (size_t n = 1; n <= len; n++) {
		CHECK_EQ(read_in(format, body, len, n, &seen), 0);
		CHECK_EQ(seen.len, strlen(wanted));
		CHECK(memcmp(strbuf_str(&seen), wanted, seen.len) == 0);
	}
}

/* A body without its end must not give the result of a whole body. */
static void check_truncation(enum body_format format, const char *body, size_t len, size_t first)
{
	_cleanup_strbuf_ struct strbuf seen = STRBUF_INIT;

	for (size_t n = first; n < len; n++)
		CHECK_EQ(read_in(format, body, n, n, &seen), -EPIPE);
}

static int read_text(enum body_format format, const char *text)
{
	_cleanup_strbuf_ struct strbuf seen = STRBUF_INIT;
	int whole = read_in(format, text, strlen(text), strlen(text), &seen);
	int bytes = read_in(format, text, strlen(text), 1, &seen);

	CHECK_EQ(whole, bytes);
	return whole;
}

TEST(a_json_watch_is_cut_into_its_events_however_it_arrives)
{
	static const char body[] =
		"{\"type\":\"A\\\"}{\",\"o\":{\"x\":[{}]}}\n\n {\"type\":\"B\"}\r\n";

	check_all_cuts(BODY_JSON_WATCH, body, strlen(body),
		       "e<{\"type\":\"A\\\"}{\",\"o\":{\"x\":[{}]}}>e<{\"type\":\"B\"}>");
	check_truncation(BODY_JSON_WATCH, "{\"a\":\"}\"}", 9, 1);
}

TEST(a_json_list_gives_items_and_metadata_in_any_order)
{
	static const char first[] = "{\"kind\":\"L\",\"metadata\":{\"resourceVersion\":\"7\"},"
				    "\"items\":[{\"a\":{\"items\":[{}]}},{\"metadata\":{}}]}";
	static const char last[] =
		"{\"items\": [ {\"a\":1} ], \"other\":{\"items\":[{}],\"metadata\":"
		"{}}, \"metadata\" : {\"continue\":\"]}\"}} ";

	check_all_cuts(
		BODY_JSON_LIST, first, strlen(first),
		"m<{\"resourceVersion\":\"7\"}>i<{\"a\":{\"items\":[{}]}}>i<{\"metadata\":{}}>");
	check_all_cuts(BODY_JSON_LIST, last, strlen(last), "i<{\"a\":1}>m<{\"continue\":\"]}\"}>");
	check_all_cuts(BODY_JSON_LIST, "{\"items\":null}", 14, "");
	check_truncation(BODY_JSON_LIST, first, strlen(first), 1);
}

TEST(json_that_is_none_is_refused)
{
	CHECK_EQ(read_text(BODY_JSON_WATCH, "<html>"), -EBADMSG);
	CHECK_EQ(read_text(BODY_JSON_WATCH, "{}}"), -EBADMSG);
	CHECK_EQ(read_text(BODY_JSON_WATCH, "[{}]"), -EBADMSG);
	CHECK_EQ(read_text(BODY_JSON_WATCH, "\"x\""), -EBADMSG);
	CHECK_EQ(read_text(BODY_JSON_LIST, "{}{}"), -EBADMSG);
	CHECK_EQ(read_text(BODY_JSON_LIST, ""), -EPIPE);
}

TEST(what_is_larger_than_the_limits_is_refused_before_it_is_held)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT, seen = STRBUF_INIT;

	/* An endless line. */
	strbuf_puts(&b, "{\"x\":\"");
	for (int i = 0; i < 100; i++)
		strbuf_putc(&b, 'y');
	CHECK_EQ(read_text(BODY_JSON_WATCH, strbuf_str(&b)), -EMSGSIZE);
	/* An endless list. */
	CHECK_EQ(read_text(BODY_JSON_LIST, "{\"items\":[{},{},{},{}]}"), 0);
	CHECK_EQ(read_text(BODY_JSON_LIST, "{\"items\":[{},{},{},{},{}]}"), -EMSGSIZE);
	/* A body of white space. */
	strbuf_clear(&b);
	strbuf_puts(&b, "{\"items\":[");
	for (int i = 0; i < 400; i++)
		strbuf_putc(&b, ' ');
	CHECK_EQ(read_text(BODY_JSON_LIST, strbuf_str(&b)), -EMSGSIZE);
	/* Deeper than anything can be. */
	strbuf_clear(&b);
	for (int i = 0; i < 300; i++)
		strbuf_puts(&b, "{");
	CHECK_EQ(read_in(BODY_JSON_WATCH, strbuf_str(&b), b.len, b.len, &seen), -EBADMSG);
}

TEST(a_protobuf_watch_is_cut_by_its_lengths)
{
	static const char body[] = "\0\0\0\3abc\0\0\0\1z";
	static const char large[] = "\0\0\0\101";
	static const char empty[] = "\0\0\0\0";
	_cleanup_strbuf_ struct strbuf seen = STRBUF_INIT;

	check_all_cuts(BODY_PROTOBUF_WATCH, body, sizeof(body) - 1, "e<abc>e<z>");
	check_truncation(BODY_PROTOBUF_WATCH, body, 7, 1);
	CHECK_EQ(read_in(BODY_PROTOBUF_WATCH, large, 4, 4, &seen), -EMSGSIZE);
	CHECK_EQ(read_in(BODY_PROTOBUF_WATCH, empty, 4, 4, &seen), -EBADMSG);
	/* JSON under a protobuf Content-Type. */
	CHECK_EQ(read_in(BODY_PROTOBUF_WATCH, "{\"type\":", 8, 8, &seen), -EMSGSIZE);
}

/* "k8s\0", Unknown { typeMeta = "t", raw = List { metadata = "mm", 9: varint 300, items = "i",
 * items = "", 8: fixed64, items = "j" }, contentType = "c" } */
static const char list[] = "k8s\0"
			   "\12\1t"
			   "\22\34"
			   "\12\2mm"
			   "\110\254\2"
			   "\22\1i"
			   "\22\0"
			   "\101"
			   "12345678"
			   "\22\1j"
			   "\42\2xy"
			   "\42\1c";

TEST(a_protobuf_list_is_cut_inside_its_envelope)
{
	check_all_cuts(BODY_PROTOBUF_LIST, list, sizeof(list) - 1, "m<mm>i<i>i<>i<j>");
	/* It is also whole without the bytes after the list. */
	for (size_t n = 1; n < sizeof(list) - 1; n++) {
		_cleanup_strbuf_ struct strbuf seen = STRBUF_INIT;
		bool whole = n == 4 || n == 7 || n == sizeof(list) - 4;

		CHECK_EQ(read_in(BODY_PROTOBUF_LIST, list, n, 3, &seen), whole ? 0 : -EPIPE);
	}
}

TEST(protobuf_that_is_none_is_refused)
{
	_cleanup_strbuf_ struct strbuf seen = STRBUF_INIT;

	CHECK_EQ(read_in(BODY_PROTOBUF_LIST, "{\"kind\"", 7, 7, &seen), -EBADMSG);
	/* A field that is longer than the list around it. */
	CHECK_EQ(read_in(BODY_PROTOBUF_LIST, "k8s\0\22\3\22\5abcde", 13, 13, &seen), -EBADMSG);
	/* Wire types that Kubernetes does not use, field 0, a number without end. */
	CHECK_EQ(read_in(BODY_PROTOBUF_LIST, "k8s\0\13", 5, 5, &seen), -EBADMSG);
	CHECK_EQ(read_in(BODY_PROTOBUF_LIST, "k8s\0\2", 5, 5, &seen), -EBADMSG);
	CHECK_EQ(read_in(BODY_PROTOBUF_LIST, "k8s\0\377\377\377\377\377\377\377\377\377\377\377",
			 15, 15, &seen),
		 -EBADMSG);
	/* An item that claims to be huge. */
	CHECK_EQ(read_in(BODY_PROTOBUF_LIST, "k8s\0\22\377\377\1\22\377\177", 11, 11, &seen),
		 -EMSGSIZE);
}
