/* Routes as Envoy has them. */
#pragma once

#include "translator/envoy/envoy.h"
#include "translator/model/route.h"

/* One of Envoy's routes. host, one_label: see envoy_route_match(). */
EnvoyRoute *envoy_route(struct arena *a, const char *host, bool one_label,
			const struct route *from);
/* The same as an element of field ENVOY_HOST_ROUTES. */
ProtobufCBinaryData envoy_route_encode(struct arena *a, const char *host, bool one_label,
				       const struct route *from);
/* The redirect to HTTPS in the place of a route. authorized: the connection manager has a filter
 * for external authorization, which is not asked about it. */
ProtobufCBinaryData envoy_route_encode_https(struct arena *a, const char *host, bool one_label,
					     const struct route *from, bool authorized);
