/* The decoder's typed core and its two front ends, on a message that has every kind of field:
 * common/decode*.c */
#include <errno.h>

#include "common/decode/decode.h"
#include "test/decode.pb-c.h"
#include "tests/lib/dump.h"
#include "tests/lib/test.h"

/* The result of a text: the message, or its problems a line each. Warnings come after the
 * message. */
static char *outcome(enum decode_format format, const char *text, size_t len)
{
	_cleanup_(decoder_freep) struct decoder *d = decoder_new(NULL);
	const struct decode_problem *problems;
	struct strbuf out = STRBUF_INIT;
	ProtobufCMessage *m = NULL;
	size_t n;
	int r;

	r = decode_message(d, format, &test__sample__descriptor, text, len, &m, &problems, &n);
	CHECK(r == 0 || r == -EBADMSG);
	if (r == 0)
		dump_message(&out, m);
	for (size_t i = 0; i < n; i++) {
		strbuf_puts(&out, out.len ? "\n" : "");
		decode_problem_print(&out, "f", 0, &problems[i]);
	}
	return strbuf_take(&out);
}

struct row {
	const char *text, *expected;
};

static void check_rows(enum decode_format format, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *got = outcome(format, rows[i].text, strlen(rows[i].text));

		if (strcmp(got, rows[i].expected) != 0)
			fprintf(stderr, "from: %s\n", rows[i].text);
		CHECK_STR(got, rows[i].expected);
	}
}

