/* Path conditions that no request can meet, whatever the settings of Envoy's edge. */
#pragma once

#include "translator/graph/graph.h"
#include "translator/model/match.h"

/* A sentence, or NULL where a request can have the path. */
const char *path_unmatched(struct reader *r, const struct route_match *m);
