/* Traces of requests. */
#pragma once

#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb-c.h"
#include "translator/envoy.h"

typedef Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__HttpConnectionManager__Tracing
	EnvoyTracing;

EnvoyTracing *envoy_tracing(struct arena *a, const K8s__ConfigTracing *wish,
			    const Portolan__Model__Collector *collector);