/* JSON is YAML, so these are read by both front ends, and must become the same. */
static const struct row both[] = {
	{ "{}", "{}" },
	{ "{\"aString\": \"x\"}", "{a_string: \"x\"}" },
	/* Zero is absent exactly where the field says so. */
	{ "{\"aString\": \"\", \"maybeString\": \"\"}", "{maybe_string: \"\"}" },
	{ "{\"aBool\": false, \"maybeBool\": false}", "{maybe_bool: false}" },
	{ "{\"aBool\": true, \"maybeBool\": true}", "{a_bool: true, maybe_bool: true}" },
	{ "{\"anInt32\": 0, \"maybeInt32\": 0}", "{maybe_int32: 0}" },
	{ "{\"anInt32\": -2147483648, \"maybeInt32\": 2147483647}",
	  "{an_int32: -2147483648, maybe_int32: 2147483647}" },
	{ "{\"anInt32\": 2147483648}",
	  "f, line 1: anInt32: must be between -2147483648 and 2147483647" },
	{ "{\"anInt64\": 9223372036854775807}", "{an_int64: 9223372036854775807}" },
	{ "{\"anInt64\": 9223372036854775808}", "f, line 1: anInt64: must be a whole number, not "
						"9223372036854775808" },
	{ "{\"aUint32\": 4294967295, \"aUint64\": 4294967296}",
	  "{a_uint32: 4294967295, a_uint64: 4294967296}" },
	{ "{\"aUint32\": -1}", "f, line 1: aUint32: must be between 0 and 4294967295" },
	{ "{\"anInt32\": 8080.0}", "{an_int32: 8080}" },
	{ "{\"anInt32\": 8.08e3}", "{an_int32: 8080}" },
	{ "{\"anInt32\": 1.5}", "f, line 1: anInt32: must be a whole number, not 1.5" },
	{ "{\"anInt32\": \"80\"}",
	  "f, line 1: anInt32: must be a number, not a string: remove the quotes" },
	{ "{\"anInt32\": \"http\"}", "f, line 1: anInt32: must be a number, not a string" },
	{ "{\"aString\": 80}", "f, line 1: aString: must be a string, not a number: quote it" },
	{ "{\"aString\": true}", "f, line 1: aString: must be a string, not a boolean: quote it" },
	{ "{\"aString\": [\"x\"]}", "f, line 1: aString: must be a string, not a list" },
	{ "{\"aBool\": \"true\"}",
	  "f, line 1: aBool: must be true or false, not a string: remove the quotes" },
	{ "{\"aBool\": 1}", "f, line 1: aBool: must be true or false, not a number" },
	/* null is absent. */
	{ "{\"aString\": null, \"words\": null, \"strings\": null, \"inner\": null, \"aTime\": "
	  "null}",
	  "{}" },
	{ "{\"aString\": \"a\\u0000b\"}", "f, line 1: aString: must not hold a NUL character" },
	{ "{\"aString\": \"\\u00e9\\u4e2d\"}", "{a_string: \"\xc3\xa9\xe4\xb8\xad\"}" },

	{ "{\"someBytes\": \"aGVsbG8=\"}", "{some_bytes: <hello>}" },
	{ "{\"someBytes\": \"aGVs\\nbG8=\\n\"}", "{some_bytes: <hello>}" },
	{ "{\"someBytes\": \"\"}", "{some_bytes: <>}" },
	{ "{\"someBytes\": \"aGVsbG8\"}", "f, line 1: someBytes: must be base64" },
	{ "{\"someBytes\": \"aGVs bG8=\"}", "f, line 1: someBytes: must be base64" },
	{ "{\"someBytes\": \"aGVsbG8=aa\"}", "f, line 1: someBytes: must be base64" },
	{ "{\"someBytes\": \"a===\"}", "f, line 1: someBytes: must be base64" },
	{ "{\"someBytes\": \"-_==\"}", "f, line 1: someBytes: must be base64" },

	{ "{\"aTime\": \"1970-01-01T00:00:01Z\"}", "{a_time: {seconds: 1}}" },
	{ "{\"aTime\": \"2024-02-29T12:30:00.123+02:00\"}", "{a_time: {seconds: 1709202600}}" },
	{ "{\"aTime\": \"2023-02-29T12:30:00Z\"}",
	  "f, line 1: aTime: \"2023-02-29T12:30:00Z\" must be a time like 2006-01-02T15:04:05Z" },
	{ "{\"aTime\": \"2023-02-28\"}",
	  "f, line 1: aTime: \"2023-02-28\" must be a time like 2006-01-02T15:04:05Z" },
	{ "{\"aTime\": 17}", "f, line 1: aTime: must be a string, not a number: quote it" },

	{ "{\"aDuration\": \"1h30m0.5s\"}", "{a_duration: {duration: 5400500000000}}" },
	{ "{\"aDuration\": \"-250ms\"}", "{a_duration: {duration: -250000000}}" },
	{ "{\"aDuration\": \"0\"}", "{a_duration: {}}" },
	{ "{\"aDuration\": \"5\"}",
	  "f, line 1: aDuration: \"5\" must be a duration like 1h30m or 250ms" },
	{ "{\"aDuration\": \"9999999999h\"}",
	  "f, line 1: aDuration: \"9999999999h\" must be a duration like 1h30m or 250ms" },

	{ "{\"aQuantity\": \"1.5Gi\"}", "{a_quantity: {string: \"1.5Gi\"}}" },
	{ "{\"aQuantity\": 2}", "{a_quantity: {string: \"2\"}}" },
	{ "{\"aQuantity\": \"2e-3\"}", "{a_quantity: {string: \"2e-3\"}}" },
	{ "{\"aQuantity\": \"1.5gb\"}",
	  "f, line 1: aQuantity: \"1.5gb\" must be a quantity like 100m or 1.5Gi" },
	{ "{\"aQuantity\": {}}",
	  "f, line 1: aQuantity: must be a quantity like 100m or 1.5Gi, not a mapping" },

	{ "{\"intOrString\": 8080}", "{int_or_string: {int_val: 8080}}" },
	{ "{\"intOrString\": \"8080\"}", "{int_or_string: {type: 1, str_val: \"8080\"}}" },
	{ "{\"intOrString\": 3000000000}",
	  "f, line 1: intOrString: must be between -2147483648 and 2147483647" },
	{ "{\"intOrString\": true}",
	  "f, line 1: intOrString: must be a number or a string, not a boolean" },

	/* Maps are sorted by key, lists are not. */
	{ "{\"strings\": {\"b\": \"2\", \"a\": \"1\", \"c\": null}}",
	  "{strings: [{key: \"a\", value: \"1\"}, {key: \"b\", value: \"2\"}, {key: \"c\", value: "
	  "\"\"}]}" },
	{ "{\"blobs\": {\"y\": \"eQ==\", \"x\": null}}",
	  "{blobs: [{key: \"x\", value: <>}, {key: \"y\", value: <y>}]}" },
	{ "{\"numbers\": {\"one\": 1, \"none\": 0}}",
	  "{numbers: [{key: \"none\", value: 0}, {key: \"one\", value: 1}]}" },
	{ "{\"inners\": {\"x\": {\"name\": \"n\"}}}",
	  "{inners: [{key: \"x\", value: {name: \"n\"}}]}" },
	{ "{\"strings\": {\"a.b/c\": 1}}",
	  "f, line 1: strings[a.b/c]: must be a string, not a number: quote it" },
	{ "{\"strings\": [\"a\"]}", "f, line 1: strings: must be a mapping, not a list" },
	{ "{\"words\": [\"b\", \"\", \"a\"]}", "{words: [\"b\", \"\", \"a\"]}" },
	{ "{\"ints\": [3, 0], \"bools\": [false, true]}", "{ints: [3, 0], bools: [false, true]}" },
	{ "{\"words\": \"x\"}", "f, line 1: words: must be a list, not a string" },
	{ "{\"words\": [\"x\", null]}", "f, line 1: words[1]: must not be empty" },
	{ "{\"list\": [{}, {\"innermost\": {\"port\": \"x\"}}]}",
	  "f, line 1: list[1].innermost.port: must be a number, not a string" },
	{ "{\"inner\": {}}", "{inner: {}}" },
	{ "{\"inner\": \"x\"}", "f, line 1: inner: must be a mapping, not a string" },

	/* Unknown fields are reported, and the rest is read. */
	{ "{\"aString\": \"x\", \"other\": {\"deep\": [1, 2]}}",
	  "{a_string: \"x\"}\nf, line 1: other: unknown field, not read" },
	{ "{\"inner\": {\"Name\": \"x\"}}",
	  "{inner: {}}\nf, line 1: inner.Name: unknown field, did you mean \"name\"?" },
	{ "{\"a_string\": \"x\"}",
	  "{}\nf, line 1: a_string: unknown field, did you mean \"aString\"?" },
	/* Every error is reported, not the first alone. */
	{ "{\"anInt32\": \"x\",\n \"list\": [{\"name\": 1}]}",
	  "f, line 1: anInt32: must be a number, not a string\n"
	  "f, line 2: list[0].name: must be a string, not a number: quote it" },

	{ "[]", "f, line 1: must be a mapping, not a list" },
	{ "\"x\"", "f, line 1: must be a mapping, not a string" },
	{ "", "f: is empty" },
	{ "null", "f: is empty" },
	{ "{\"aString\": \"a\",\n\n \"aString\": \"b\"}",
	  "f, line 3: the key \"aString\" is there twice" },
	{ "{\"inner\": {\"name\": \"a\",\n \"innermost\": {},\n \"name\": \"b\"}}",
	  "f, line 3: the key \"name\" is there twice" },
};

