/* The configuration's settings for HTTP connections of clients. */
#pragma once

#include "translator/envoy/envoy-filters.h"
#include "translator/model/message.h"

void envoy_http_options(struct arena *a, const struct settings *s, EnvoyHttpConnectionManager *ret);
/* The filter that compresses answers; NULL for no compression. */
const ProtobufCMessage *envoy_compressor(struct arena *a, const struct http_spec *spec);
