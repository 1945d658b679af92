/* Envoy's log of requests. */
#pragma once

#include "envoy/config/accesslog/v3/accesslog.pb-c.h"
#include "k8s/contour-configuration.pb-c.h"
#include "translator/envoy/envoy.h"
#include "translator/model/message.h"

/* The metadata of a route whose requests are not logged. */
EnvoyMetadata *envoy_quiet(struct arena *a);

/* place: "off", "stdout", or a path on Envoy's host. If nothing is to be logged, *ret stays
 * unchanged. quiet: there may be routes with envoy_quiet(). */
void envoy_access_log(struct arena *a, const K8s__ConfigLogging *logging, const char *place,
		      bool quiet, EnvoyAccessLog ***ret, size_t *ret_n);
