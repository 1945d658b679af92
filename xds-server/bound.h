/* The addresses of a client's listeners. Envoy refuses a listener if another of its listeners has
 * the same address, so a listener that takes over an address must wait for the other's end, or come
 * together with it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/link/state.h"

#define BOUND_ADDRESSES_MAX 16

struct bound {
	uint32_t id;                       /* of the listener */
	uint64_t has[BOUND_ADDRESSES_MAX]; /* hashes */
	size_t n;
};

/* For one stream. Listeners are few. */
struct bounds {
	struct bound *b;
	size_t n, cap;
};

/* The addresses in a Listener's bytes. */
void bound_read(const struct item *listener, struct bound *ret);
bool bound_meets(const struct bound *a, const struct bound *b);
/* The client has this version of the listener now; NULL: it has it no more. */
void bounds_set(struct bounds *all, uint32_t id, const struct item *listener);
void bounds_done(struct bounds *all);
