/* The services that Envoy asks about requests, for connection managers and for routes without
 * settings of their own. */
#pragma once

#include "proto/model.pb-c.h"
#include "translator/graph/graph.h"
#include "translator/model/filters.h"
#include "translator/model/message.h"

/* For the host with this TLS, or with NULL for plain HTTP: its own authorization, else the
 * configuration's, and the configuration's rate limits and traces. NULL: no service is asked. */
ModelHostServices *services_gather(struct reader *r, const ModelHostTls *tls);
/* The configuration's traces alone. */
ModelHostServices *services_tracing(struct reader *r);

/* Reports faults of these in the configuration's status. */
void services_report(struct reader *r);

/* The configuration's authorization, for routes without their own. */
void services_policy_read(struct reader *r, struct route_authorization *ret);
