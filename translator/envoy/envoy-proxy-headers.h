/* The filter that sets model/proxy-headers.h on requests of the routes that ask for it. */
#pragma once

#include "translator/envoy/envoy-filters.h"

#define ENVOY_PROXY_HEADERS "portolan.proxy-headers"

/* NULL: no route of the listener asks for it. */
const ProtobufCMessage *envoy_proxy_headers(struct arena *a, const struct http_spec *spec);
