/* Where users may make Envoy connect to: GHSA-5ph6-qq5x-7jwc and its kind. */
#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "translator/check/destination.h"

#define HOST_MAX                           253
#define SERVER_destination_server_name_MAX 255 /* UpstreamTlsContext.sni */
#define SERVER_destination_server_name_CHARACTERS \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_*"

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
	{ "metadata", metadata },
	{ "metadata.google.internal", metadata },
	{ "metadata.goog", metadata },
	{ "instance-data", metadata },
	{ "instance-data.ec2.internal", metadata },
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

/* The prefixes that hold an IPv4 address: mapped, compatible and translated (RFC 4291, 2765, 6052,
 * 8215), 6to4 (RFC 3056). at: where it is. */
static const struct {
	const char *prefix;
	unsigned bytes, at;
} holders[] = {
	{ "::ffff:0:0", 12, 12 }, { "::", 12, 12 },          { "::ffff:0:0:0", 12, 12 },
	{ "64:ff9b::", 12, 12 },  { "64:ff9b:1::", 12, 12 }, { "2002::", 2, 2 },
};

static const char *check6(const struct in6_addr *ip)
{
	static const char *const services[] = { "fd00:ec2::254", "fd20:ce::254",
						"fd00:c1::a9fe:a9fe" };
	struct in6_addr other;

	if (IN6_IS_ADDR_LOOPBACK(ip) || IN6_IS_ADDR_UNSPECIFIED(ip))
		return this_host;
	if (IN6_IS_ADDR_LINKLOCAL(ip) || IN6_IS_ADDR_MULTICAST(ip))
		return this_link;
	for (size_t i = 0; i < ARRAY_SIZE(services); i++)
		if (inet_pton(AF_INET6, services[i], &other) == 1 &&
		    memcmp(&other, ip, sizeof(other)) == 0)
			return metadata;
	for (size_t i = 0; i < ARRAY_SIZE(holders); i++)
		if (inet_pton(AF_INET6, holders[i].prefix, &other) == 1 &&
		    memcmp(&other, ip, holders[i].bytes) == 0)
			return check4(word(ip, holders[i].at));
	return NULL;
}

static const char *check_name(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		size_t n = strlen(names[i].name);

		if (n == len ? strcmp(names[i].name, name) == 0
			     : *names[i].name == '.' && n < len &&
				       strcmp(name + len - n, names[i].name) == 0)
			return names[i].why;
	}
	return NULL;
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
	if (!len || len > SERVER_destination_server_name_MAX ||
	    strspn(host, SERVER_destination_server_name_CHARACTERS) < len)
		return arena_strdup(a, "");
	name = arena_strndup(a, host, len);
	return is_address(name) ? arena_strdup(a, "") : name;
}
