/* The connections that streams came by, and how many streams each may have: one client that opens
 * all that there are does not shut out the others. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "common/base/hashmap.h"
#include "xds-server/turn.h"

/* Streams on one connection. Envoy with our bootstrap has one. */
#define CONNECTION_STREAMS_MAX 1024

/* One stream's place on its connection. */
struct connection_place {
	TAILQ_ENTRY(connection_place) next;
	struct connection *connection; /* NULL: no connection */
};

struct connection {
	struct turn_account account;
	struct host *host;
	TAILQ_HEAD(connection_places, connection_place) places; /* the oldest first */
	size_t n;
	char peer[];
};

struct connections {
	struct hashmap by_peer;
	struct hashmap hosts; /* by the peer's address without its port */
	size_t n;             /* streams */
	size_t max;           /* streams of all connections; one host may have three quarters */
};

void connections_init(struct connections *c, size_t max);
void connections_done(struct connections *c);

enum connection_answer {
	CONNECTION_TAKEN,
	CONNECTION_FULL, /* this connection has enough */
	CONNECTION_BUSY, /* there are no more to be had */
};
/* Gives the stream a place on the connection of this peer ("ipv4:127.0.0.1:40000", "fd:17").
 * ret_victim: NULL, or a stream of the connection that has the most, which has to end for it. */
enum connection_answer connections_take(struct connections *c, const char *peer,
					struct connection_place *place,
					struct connection_place **ret_victim);
void connections_give_back(struct connections *c, struct connection_place *place);
