/* Traces of requests. */
#pragma once

#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb-c.h"
#include "translator/envoy/envoy.h"
#include "translator/model/message.h"

EnvoyHttpConnectionManagerTracing *envoy_tracing(struct arena *a, const K8s__ConfigTracing *desired,
						 const ModelCollector *collector);
/* As a Gateway asks for them; NULL: requests are not traced. */
EnvoyHttpConnectionManagerTracing *envoy_tracing_of(struct arena *a, const ModelTracing *desired);
