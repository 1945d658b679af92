/* common/base/document: the three formats of one document */
#include "common/base/document.h"
#include "tests/lib/test.h"

static void write_all(struct strbuf *out, enum document_format format)
{
	struct document d;

	document_init(&d, out, format);
	document_map(&d);
	document_put_string(&d, "name", "a \"b\"");
	document_put_bool(&d, "on", true);
	document_put_int(&d, "below", -1);
	document_put_uint(&d, "above", 18446744073709551615u);
	document_put_lines(&d, "lines", "one\ntwo\n");
	document_put_lines(&d, "none", "");
	document_key(&d, "maps");
	document_list(&d);
	document_map(&d);
	document_put_string(&d, "yes", "yes");
	document_end(&d);
	document_end(&d);
	document_end(&d);
}

static const struct {
	enum document_format format;
	const char *text;
} rows[] = {
	{ DOCUMENT_LINE,
	  "{\"name\":\"a \\\"b\\\"\",\"on\":true,\"below\":-1,\"above\":18446744073709551615,"
	  "\"lines\":[\"one\",\"two\"],\"none\":[],\"maps\":[{\"yes\":\"yes\"}]}\n" },
	{ DOCUMENT_JSON,
	  "{\n  \"name\": \"a \\\"b\\\"\",\n  \"on\": true,\n  \"below\": -1,\n"
	  "  \"above\": 18446744073709551615,\n  \"lines\": [\n    \"one\",\n    \"two\"\n  ],\n"
	  "  \"none\": [],\n  \"maps\": [\n    {\n      \"yes\": \"yes\"\n    }\n  ]\n}\n" },
	{ DOCUMENT_YAML, "name: \"a \\\"b\\\"\"\n\"on\": true\nbelow: -1\nabove: "
			 "18446744073709551615\nlines:\n- one\n"
			 "- two\nnone: []\nmaps:\n- \"yes\": \"yes\"\n" },
};

TEST(a_document_is_written_in_each_format)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

		write_all(&out, rows[i].format);
		CHECK_STR(out.s, rows[i].text);
	}
}