TEST(json_and_yaml_become_the_same_message)
{
	check_rows(DECODE_JSON, both, ARRAY_SIZE(both));
	check_rows(DECODE_YAML, both, ARRAY_SIZE(both));
}

static const struct row yaml[] = {
	/* Plain scalars by YAML 1.1's rules, as kubectl reads them. */
	{ "aString: yes", "f, line 1: aString: must be a string, not a boolean: quote it" },
	{ "aString: \"yes\"", "{a_string: \"yes\"}" },
	{ "aString: !!str yes", "{a_string: \"yes\"}" },
	{ "aString: 0x10", "f, line 1: aString: must be a string, not a number: quote it" },
	{ "aString: 1.5", "f, line 1: aString: must be a string, not a number: quote it" },
	{ "aString: .inf", "f, line 1: aString: must be a string, not a number: quote it" },
	{ "aString: 10.0.0.1", "{a_string: \"10.0.0.1\"}" },
	{ "aString: 1.5.", "{a_string: \"1.5.\"}" },
	{ "aString: 12:30:45", "{a_string: \"12:30:45\"}" },
	{ "aString: 2001-12-14", "{a_string: \"2001-12-14\"}" },
	{ "aString: nullify", "{a_string: \"nullify\"}" },
	{ "aString: -x", "{a_string: \"-x\"}" },
	{ "aString: +x", "{a_string: \"+x\"}" },
	{ "aString: ~", "{}" },
	{ "aString:", "{}" },
	{ "aString: |\n  two\n  lines\n", "{a_string: \"two\nlines\n\"}" },
	{ "aBool: on", "{a_bool: true}" },
	{ "aBool: N\nmaybeBool: Off", "{maybe_bool: false}" },
	{ "anInt32: 0x1F\nmaybeInt32: 010\nanInt64: 1_000",
	  "{an_int32: 31, maybe_int32: 8, an_int64: 1000}" },
	{ "anInt32: 0b101\nmaybeInt32: 0o17\nanInt64: -12",
	  "{an_int32: 5, maybe_int32: 15, an_int64: -12}" },
	{ "anInt32: 08", "{an_int32: 8}" },
	{ "anInt32: 8080.0", "{an_int32: 8080}" },
	{ "anInt32: 8.08e3", "{an_int32: 8080}" },
	{ "anInt32: +8_080", "{an_int32: 8080}" },
	{ "anInt32: 8080.5", "f, line 1: anInt32: must be a whole number, not 8080.5" },
	{ "anInt32: 3e9", "f, line 1: anInt32: must be between -2147483648 and 2147483647" },
	{ "anInt32: !!int \"8\"", "{an_int32: 8}" },
	{ "aTime: 2024-02-29T12:30:00Z", "{a_time: {seconds: 1709209800}}" },
	{ "intOrString: 8080", "{int_or_string: {int_val: 8080}}" },
	{ "intOrString: http", "{int_or_string: {type: 1, str_val: \"http\"}}" },
	{ "someBytes: |\n  aGVs\n  bG8=\n", "{some_bytes: <hello>}" },
	/* Keys become strings as sigs.k8s.io/yaml makes them. */
	{ "strings: {1: a, true: b, 0x10: c}",
	  "{strings: [{key: \"1\", value: \"a\"}, {key: \"16\", value: \"c\"}, {key: \"true\", "
	  "value: \"b\"}]}" },
	{ "strings: {1.5: a}", "f, line 1: a key must be a string, not a number: quote it" },
	{ "strings: {~: a}", "f, line 1: a key must be a string, not nothing: quote it" },
	{ "strings: {{a: b}: c}", "f, line 1: looks like a template: render it first (helm "
				  "template): a key must be a string, not a mapping or list" },
	{ "strings: {\"a\\0\": c}", "f, line 1: a key must not hold a NUL character" },
	/* Lines are those of the key. */
	{ "# a comment\ninner:\n  innermost:\n\n    port: high\n",
	  "f, line 5: inner.innermost.port: must be a number, not a string" },
	{ "list:\n- name: a\n- name: 1\n",
	  "f, line 3: list[1].name: must be a string, not a number: quote it" },
	{ "words:\n- a\n- 5\n", "f, line 3: words[1]: must be a string, not a number: quote it" },
	/* Anchors, aliases, merge keys. */
	{ "words: [&a x, *a, &a z, *a]", "{words: [\"x\", \"x\", \"z\", \"z\"]}" },
	{ "inner: &i {name: k}\nlist: [*i, *i]",
	  "{list: [{name: \"k\"}, {name: \"k\"}], inner: {name: \"k\"}}" },
	{ "list: [*nothing]", "f, line 1: the alias *nothing has no anchor" },
	{ "inner: &i {innermost: *i}", "f, line 1: the alias *i holds itself" },
	{ "inners:\n  a: &a {name: k, innermost: {port: 1}}\n  b: {<<: *a, name: m}",
	  "{inners: [{key: \"a\", value: {name: \"k\", innermost: {port: 1}}}, "
	  "{key: \"b\", value: {name: \"m\", innermost: {port: 1}}}]}" },
	{ "inners:\n  a: &a {name: k}\n  b: &b {name: o, innermost: {}}\n  c: {<<: [*a, *b]}",
	  "{inners: [{key: \"a\", value: {name: \"k\"}}, {key: \"b\", value: {name: \"o\", "
	  "innermost: {}}}, "
	  "{key: \"c\", value: {name: \"k\", innermost: {}}}]}" },
	{ "inner: {<<: 5}", "f, line 1: << must be a mapping or a list of them" },
	{ "aString: !custom x", "f, line 1: the tag !custom is not understood here" },
	{ "someBytes: !!binary aGVsbG8=",
	  "f, line 1: the tag tag:yaml.org,2002:binary is not understood here" },
	{ "anInt32: !!int x", "f, line 1: the value does not fit its tag" },
	/* Documents. */
	{ "--- {aString: x}\n", "{a_string: \"x\"}" },
	{ "%YAML 1.1\n# c\n---\naString: x\n...\n", "{a_string: \"x\"}" },
	{ "# only this\n---\naString: x\n---\n# nothing\n", "{a_string: \"x\"}" },
	{ "aString: x\n---\naString: y\n", "f, line 3: must be one document, not several" },
	{ "\xef\xbb\xbf---\naString: x\n", "{a_string: \"x\"}" },
	{ "aString: x\r\nanInt32: 5\r\n", "{a_string: \"x\", an_int32: 5}" },
	/* Syntax. */
	{ "aString: x\ninner:\n\tname: x\n",
	  "f, line 3: not valid YAML: found character that cannot start any token, while scanning "
	  "for the "
	  "next token (the line is indented with a tab: use spaces)" },
	{ "a: [1, 2\nb: 3\n", "f, line 2: not valid YAML: did not find expected ',' or ']', while "
			      "parsing a flow sequence" },
	{ "aString: \"x\xff\"\n", "f, line 1: not valid YAML: invalid leading UTF-8 octet" },
	{ "aString: x\nmaybeString: \"\x01\"\n",
	  "f, line 2: not valid YAML: control characters are not allowed" },
};

