/* Where users may make Envoy connect to: GHSA-5ph6-qq5x-7jwc and its kind. */
#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/word.h"
#include "translator/check/destination.h"

#define HOST_MAX               253
#define SERVER_NAME_MAX        255 /* UpstreamTlsContext.sni */
#define SERVER_NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_*"

const char destination_hint[] =
	"; portolan.destinations.allow-local in the configuration allows it";

static const char this_host[] = "means this host";
static const char this_link[] = "is a link-local or multicast address";
static const char metadata[] = "is the metadata service of a cloud";

/* Whole names, and the end of names where they begin with a dot. */
static const struct {
	const char *name, *why;
} names[] = {
	{ "localhost", this_host },
	{ ".localhost", this_host }, /* RFC 6761, section 6.3 */
	{ "localhost.localdomain", this_host },
	{ "localhost4", this_host },
	{ "localhost6", this_host },
	{ "localhost4.localdomain4", this_host },
	{ "localhost6.localdomain6", this_host },
	{ "local.projectcontour.io", this_host },
	{ "ip6-localhost", this_host },
	{ "ip6-loopback", this_host },
	{ "ip6-localnet", this_link },
	{ "ip6-mcastprefix", this_link },
	{ "ip6-allnodes", this_link },
	{ "ip6-allrouters", this_link },
	{ "ip6-allhosts", this_link },
	{ "broadcasthost", this_link },
	{ "metadata", metadata },
	{ "metadata.google.internal", metadata },
	{ "metadata.goog", metadata },
	{ "instance-data", metadata },
	{ "instance-data.ec2.internal", metadata },
	{ "metadata.azure.internal", metadata },
	{ "metadata.tencentyun.com", metadata },
	{ "metadata.exoscale.com", metadata },
	{ "metadata.packet.net", metadata },
	{ "metadata.platformequinix.com", metadata },
	{ "api.metadata.cloud.ibm.com", metadata },
};

static const struct {
	uint32_t net, bits;
	const char *why;
} nets4[] = {
	{ 0x00000000, 8, this_host },  { 0x7f000000, 8, this_host },
	{ 0xa9fe0000, 16, this_link }, { 0xe0000000, 4, this_link },
	{ 0xffffffff, 32, this_link }, { 0x646464c8, 32, metadata }, /* Alibaba */
	{ 0xa83f8110, 32, metadata },                                /* Azure */
	{ 0xc00000c0, 32, metadata },                                /* Oracle */
};

static const char *check4(uint32_t ip)
{
	for (size_t i = 0; i < ARRAY_SIZE(nets4); i++)
		if ((ip ^ nets4[i].net) >> (32 - nets4[i].bits) == 0)
			return nets4[i].why;
	return NULL;
}

static uint32_t word(const struct in6_addr *ip, size_t at)
{
	return (uint32_t)ip->s6_addr[at] << 24 | (uint32_t)ip->s6_addr[at + 1] << 16 |
	       (uint32_t)ip->s6_addr[at + 2] << 8 | ip->s6_addr[at + 3];
}

/* Addresses that hold one of IPv4 as their last four bytes: mapped, compatible and translated (RFC
 * 4291, 2765, 6052), 6to4 with it in the middle (RFC 3056), the server of Teredo (RFC 4380), and
 * ISATAP below any network (RFC 5214). from: where the bytes are that tell. */
static const struct {
	const char *like;
	unsigned from, bytes, at;
} holders[] = {
	{ "::ffff:0:0", 0, 12, 12 },   { "::", 0, 12, 12 },
	{ "::ffff:0:0:0", 0, 12, 12 }, { "64:ff9b::", 0, 12, 12 },
	{ "2002::", 0, 2, 2 },         { "2001::", 0, 4, 4 },
	{ "::5efe:0:0", 8, 4, 12 },    { "::200:5efe:0:0", 8, 4, 12 },
};

static bool is_like(const struct in6_addr *ip, const char *like, unsigned from, unsigned bytes)
{
	struct in6_addr other;

	return inet_pton(AF_INET6, like, &other) == 1 &&
	       memcmp(&other.s6_addr[from], &ip->s6_addr[from], bytes) == 0;
}

/* The prefix for translation of one's own, in four lengths: the address goes around byte 8, and
 * zeros follow it (RFC 8215; RFC 6052, section 2.2). Zeros may belong to the address, too, so more
 * than one length can fit, and nobody but the translator knows which is meant. The longer ones then
 * begin inside the address: 8.8.8.8 ends with 0.0.0.0. What nobody connects to, networks 0 and
 * those from 224 on, therefore counts only in the first that fits. */
