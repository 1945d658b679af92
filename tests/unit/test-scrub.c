/* xds-server/scrub.c: no key gets through, and useful text does. */
#include "tests/lib/test.h"
#include "xds-server/scrub.h"

#define BASE64 "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"

static const char *scrubbed(const char *message)
{
	static char out[1024];

	scrub(message, out, sizeof(out));
	return out;
}

TEST(pem_blocks_are_removed_whole_closed_or_not)
{
	CHECK_STR(scrubbed("bad key: -----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY----- "
			   "in s"),
		  "bad key: [removed] in s");
	CHECK_STR(scrubbed("bad -----BEGIN RSA PRIVATE KEY-----\nshort\nlines"), "bad [removed]");
	CHECK_STR(scrubbed("-----BEGIN A-----x-----END A----------BEGIN B-----y-----END B-----z"),
		  "[removed][removed]z");
}

TEST(values_of_fields_that_hold_secrets_are_removed)
{
	CHECK_STR(scrubbed("private_key { inline_string: \"abc \\\" def\" } name: \"s\""),
		  "private_key { inline_string: [removed] } name: \"s\"");
	CHECK_STR(scrubbed("inline_bytes: \"\\060\\202\" x"), "inline_bytes: [removed] x");
	CHECK_STR(scrubbed("{\"inlineBytes\":\"QUJD\",\"name\":\"s\"}"),
		  "{\"inlineBytes\":[removed],\"name\":\"s\"}");
	CHECK_STR(scrubbed("{\\\"inlineString\\\": \\\"hush\\\", \\\"a\\\": 1}"),
		  "{\\\"inlineString\\\": [removed], \\\"a\\\": 1}");
	CHECK_STR(scrubbed("password=hush user=me"), "password=[removed] user=me");
	CHECK_STR(scrubbed("inline_string: 'never closed"), "inline_string: [removed]");
}

TEST(long_base64_is_removed_and_names_are_not)
{
	CHECK_STR(scrubbed("what is " BASE64 "?"), "what is [removed]?");
	CHECK_STR(scrubbed("MHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04fSeQ6tF1aY_PuoAoGCCqGSM49"),
		  "[removed]");
	CHECK_STR(scrubbed("Error adding/updating cluster "
			   "production/a-service-with-a-really-long-name/http/"
			   "0a1b2c3d4e5f60718293a4b5"),
		  "Error adding/updating cluster "
		  "production/a-service-with-a-really-long-name/http/0a1b2c3d4e5f60718293a4b5");
	CHECK_STR(scrubbed("Proto constraint validation failed "
			   "(RouteConfigurationValidationError.VirtualHosts[0]: embedded message "
			   "failed "
			   "validation | caused by VirtualHostValidationError.Domains)"),
		  "Proto constraint validation failed "
		  "(RouteConfigurationValidationError.VirtualHosts[0]: embedded message failed "
		  "validation | caused by VirtualHostValidationError.Domains)");
	CHECK_STR(scrubbed("type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"),
		  "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret");
}

TEST(control_characters_become_spaces)
{
	CHECK_STR(scrubbed("a\nb\r\tc\x1b[31m\x7f"), "a b  c [31m ");
}

TEST(the_result_is_bounded_and_ends_with_a_whole_character)
{
	char out[8];

	scrub("abcdefghij", out, sizeof(out));
	CHECK_STR(out, "abcdefg");
	scrub("abcde\xe2\x82\xac!", out, sizeof(out));
	CHECK_STR(out, "abcde");
	scrub("abcd\xe2\x82\xac!", out, sizeof(out));
	CHECK_STR(out, "abcd\xe2\x82\xac");
	scrub("", out, sizeof(out));
	CHECK_STR(out, "");
	scrub("-----BEGIN", out, sizeof(out));
	CHECK_STR(out, "[remove");
}
