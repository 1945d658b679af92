/* Lists of addresses and networks. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/word.h"
#include "translator/nginx/nginx-address.h"

#define ITEM_MAX 64 /* the longest network as text is shorter */

/* The length of the prefix after the slash: the whole address without a slash, -1 if it is bad. */
static int read_bits(const char *slash, int most)
{
	size_t n;

	if (!slash)
		return most;
	n = strspn(slash + 1, "0123456789");
	if (!n || n > 3 || slash[1 + n] || atoi(slash + 1) > most)
		return -1;
	return atoi(slash + 1);
}

static bool read_one(const char *item, size_t len, struct nginx_network *ret, char *text)
{
	unsigned char bytes[sizeof(struct in6_addr)];
	char *slash;
	int bits;

	if (!len || len >= ITEM_MAX)
		return false;
	memcpy(text, item, len);
	text[len] = '\0';
	slash = strchr(text, '/');
	if (slash)
		*slash = '\0';
	if (inet_pton(AF_INET, text, bytes) == 1)
		bits = read_bits(slash, 32);
	else if (inet_pton(AF_INET6, text, bytes) == 1)
		bits = read_bits(slash, 128);
	else
		return false;
	if (bits < 0)
		return false;
	*ret = (struct nginx_network){ text, (uint32_t)bits };
	return true;
}

bool nginx_addresses_valid(const char *list)
{
	struct nginx_network n;
	char text[ITEM_MAX];
	const char *item;
	size_t len;

	while ((item = word_next(&list, &len)))
		if (!read_one(item, len, &n, text))
			return false;
	return true;
}

size_t nginx_addresses_read(struct arena *a, const char *list, struct nginx_network **ret)
{
	size_t most = 1, n = 0, len;
	const char *item;

	for (const char *p = list; *p; p++)
		most += *p == ',';
	*ret = arena_new_of(a, struct nginx_network, most);
	while ((item = word_next(&list, &len))) {
		char text[ITEM_MAX];
		struct nginx_network network;

		if (!read_one(item, len, &network, text))
			continue;
		network.address = arena_strdup(a, text);
		(*ret)[n++] = network;
	}
	return n;
}
