/* What the configuration says of HTTP connections of clients. */
#pragma once

#include "translator/envoy-filters.h"

void envoy_http_options(struct arena *a, const struct settings *s, HttpManager *ret);
/* The filter that compresses answers; NULL: there is none. */
const ProtobufCMessage *envoy_compressor(struct arena *a, const struct http_spec *spec);
