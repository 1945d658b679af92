/* Conditions on paths and headers that no request can meet with these settings of Envoy's edge. */
#pragma once

#include "translator/graph/graph.h"
#include "translator/model/match.h"

/* A sentence, or NULL where a request can have the path. */
const char *path_unmatched(struct reader *r, const struct route_match *m);
/* Why no route sees the header, or NULL: Envoy takes it away, or refuses the request. */
const char *header_unseen(struct reader *r, const char *name);
/* The same of the headers that conditions ask for. */
const char *headers_unseen(struct reader *r, const struct value_match *all, size_t n);
