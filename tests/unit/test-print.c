#include <errno.h>

#include "common/base/document.h"
#include "common/link/resource-kind.h"
#include "envoy/config/cluster/v3/cluster.pb-c.h"
#include "envoy/config/route/v3/route.pb-c.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb-c.h"
#include "google/protobuf/struct.pb-c.h"
#include "tests/lib/test.h"
#include "translator/print/print.h"

#define CLUSTER envoy__config__cluster__v3__cluster__descriptor
#define SECRET  envoy__extensions__transport_sockets__tls__v3__secret__descriptor
#define ROUTES  envoy__config__route__v3__route_configuration__descriptor
#define VALUE   google__protobuf__value__descriptor

#define PRINTED(format, descriptor, flags, bytes, expected)                                \
	do {                                                                               \
		_cleanup_strbuf_ struct strbuf _out = STRBUF_INIT;                         \
		CHECK_EQ(print_message(&_out, format, &descriptor, (const uint8_t *)bytes, \
				       sizeof(bytes) - 1, flags),                          \
			 0);                                                               \
		CHECK_STR(strbuf_str(&_out), expected);                                    \
	} while (0)

TEST(yaml_quotes_what_a_reader_would_take_for_something_else)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "on", "\"on\"" },
		{ "NO", "\"NO\"" },
		{ "y", "\"y\"" },
		{ "null", "\"null\"" },
		{ "8080", "\"8080\"" },
		{ "1e3", "\"1e3\"" },
		{ "0x1f", "\"0x1f\"" },
		{ "10.0.0.1", "\"10.0.0.1\"" },
		{ "12:30:45", "\"12:30:45\"" },
		{ "2001-12-14", "\"2001-12-14\"" },
		{ "", "\"\"" },
		{ " x", "\" x\"" },
		{ "x ", "\"x \"" },
		{ "a: b", "\"a: b\"" },
		{ "a:", "\"a:\"" },
		{ "a #b", "\"a #b\"" },
		{ "~", "\"~\"" },
		{ "-", "\"-\"" },
		{ "---", "\"---\"" },
		{ "*.example.com", "\"*.example.com\"" },
		{ "@type", "\"@type\"" },
		{ "[redacted]", "\"[redacted]\"" },
		{ ".nan", "\".nan\"" },
		{ "+1", "\"+1\"" },
		{ "a\nb", "\"a\\nb\"" },
		{ "\xc2\x85", "\"\\u0085\"" },
		{ "\xe2\x80\xa8", "\"\\u2028\"" },
		{ "\xef\xbb\xbf", "\"\\ufeff\"" },
		{ "\xc3\xa9", "\"\xc3\xa9\"" },
		{ "\xff", "\"\xef\xbf\xbd\"" },
		{ "example.com", "example.com" },
		{ "default/web/http", "default/web/http" },
		{ "type.googleapis.com/x.Y", "type.googleapis.com/x.Y" },
		{ "1.5s", "1.5s" },
		{ "only if x, y", "only if x, y" },
		{ "urn:a:b", "urn:a:b" },
		{ "/prefix", "/prefix" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_strbuf_ struct strbuf b = STRBUF_INIT, want = STRBUF_INIT;
		struct document d;

		document_init(&d, &b, DOCUMENT_YAML);
		document_string(&d, rows[i].in);
		strbuf_printf(&want, "%s\n", rows[i].out);
		CHECK_STR(strbuf_str(&b), strbuf_str(&want));
	}
}

static void nest(struct document *d)
{
	document_map(d);
	document_key(d, "empty");
	document_map(d);
	document_end(d);
	document_key(d, "list");
	document_list(d);
	document_map(d);
	document_key(d, "a");
	document_int(d, -1);
	document_key(d, "b");
	document_list(d);
	document_list(d);
	document_bool(d, true);
	document_null(d);
	document_end(d);
	document_list(d);
	document_end(d);
	document_end(d);
	document_end(d);
	document_map(d);
	document_key(d, "on");
	document_map(d);
	document_key(d, "c");
	document_double(d, 0.1);
	document_end(d);
	document_end(d);
	document_end(d);
	document_end(d);
}

TEST(nesting_is_laid_out_in_both_formats)
{
	_cleanup_strbuf_ struct strbuf json = STRBUF_INIT, yaml = STRBUF_INIT;
	struct document d;

	document_init(&d, &yaml, DOCUMENT_YAML);
	nest(&d);
	CHECK_STR(strbuf_str(&yaml), "empty: {}\n"
				     "list:\n"
				     "- a: -1\n"
				     "  b:\n"
				     "  - - true\n"
				     "    - null\n"
				     "  - []\n"
				     "- \"on\":\n"
				     "    c: 0.1\n");
	document_init(&d, &json, DOCUMENT_JSON);
	nest(&d);
	CHECK_STR(strbuf_str(&json), "{\n"
				     "  \"empty\": {},\n"
				     "  \"list\": [\n"
				     "    {\n"
				     "      \"a\": -1,\n"
				     "      \"b\": [\n"
				     "        [\n"
				     "          true,\n"
				     "          null\n"
				     "        ],\n"
				     "        []\n"
				     "      ]\n"
				     "    },\n"
				     "    {\n"
				     "      \"on\": {\n"
				     "        \"c\": 0.1\n"
				     "      }\n"
				     "    }\n"
				     "  ]\n"
				     "}\n");
}

