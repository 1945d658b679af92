/* The services that Envoy asks about requests, for connection managers and for routes without wishes of their
 * own. */
#pragma once

#include "translator/units.h"

/* For the host with this TLS, or with NULL for plain HTTP: its own authorization, else the configuration's,
 * and the configuration's rate limits and traces. NULL: nobody is asked. */
Portolan__Model__HostAsks *asks_gather(struct reader *r, const Portolan__Model__HostTls *tls);

/* Says in the configuration's status what is wrong with it there. */
void asks_report(struct reader *r);

/* What the configuration's authorization makes of an Ingress's routes; NULL: nothing to say. */
struct asks_policy {
	Google__Protobuf__Any *route, *redirect;
};

void asks_policy_read(struct reader *r, struct asks_policy *ret);
void asks_policy_apply(struct arena *a, const struct asks_policy *p, Envoy__Config__Route__V3__Route *ret);
