/* "ADDRESS:PORT" on command lines. Used by admin, xds-server and the portolan command. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/address.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"

static int parse_port(const char *text, in_port_t *ret)
{
	size_t n = strspn(text, "0123456789");
	long port;

	if (n == 0 || n > 5 || text[n])
		return -EINVAL;
	port = strtol(text, NULL, 10);
	if (port > 65535)
		return -EINVAL;
	*ret = htons((in_port_t)port);
	return 0;
}

static int parse_ipv6(const char *text, struct sockaddr_in6 *a)
{
	const char *end = strchr(text, ']');
	_cleanup_free_ char *host = NULL;

	if (!end || end[1] != ':')
		return -EINVAL;
	host = xstrndup(text + 1, (size_t)(end - text - 1));
	a->sin6_family = AF_INET6;
	if (inet_pton(AF_INET6, host, &a->sin6_addr) != 1)
		return -EINVAL;
	return parse_port(end + 2, &a->sin6_port);
}

static int parse_ipv4(const char *text, struct sockaddr_in *a)
{
	const char *colon = strchr(text, ':');
	_cleanup_free_ char *host = NULL;

	if (!colon)
		return -EINVAL;
	host = xstrndup(text, (size_t)(colon - text));
	a->sin_family = AF_INET;
	if (!*host)
		a->sin_addr.s_addr = htonl(INADDR_ANY);
	else if (strcasecmp(host, "localhost") == 0)
		a->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else if (inet_pton(AF_INET, host, &a->sin_addr) != 1)
		return -EINVAL;
	return parse_port(colon + 1, &a->sin_port);
}

int address_parse(const char *text, struct sockaddr_storage *ret, socklen_t *ret_len)
{
	struct sockaddr_storage a = { 0 };
	int r;

	if (*text == '[')
		r = parse_ipv6(text, (struct sockaddr_in6 *)&a);
	else
		r = parse_ipv4(text, (struct sockaddr_in *)&a);
	if (r < 0)
		return r;
	*ret = a;
	*ret_len = *text == '[' ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	return 0;
}

unsigned address_port(const struct sockaddr_storage *a)
{
	return ntohs(a->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)a)->sin6_port
					      : ((const struct sockaddr_in *)a)->sin_port);
}

char *address_format(const struct sockaddr_storage *a)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (a->ss_family == AF_INET6) {
		(void)inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)a)->sin6_addr, text,
				sizeof(text));
		return xasprintf("[%s]:%u", text, address_port(a));
	}
	(void)inet_ntop(AF_INET, &((const struct sockaddr_in *)a)->sin_addr, text, sizeof(text));
	return xasprintf("%s:%u", text, address_port(a));
}