static const char *check_translated(const struct in6_addr *ip)
{
	static const uint8_t layouts[][4] = {
		{ 6, 7, 9, 10 }, { 7, 9, 10, 11 }, { 9, 10, 11, 12 }, { 12, 13, 14, 15 }
	};
	static const uint8_t zeros[16];
	const char *why = NULL;
	bool fits = false;

	for (size_t i = 0; i < ARRAY_SIZE(layouts) && !why; i++) {
		const uint8_t *at = layouts[i], *b = ip->s6_addr;
		size_t end = at[3] + 1u;

		if (memcmp(b + end, zeros, sizeof(zeros) - end) != 0)
			continue;
		if (!fits || (b[at[0]] > 0 && b[at[0]] < 224))
			why = check4((uint32_t)b[at[0]] << 24 | (uint32_t)b[at[1]] << 16 |
				     (uint32_t)b[at[2]] << 8 | b[at[3]]);
		fits = true;
	}
	return why;
}

static const char *check6(const struct in6_addr *ip)
{
	/* Networks of clouds where metadata or credentials are served. */
	static const struct {
		const char *like;
		unsigned bytes;
	} services[] = { { "fd00:ec2::", 4 },
			 { "fd20:ce::254", 16 },
			 { "fd00:c1::a9fe:a9fe", 16 },
			 { "fd00:42::42", 16 },
			 { "fd00:a9fe:a9fe::1", 16 } };
	const char *why;

	if (IN6_IS_ADDR_LOOPBACK(ip) || IN6_IS_ADDR_UNSPECIFIED(ip))
		return this_host;
	if (IN6_IS_ADDR_LINKLOCAL(ip) || IN6_IS_ADDR_MULTICAST(ip))
		return this_link;
	for (size_t i = 0; i < ARRAY_SIZE(services); i++)
		if (is_like(ip, services[i].like, 0, services[i].bytes))
			return metadata;
	for (size_t i = 0; i < ARRAY_SIZE(holders); i++)
		if (is_like(ip, holders[i].like, holders[i].from, holders[i].bytes)) {
			why = check4(word(ip, holders[i].at));
			if (why)
				return why;
		}
	if (is_like(ip, "2001::", 0, 4)) /* Teredo's client, inverted */
		return check4(~word(ip, 12));
	return is_like(ip, "64:ff9b:1::", 0, 6) ? check_translated(ip) : NULL;
}

#define EC2_NAME  "instance-data."
#define EC2_ZONES ".compute.internal"

static const char *check_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (*names[i].name == '.' ? word_ends_with(name, names[i].name)
					  : strcmp(name, names[i].name) == 0)
			return names[i].why;
	/* "instance-data.eu-central-1.compute.internal" */
	return strncmp(name, EC2_NAME, strlen(EC2_NAME)) == 0 && word_ends_with(name, EC2_ZONES)
		       ? metadata
		       : NULL;
}

/* Lower case, without brackets and dots at the end. Whether it is a host that could be meant. */
static bool normal(const char *host, char *ret)
{
	size_t len = strlen(host);

	if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
		host++;
		len -= 2;
	}
	while (len && host[len - 1] == '.')
		len--;
	if (!len || len > HOST_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)host[i];

		if (!isalnum(c) && !strchr(".-_:%", c))
			return false;
		ret[i] = (char)tolower(c);
	}
	ret[len] = '\0';
	return true;
}

/* IPv6, with the zone that resolvers take after "%". */
static bool is_address6(char *host, struct in6_addr *ret)
{
	char *zone = strchr(host, '%');

	if (zone)
		*zone = '\0';
	return inet_pton(AF_INET6, host, ret) == 1;
}

const char *destination_refused(const char *host)
{
	char name[HOST_MAX + 1];
	struct in6_addr v6;
	struct in_addr v4;

	if (!normal(host, name))
		return "is neither a DNS name nor an address";
	/* inet_aton takes all that resolvers take: "127.1", "0x7f000001", "2130706433". */
	if (inet_aton(name, &v4))
		return check4(ntohl(v4.s_addr));
	if (strpbrk(name, ":%"))
		return is_address6(name, &v6) ? check6(&v6)
					      : "is neither a DNS name nor an address";
	return check_name(name);
}

static bool is_address(const char *host)
{
	char name[HOST_MAX + 1];
	struct in6_addr v6;
	struct in_addr v4;

	return normal(host, name) && (inet_aton(name, &v4) || is_address6(name, &v6));
}

char *destination_server_name(struct arena *a, const char *host)
{
	const char *colon = host ? strchr(host, ':') : NULL;
	size_t len = colon && !strchr(colon + 1, ':') ? (size_t)(colon - host)
		     : host                           ? strlen(host)
						      : 0;
	char *name;

	while (len && host[len - 1] == '.')
		len--;
	if (!len || len > SERVER_NAME_MAX || strspn(host, SERVER_NAME_CHARACTERS) < len)
		return arena_strdup(a, "");
	name = arena_strndup(a, host, len);
	return is_address(name) ? arena_strdup(a, "") : name;
}
