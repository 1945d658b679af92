/* Routes that all locations of a host share. */
#pragma once

#include "translator/model/route.h"

/* The routes of one location, as indexes of all that a host has. */
struct nginx_span {
	size_t from, to;
	size_t forward; /* the first that has filters or an upstream; `to` if there is none */
};

/* Puts the routes with which all locations begin before them all, for every path. The spans are
 * adjacent, the last is of the location that has all paths, and no route comes after it. */
void nginx_hoist(struct arena *a, const struct nginx_span *spans, size_t n, struct routes *routes);
