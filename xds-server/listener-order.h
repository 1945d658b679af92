/* Which listener may be sent now, given the addresses of the client's other listeners. */
#pragma once

#include "xds-server/stream.h"

/* The resources to remove together with sending a listener. */
struct listener_order {
	struct resource *aside[BOUND_ADDRESSES_MAX]; /* they come back, with another address */
	size_t n_aside;
	struct resource *gone[BOUND_ADDRESSES_MAX];
	size_t n_gone;
};

/* Whether the listener may be sent, and which resources must end with it. */
bool listener_order(const struct stream *s, const struct subscription *sub,
		    const struct resource *r, struct listener_order *ret);
