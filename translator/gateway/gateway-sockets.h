/* A Gateway's results for the rest of the translator: parents for routes, sockets for Envoy. */
#pragma once

#include "translator/gateway/gateway.h"

/* The socket that serves a listener: "gateway/ADDRESS/PORT", or ".../PORT/udp". It goes by the
 * address, for Envoy refuses a second listener at an address before the first is gone (E-LI-1). */
const char *gateway_socket_name(const struct gateway *g, uint32_t port, bool udp);
/* Call it for each listener, before the others. */
void gateway_sockets_count_guards(struct gateway *g, const struct gateway_listener *l);
void gateway_parents_emit(struct gateway *g);
void gateway_sockets_want(struct gateway *g);
