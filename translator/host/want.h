/* The one door from front ends to hosts. */
#pragma once

#include "translator/graph/graph.h"
#include "translator/model/host.h"

/* The route table that answers 421 to everything. */
#define TABLE_MISDIRECTED "misdirected"

/* Takes an object's settings for a host: encodes its routes, each once, and emits them as a fact
 * (FACT_HOST). A host with TLS below a wildcard is a fact of the wildcard, too (FACT_BELOW). */
void want_host(struct reader *r, struct host_spec *spec);
/* Hosts that a wildcard covers and that are served by TLS themselves: a connection for the wildcard
 * must not be used for them. The array has room for one more. */
const char **want_hosts_below(struct reader *r, const char *host, size_t *ret_n);
