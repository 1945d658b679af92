/* Servers where key sets for tokens are fetched. */
#pragma once

#include "translator/graph/graph.h"
#include "translator/model/jwt.h"

/* The name of the server's cluster, which is among the unit's resources from now on. */
const char *jwks_server_find(struct reader *r, const struct jwks_server *server);
