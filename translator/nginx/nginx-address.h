/* Lists of addresses and networks, as annotations write them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"

struct nginx_network {
	const char *address; /* IPv4 or IPv6, as text */
	uint32_t bits;
};

/* Whether each item of the list with commas is an address or a network. */
bool nginx_addresses_valid(const char *list);
/* The list's networks in the arena; other items are left out. Returns their number. */
size_t nginx_addresses_read(struct arena *a, const char *list, struct nginx_network **ret);