TEST(yaml_is_read_as_kubectl_reads_it)
{
	check_rows(DECODE_YAML, yaml, ARRAY_SIZE(yaml));
}

static const struct row json[] = {
	{ "{\"aString\": \"x\"}\n{\"aString\": \"y\"}",
	  "f, line 2: must be one document, not several" },
	{ "\n{\"aString\": \n\"x\"", "f, line 3: not valid JSON: it ends too early" },
	{ "{\"aString\": 'x'}", "f, line 1: not valid JSON: unexpected character" },
	{ "{\"aString\": \"x\",}", "f, line 1: not valid JSON: unexpected character" },
	{ "{\"aString\": \"x\" /* y */}",
	  "f, line 1: not valid JSON: object value separator ',' expected" },
	{ "{\"aString\": \"\xc3\x28\"}", "f, line 1: not valid JSON: invalid utf-8 string" },
	{ "{\"aString\": \"\\ud83d\\ude00\"}", "{a_string: \"\xf0\x9f\x98\x80\"}" },
	{ "{\"strings\": {\"a\\u0000b\": \"x\"}}",
	  "f, line 1: the key \"a\\u0000b\" must not hold a NUL character" },
	{ "5", "f, line 1: must be a mapping, not a number" },
	{ "{\"words\": [\n \"a\",\n 5]}",
	  "f, line 3: words[1]: must be a string, not a number: quote it" },
	{ "{\"inner\": {\"name\": \"}],\\\"{\"},\n\"anInt32\": \"x\"}",
	  "f, line 2: anInt32: must be a number, not a string" },
};

