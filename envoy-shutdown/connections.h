/* How many connections of clients an Envoy has. */
#pragma once

#include <stdint.h>

/* listeners: the answer to /listeners, a line NAME::ADDRESS each. stats: the answer to /stats with
 * the values listener.ADDRESS.downstream_cx_active, a line "NAME: VALUE" each. Adds the values of
 * all listeners except those of Envoy's own pages (health, metrics, admin), where probes and
 * scrapers come and go. */
uint64_t connections_count(const char *listeners, const char *stats);
