/* xds-server's pages on its control socket. */
#pragma once

#include "xds-server/xds-server.h"

void pages_add(struct xds_server *x);