TEST(fields_keep_their_names_and_durations_and_enums_get_theirs)
{
	/* name, connect_timeout 1.5 s, type EDS in a oneof */
	PRINTED(DOCUMENT_YAML, CLUSTER, 0,
		"\x0a\x03"
		"a/b"
		"\x22\x08\x08\x01\x10\x80\xca\xb5\xee\x01"
		"\x10\x03",
		"name: a/b\n"
		"type: EDS\n"
		"connect_timeout: 1.500s\n");
}

/* A resource that is put together from parts has elements of a field in several places. */
TEST(elements_of_one_field_are_gathered_in_wire_order)
{
	PRINTED(DOCUMENT_YAML, ROUTES, 0,
		"\x12\x03\x0a\x01"
		"b"
		"\x0a\x01x"
		"\x12\x03\x0a\x01"
		"a",
		"name: x\n"
		"virtual_hosts:\n"
		"- name: b\n"
		"- name: a\n");
}

/* name "s", a certificate with chain "A" and private key "KEY" */
#define SECRET_BYTES                        \
	"\x0a\x01s\x12\x0c\x0a\x03\x12\x01" \
	"A\x12\x05\x12\x03"                 \
	"KEY"

TEST(keys_are_redacted_when_asked)
{
	PRINTED(DOCUMENT_YAML, SECRET, PRINT_REDACT, SECRET_BYTES,
		"name: s\n"
		"tls_certificate:\n"
		"  certificate_chain:\n"
		"    inline_bytes: QQ==\n"
		"  private_key:\n"
		"    inline_bytes: \"[redacted]\"\n");
	PRINTED(DOCUMENT_YAML, SECRET, 0, SECRET_BYTES,
		"name: s\n"
		"tls_certificate:\n"
		"  certificate_chain:\n"
		"    inline_bytes: QQ==\n"
		"  private_key:\n"
		"    inline_bytes: S0VZ\n");
}

TEST(bytes_that_are_no_message_are_refused_and_print_nothing)
{
	static const struct {
		const char *bytes;
		size_t n;
	} rows[] = {
		{ "\x0a\x05"
		  "abc",
		  5 },                                                  /* shorter than it says */
		{ "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 }, /* as long as can be */
		{ "\x08\x01", 2 },                                      /* name as a number */
		{ "\x0b", 1 },                                          /* a group */
		{ "\x02\x00", 2 },                                      /* field 0 */
		{ "\x10\xff", 2 },                                      /* half a number */
		{ "\x22\x06\x10\xff\xff\xff\xff\x07", 8 },              /* 2 s of nanoseconds */
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

		strbuf_puts(&b, "kept");
		CHECK_EQ(print_message(&b, DOCUMENT_JSON, &CLUSTER, (const uint8_t *)rows[i].bytes,
				       rows[i].n, 0),
			 -EBADMSG);
		CHECK_STR(strbuf_str(&b), "kept");
	}
}

/* A Value that holds a list that holds a Value ... */
static size_t nested_value(uint8_t *buf, size_t cap, unsigned depth)
{
	size_t n = 0;

	for (unsigned i = 0; i < depth; i++) {
		uint8_t head[8];
		size_t h = 0;

		for (int level = 0; level < 2; level++) {
			size_t len = n;

			h = 0;
			head[h++] = level ? 0x32 : 0x0a;
			do {
				head[h++] = (uint8_t)((len & 0x7f) | (len > 0x7f ? 0x80 : 0));
				len >>= 7;
			} while (len);
			CHECK(n + h <= cap);
			memmove(buf + h, buf, n);
			memcpy(buf, head, h);
			n += h;
		}
	}
	return n;
}

TEST(nesting_is_bounded)
{
	static uint8_t buf[4096];
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	size_t n = nested_value(buf, sizeof(buf), 100);

	CHECK_EQ(print_message(&b, DOCUMENT_JSON, &VALUE, buf, n, 0), 0);
	n = nested_value(buf, sizeof(buf), 400);
	CHECK_EQ(print_message(&b, DOCUMENT_JSON, &VALUE, buf, n, 0), -ELOOP);
}

TEST(a_resource_that_cannot_be_read_says_so_inside_the_document)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	struct document d;

	document_init(&d, &b, DOCUMENT_YAML);
	document_list(&d);
	CHECK_EQ(print_resource(&d, RESOURCE_CLUSTER, "a", "v1", (const uint8_t *)"\x0b", 1, 0),
		 -EBADMSG);
	CHECK_EQ(print_resource(&d, RESOURCE_CLUSTER, "b", "v2",
				(const uint8_t *)"\x0a\x01"
						 "b",
				3, 0),
		 0);
	document_end(&d);
	CHECK_STR(strbuf_str(&b), "- kind: cluster\n"
				  "  name: a\n"
				  "  version: v1\n"
				  "  resource: \"[unreadable]\"\n"
				  "- kind: cluster\n"
				  "  name: b\n"
				  "  version: v2\n"
				  "  resource:\n"
				  "    name: b\n");
}