TEST(json_is_read_strictly)
{
	check_rows(DECODE_JSON, json, ARRAY_SIZE(json));
}

/* ---- bounds ---- */

static char *repeat(const char *head, const char *middle, size_t n, const char *tail)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_puts(&b, head);
	for (size_t i = 0; i < n; i++)
		strbuf_puts(&b, middle);
	strbuf_puts(&b, tail);
	return strbuf_take(&b);
}

static void check_bound(enum decode_format format, char *text, const char *expected)
{
	_cleanup_free_ char *got = outcome(format, text, strlen(text));

	CHECK_STR(got, expected);
	free(text);
}

TEST(depth_is_bounded)
{
	check_bound(DECODE_YAML, repeat("words: ", "[", 100000, ""),
		    "f, line 1: is nested deeper than 64 levels");
	check_bound(DECODE_JSON, repeat("{\"words\": ", "[", 100000, ""),
		    "f, line 1: not valid JSON: nesting too deep");
}

TEST(aliases_do_not_multiply_without_bound)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_puts(&b, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
	for (int i = 1; i < 12; i++) {
		strbuf_printf(&b, "a%d: &a%d [", i, i);
		for (int k = 0; k < 10; k++)
			strbuf_printf(&b, "%s*a%d", k ? ", " : "", i - 1);
		strbuf_puts(&b, "]\n");
	}
	check_bound(DECODE_YAML, strbuf_take(&b),
		    "f, line 5: the file becomes larger than 261 KiB when its aliases are written "
		    "out: the rest of it is not read");
}

TEST(the_number_of_problems_is_bounded)
{
	_cleanup_free_ char *text = repeat("{\"words\": [", "1, ", 1000, "1]}"), *got = NULL;
	const char *last;

	got = outcome(DECODE_JSON, text, strlen(text));
	last = strrchr(got, '\n');
	CHECK_STR(last, "\nf: and 981 more like these");
}

TEST(a_map_with_many_keys_finds_the_one_that_is_there_twice)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_puts(&b, "strings:\n");
	for (int i = 0; i < 5000; i++)
		strbuf_printf(&b, "  k%d: x\n", i == 4000 ? 17 : i);
	check_bound(DECODE_YAML, strbuf_take(&b), "f, line 4002: the key \"k17\" is there twice");
}

TEST(a_text_beyond_the_limit_is_refused_unread)
{
	struct decode_limits limits = DECODE_LIMITS_DEFAULT;
	_cleanup_(decoder_freep) struct decoder *d = NULL;
	const struct decode_problem *problems;
	ProtobufCMessage *m;
	size_t n;

	limits.bytes = 10;
	d = decoder_new(&limits);
	CHECK_EQ(decode_message(d, DECODE_YAML, &test__sample__descriptor, "aString: xx", 11, &m,
				&problems, &n),
		 -EBADMSG);
	CHECK_EQ(n, 1);
	CHECK_STR(problems[0].message, "is larger than 10 bytes");
}
