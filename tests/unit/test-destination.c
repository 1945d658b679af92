/* Hosts that users may not send Envoy to, and names that TLS may ask for. */
#include <string.h>

#include "tests/lib/test.h"
#include "translator/check/destination.h"

TEST(each_notation_of_a_local_address_is_refused)
{
	static const struct {
		const char *host, *why;
	} rows[] = {
		{ "localhost", "means this host" },
		{ "LOCALHOST.", "means this host" },
		{ "localhost..", "means this host" },
		{ "a.b.localhost", "means this host" },
		{ "localhost.localdomain", "means this host" },
		{ "local.projectcontour.io.", "means this host" },
		{ "ip6-loopback", "means this host" },
		{ "127.0.0.1", "means this host" },
		{ "127.0.0.1.", "means this host" },
		{ "127.1", "means this host" },
		{ "127.255.255.254", "means this host" },
		{ "0177.0.0.1", "means this host" },
		{ "0x7f.0.0.1", "means this host" },
		{ "0x7f000001", "means this host" },
		{ "017700000001", "means this host" },
		{ "2130706433", "means this host" },
		{ "0", "means this host" },
		{ "0.0.0.0", "means this host" },
		{ "[::1]", "means this host" },
		{ "::1", "means this host" },
		{ "::1%lo", "means this host" },
		{ "0:0:0:0:0:0:0:1", "means this host" },
		{ "::", "means this host" },
		{ "::ffff:127.0.0.1", "means this host" },
		{ "::FFFF:7f00:1", "means this host" },
		{ "::127.0.0.1", "means this host" },
		{ "::ffff:0:127.0.0.1", "means this host" },
		{ "64:ff9b::7f00:1", "means this host" },
		{ "2002:7f00:1::", "means this host" },
		{ "169.254.169.254", "is a link-local or multicast address" },
		{ "2852039166", "is a link-local or multicast address" },
		{ "0xa9.254.0xa9fe", "is a link-local or multicast address" },
		{ "::ffff:169.254.169.254", "is a link-local or multicast address" },
		{ "64:ff9b::a9fe:a9fe", "is a link-local or multicast address" },
		{ "fe80::1", "is a link-local or multicast address" },
		{ "fe80::1%eth0", "is a link-local or multicast address" },
		{ "febf::1", "is a link-local or multicast address" },
		{ "ff02::1", "is a link-local or multicast address" },
		{ "224.0.0.1", "is a link-local or multicast address" },
		{ "255.255.255.255", "is a link-local or multicast address" },
		{ "fd00:ec2::254", "is the metadata service of a cloud" },
		{ "fd20:ce::254", "is the metadata service of a cloud" },
		{ "100.100.100.200", "is the metadata service of a cloud" },
		{ "168.63.129.16", "is the metadata service of a cloud" },
		{ "metadata.google.internal.", "is the metadata service of a cloud" },
		{ "Metadata", "is the metadata service of a cloud" },
		/* One of IPv4 in any layout of RFC 6052, in Teredo's and in ISATAP's. */
		{ "64:ff9b:1::a9fe:a9fe", "is a link-local or multicast address" },
		{ "64:ff9b:1:a9fe:a9:fe00::", "is a link-local or multicast address" },
		{ "64:ff9b:1:a9:fe:a9fe::", "is a link-local or multicast address" },
		{ "64:ff9b:1:0:a9:fea9:fe00:0", "is a link-local or multicast address" },
		{ "64:ff9b:1:abcd::7f00:1", "means this host" },
		/* The same below 8.0.0.0/8, if the prefix were shorter. */
		{ "64:ff9b:1:87f:1:100::", "means this host" },
		{ "64:ff9b:1:8a9:fe:100::", "is a link-local or multicast address" },
		{ "64:ff9b:1:808:7f:1::", "means this host" },
		{ "2001:0:4136:e378:8000:63bf:80ff:fffe", "means this host" },
		{ "2001:0:a9fe:a9fe::1", "is a link-local or multicast address" },
		{ "2001:db8::5efe:127.0.0.1", "means this host" },
		{ "2001:db8::200:5efe:169.254.169.254", "is a link-local or multicast address" },
		{ "fd00:ec2::23", "is the metadata service of a cloud" },
		{ "fd00:42::42", "is the metadata service of a cloud" },
		{ "fd00:a9fe:a9fe::1", "is the metadata service of a cloud" },
		{ "metadata.azure.internal", "is the metadata service of a cloud" },
		{ "instance-data.eu-central-1.compute.internal.",
		  "is the metadata service of a cloud" },
		{ "", "is neither a DNS name nor an address" },
		{ ".", "is neither a DNS name nor an address" },
		{ "a b", "is neither a DNS name nor an address" },
		{ "127.0.0.1 x", "is neither a DNS name nor an address" },
		{ "host:80", "is neither a DNS name nor an address" },
		{ "x%y", "is neither a DNS name nor an address" },
		{ "l\xc3\xb6"
		  "calhost",
		  "is neither a DNS name nor an address" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		CHECK_STR(destination_refused(rows[i].host), rows[i].why);
}

TEST(other_names_and_addresses_are_allowed)
{
	static const char *const rows[] = {
		"example.org",
		"api.example.org.",
		"EXAMPLE.org",
		"my_host.example.org",
		"localhost.example.org",
		"notlocalhost",
		"metadata.example.org",
		"10.0.0.1",
		"192.168.1.1",
		"168.63.129.17",
		"8.8.8.8",
		"2001:db8::1",
		"[2001:db8::1]",
		"::ffff:10.0.0.1",
		"64:ff9b::808:808",
		"64:ff9b:1::808:808",
		"64:ff9b:1:808:8:800::",
		"64:ff9b:1:8:8:808::",
		"64:ff9b:1:ae6:1:200::",  /* 10.230.1.2 */
		"64:ff9b:1:a01:e6:200::", /* 10.1.230.2 */
		"2001:0:808:808:8000:63bf:f7f7:f7f7",
		"2001:db8::5efe:8.8.8.8",
		"fd00:ec3::23",
		"instance-data.example.org",
		"api.eu-central-1.compute.internal",
		"fd00::1",
		"1.example.org",
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		CHECK(!destination_refused(rows[i]));
}

TEST(a_server_name_has_no_port_no_dot_at_the_end_and_no_address)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(4096);
	char longest[258];

	CHECK_STR(destination_server_name(a, "api.example.org"), "api.example.org");
	CHECK_STR(destination_server_name(a, "api.example.org."), "api.example.org");
	CHECK_STR(destination_server_name(a, "api.example.org.:443"), "api.example.org");
	CHECK_STR(destination_server_name(a, "api.example.org:443"), "api.example.org");
	CHECK_STR(destination_server_name(a, "10.0.0.1"), "");
	CHECK_STR(destination_server_name(a, "10.0.0.1:443"), "");
	CHECK_STR(destination_server_name(a, "[2001:db8::1]:443"), "");
	CHECK_STR(destination_server_name(a, "2001:db8::1"), "");
	CHECK_STR(destination_server_name(a, "%REQ(host)%"), "");
	CHECK_STR(destination_server_name(a, ""), "");
	CHECK_STR(destination_server_name(a, "."), "");
	CHECK_STR(destination_server_name(a, ":443"), "");
	memset(longest, 'a', sizeof(longest));
	longest[256] = '\0';
	CHECK_STR(destination_server_name(a, longest), "");
	longest[255] = '\0';
	CHECK_STR(destination_server_name(a, longest), longest);
	longest[254] = '.';
	CHECK(strlen(destination_server_name(a, longest)) == 254);
}
